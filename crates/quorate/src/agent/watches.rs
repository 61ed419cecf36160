//! Runs the watches of the configuration.
//!
//! A watch is a task that asks the agent's own HTTP listener, by the same client and plan as the `watch` command: what is
//! asked has its meaning, its limits and its JSON in the routes alone. News is handled before the next question, so runs of
//! one watch never overlap, and whatever changes during a run is one more run.
//!
//! **Invariants**
//! - A watch that a reload did not change goes on with what it knows: its handler does not run for it.
//! - A handler's processes are ended with their children when its watch is removed or the agent stops; what a reload
//!   brings begins only when what it takes away has ended.

mod handling;

use std::sync::Arc;

use quorate_agent::run::Sender;
use quorate_api::client::{Address, Client, ClientSettings, Consistency, Query, TlsError, TlsSettings};
use quorate_base::Host;
use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use crate::config::Settings;
use crate::config::watches::Watch;
use crate::watch::Plan;

/// The watches that run.
pub(super) struct Watches {
    host: Host,
    listener: Option<Listener>,
    sender: Arc<Sender>,
    running: Vec<Running>,
    /// Those that were told to end: each resolves when it has.
    ending: Vec<oneshot::Receiver<()>>,
}

struct Running {
    watch: Watch,
    /// Its task ends when this is dropped.
    stop: watch::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Watches {
    /// None yet.
    pub(super) fn new(host: &Host) -> Self {
        Self { host: host.clone(), listener: None, sender: Arc::default(), running: Vec::new(), ending: Vec::new() }
    }

    /// Runs these, and no others. Those that begin ask where these settings say that the agent listens.
    pub(super) fn replace(&mut self, watches: Vec<Watch>, settings: &Settings) {
        self.listener = Listener::of(settings);
        let mut before = std::mem::take(&mut self.running);
        let mut fresh = Vec::new();
        for watch in watches {
            match before.iter().position(|running| running.watch == watch) {
                Some(position) => self.running.push(before.swap_remove(position)),
                None => fresh.push(watch),
            }
        }
        let gone = self.end(before);
        for watch in fresh {
            self.start(watch, gone.clone());
        }
    }

    /// Ends all, and waits until the processes of their handlers have ended.
    pub(super) async fn stop(&mut self) {
        let running = std::mem::take(&mut self.running);
        let mut gone = self.end(running);
        // An error says that the other side is dropped, which is what is waited for.
        let _ = gone.changed().await;
    }

    /// Tells watches to end. The result is closed when they, and those before them, have.
    fn end(&mut self, watches: Vec<Running>) -> watch::Receiver<()> {
        for Running { stop, ended, watch } in watches {
            info!(handler = watch.name, "a watch ends");
            drop(stop);
            self.ending.push(ended);
        }
        let (all_ended, gone) = watch::channel(());
        let ending = std::mem::take(&mut self.ending);
        let (ended, last) = oneshot::channel::<()>();
        self.ending.push(last);
        self.host.spawn(async move {
            for one in ending {
                let _ = one.await;
            }
            drop((all_ended, ended));
        });
        gone
    }

    fn start(&mut self, watch: Watch, mut after: watch::Receiver<()>) {
        let client = match self.listener.as_ref().map(|listener| listener.client(&watch)) {
            Some(Ok(client)) => client,
            Some(Err(error)) => return error!(handler = watch.name, %error, "a watch can't ask this agent"),
            None => return warn!(handler = watch.name, "a watch is not run: this agent serves no HTTP to ask"),
        };
        let (stop, mut stopped) = watch::channel(());
        let (ends, ended) = oneshot::channel::<()>();
        let consistency = if watch.is_stale { Consistency::Stale } else { Consistency::Default };
        let query = Query { consistency, ..Query::default() };
        let mut plan = Plan::new(client, watch.question.clone(), query);
        let (handler, name, sender) = (watch.handler.clone(), watch.name.clone(), self.sender.clone());
        self.host.spawn(async move {
            let _ends = ends;
            let _ = after.changed().await;
            loop {
                let failed = |problem: &str, wait| {
                    warn!(handler = name, problem, ?wait, "a watch was not answered, and asks again after a while");
                };
                let news = tokio::select! {
                    _ = stopped.changed() => return,
                    news = plan.news(failed) => news,
                };
                handling::handle(&handler, &name, news, &sender, &mut stopped).await;
            }
        });
        self.running.push(Running { watch, stop, ended });
    }
}

/// Where the agent itself is asked.
struct Listener {
    address: Address,
    tls: TlsSettings,
}

impl Listener {
    /// The first of HTTP, Unix sockets and HTTPS that is served.
    fn of(settings: &Settings) -> Option<Self> {
        let http = &settings.http;
        let local = |scheme: &str, address: &std::net::SocketAddr| {
            let mut address = *address;
            match address.ip() {
                ip if !ip.is_unspecified() => {}
                std::net::IpAddr::V4(_) => address.set_ip(std::net::Ipv4Addr::LOCALHOST.into()),
                std::net::IpAddr::V6(_) => address.set_ip(std::net::Ipv6Addr::LOCALHOST.into()),
            }
            format!("{scheme}://{address}")
        };
        let in_the_clear = settings.addresses.http.iter().map(|address| local("http", address));
        let sockets = http.sockets.iter().map(|path| format!("unix://{}", path.display()));
        let secure = http.https.iter().map(|address| local("https", address));
        let address = in_the_clear.chain(sockets).chain(secure).find_map(|address| address.parse().ok())?;
        // It is this very process, whatever names its certificate has; its own is what it shows if clients must have one.
        let files = http.tls.as_ref();
        let tls = TlsSettings {
            is_unverified: true,
            certificate_file: files.map(|files| files.certificate_file.clone()),
            key_file: files.map(|files| files.key_file.clone()),
            ..TlsSettings::default()
        };
        Some(Self { address, tls })
    }

    fn client(&self, watch: &Watch) -> Result<Client, TlsError> {
        let settings = ClientSettings {
            token: watch.token.clone(),
            datacenter: watch.datacenter.clone(),
            ..ClientSettings::default()
        };
        Client::with_tls(self.address.clone(), settings, &self.tls)
    }
}
