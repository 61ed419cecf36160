//! Where clients are served: the addresses and sockets of HTTP, and those of DNS.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use quorate_base::Host;
use quorate_base::metrics::Registry;
use quorate_dns::{Listeners, Zone};
use quorate_http::Listener;
use quorate_http::tls::Tls;
use quorate_node::Handle;
use tokio::net::TcpListener;
use tracing::info;

use super::files::{self, Temporary};
use crate::config::Settings;
use crate::config::settings::DnsSettings;

/// Where HTTP comes from, the certificates of HTTPS, and the files of sockets.
pub(super) type Listening = (Vec<Listener>, Option<Arc<Tls>>, Vec<Temporary>);

/// How many connections wait in the kernel until they are taken; it has a bound of its own (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;

async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    // It listens already, with a backlog that a burst of a few hundred clients fills; this makes it longer.
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// Takes the addresses and sockets of HTTP.
pub(super) async fn listen(settings: &Settings) -> anyhow::Result<Listening> {
    let http = &settings.http;
    let (mut listeners, mut sockets) = (Vec::new(), Vec::new());
    for address in &settings.addresses.http {
        let listener = bind(*address).await.with_context(|| format!("HTTP address {address}"))?;
        listeners.push(Listener::Tcp(listener));
    }
    let tls = http.tls.as_ref().map(Tls::new).transpose();
    let tls = tls.map_err(|error| anyhow::anyhow!(http.tls_problem(&error)))?.map(Arc::new);
    for address in &http.https {
        let listener = bind(*address).await.with_context(|| format!("HTTPS address {address}"))?;
        if let Some(tls) = &tls {
            listeners.push(Listener::Tls(listener, tls.clone()));
        }
    }
    for path in &http.sockets {
        let (listener, file) = files::listen(path, &http.socket_access)?;
        listeners.push(Listener::Unix(listener));
        sockets.push(file);
    }
    Ok((listeners, tls, sockets))
}

/// Takes the addresses of DNS.
pub(super) fn listen_dns(settings: &Settings) -> anyhow::Result<Vec<Listeners>> {
    let bind = |address: &SocketAddr| {
        Listeners::bind(*address, settings.dns.zone.udp_sockets).with_context(|| format!("DNS address {address}"))
    };
    settings.dns.addresses.iter().map(bind).collect()
}

/// The zone of an agent that was started with `settings`, as `dns` has it.
pub(super) fn zone(settings: &Settings, dns: &DnsSettings) -> anyhow::Result<Zone> {
    let settings = quorate_dns::Settings {
        datacenter: settings.datacenter.clone(),
        node_name: settings.node.name.clone(),
        ..dns.zone.clone()
    };
    Zone::new(settings).context("the DNS zone")
}

/// Serves DNS on threads of its own until the value is dropped; nothing if no address was taken.
pub(super) fn serve_dns(
    settings: &Settings,
    node: &Handle,
    host: &Host,
    metrics: &Registry,
    listeners: Vec<Listeners>,
) -> anyhow::Result<Option<quorate_dns::Server>> {
    if listeners.is_empty() {
        return Ok(None);
    }
    for listener in &listeners {
        info!(address = %listener.address(), "serving DNS");
    }
    let zone = zone(settings, &settings.dns)?;
    let server = quorate_dns::Server::start(zone, node.clone(), host.clone(), metrics, listeners).context("DNS")?;
    Ok(Some(server))
}
