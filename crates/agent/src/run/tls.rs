//! TLS for checks: the configurations, made once and shared, and the handshake.

use std::sync::{Arc, OnceLock};

use quorate_api::client::AnyCertificate;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::definition::Tls;

/// What is to be spoken inside of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// Nothing is said of it.
    Anything,
    /// HTTP/2.
    Http2,
}

/// The configurations. The machine's root certificates are read when they are first needed.
#[derive(Default)]
pub(crate) struct TlsConfigs {
    /// By what is inside, then by whether certificates are verified.
    made: [[OnceLock<Arc<ClientConfig>>; 2]; 2],
}

impl TlsConfigs {
    fn get(&self, inside: Inside, skip_verify: bool) -> Arc<ClientConfig> {
        let slot = &self.made[usize::from(inside == Inside::Http2)][usize::from(skip_verify)];
        slot.get_or_init(|| Arc::new(config(inside, skip_verify))).clone()
    }

    /// Makes a handshake with whoever is at the other end, who is called `host` unless the check says otherwise.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        tls: &Tls,
        inside: Inside,
    ) -> Result<TlsStream<TcpStream>, String> {
        let name = if tls.server_name.is_empty() { host } else { &tls.server_name };
        let name = ServerName::try_from(name.to_owned()).map_err(|_| format!("tls: {name:?} is no server name"))?;
        let connector = TlsConnector::from(self.get(inside, tls.skip_verify));
        connector.connect(name, stream).await.map_err(|error| words(&error))
    }
}

/// What is told when the other end does not speak TLS at all.
pub(super) const NO_TLS: &str = "tls: first record does not look like a TLS handshake";

fn words(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => NO_TLS.to_owned(),
        Some(rustls::Error::InvalidCertificate(reason)) => {
            format!("tls: failed to verify certificate: {reason}")
        }
        Some(other) => format!("tls: {other}"),
        None => super::dial::words(error),
    }
}

fn config(inside: Inside, skip_verify: bool) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    // The provider has suites for each of the versions that are on by default.
    let builder = builder.with_protocol_versions(rustls::DEFAULT_VERSIONS).unwrap_or_else(|_| ClientConfig::builder());
    let mut config = if skip_verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider)))
            .with_no_client_auth()
    } else {
        builder.with_root_certificates(roots()).with_no_client_auth()
    };
    if inside == Inside::Http2 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    config
}

/// The certificates that the machine trusts.
fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the machine's root certificates can't be read");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}
