//! TLS for checks: the configurations, made once and shared, and the handshake.

use std::sync::{Arc, OnceLock};

pub(super) use quorate_api::client::NO_TLS;
use quorate_api::client::{AnyCertificate, tls_words, trusting};
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
        let trust = || if skip_verify { Trust::Anybody } else { Trust::These(roots()) };
        slot.get_or_init(|| Arc::new(config(inside, trust()))).clone()
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

fn words(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(error) => tls_words(error),
        None => super::dial::words(error),
    }
}

/// Whose certificates are taken.
enum Trust {
    Anybody,
    These(RootCertStore),
}

fn config(inside: Inside, trust: Trust) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    // The provider has suites for each of the versions that are on by default.
    let builder = builder.with_protocol_versions(rustls::DEFAULT_VERSIONS).unwrap_or_else(|_| ClientConfig::builder());
    let builder = match trust {
        Trust::Anybody => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider))),
        Trust::These(roots) => trusting(builder, provider, roots),
    };
    let mut config = builder.with_no_client_auth();
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

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

    use super::*;

    /// What comes of a handshake with a server that has this certificate, where this one is trusted.
    async fn handshake(
        of: (&CertificateDer<'static>, &KeyPair),
        trusted: &CertificateDer<'static>,
        name: &str,
    ) -> String {
        let key = PrivatePkcs8KeyDer::from(of.1.serialize_der());
        let provider = Arc::new(ring::default_provider());
        let server =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let server = server.with_no_client_auth().with_single_cert(vec![of.0.clone()], key.into()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let connector = TlsConnector::from(Arc::new(config(Inside::Anything, Trust::These(roots))));
        let (here, there) = tokio::io::duplex(1 << 16);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let (connected, _) = tokio::join!(connector.connect(name, here), acceptor.accept(there));
        connected.map_or_else(|error| words(&error), |_| "trusted".to_owned())
    }

    /// An authority's own certificate, for `localhost`, as `openssl req -x509` makes it.
    fn authority() -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().der().clone(), key)
    }

    #[tokio::test]
    async fn the_certificate_that_is_trusted_may_be_the_servers_own() {
        let ((own, key), (other, _)) = (authority(), authority());
        assert_eq!(handshake((&own, &key), &own, "localhost").await, "trusted");
        let words = handshake((&own, &key), &own, "elsewhere").await;
        assert_eq!(words, "tls: failed to verify certificate: x509: certificate is valid for localhost, not elsewhere");
        let words = handshake((&own, &key), &other, "localhost").await;
        assert_eq!(words, "tls: failed to verify certificate: x509: certificate signed by unknown authority");
    }
}
