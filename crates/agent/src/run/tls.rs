//! TLS for checks: the configurations, made once and shared, and the handshake.

use std::sync::{Arc, OnceLock};

use quorate_api::client::{AnyCertificate, trusting};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, RootCertStore};
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

/// What is told when the other end does not speak TLS at all.
pub(super) const NO_TLS: &str = "tls: first record does not look like a TLS handshake";

fn words(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => NO_TLS.to_owned(),
        Some(rustls::Error::InvalidCertificate(reason)) => {
            format!("tls: failed to verify certificate: {}", certificate_words(reason))
        }
        Some(rustls::Error::AlertReceived(alert)) => format!("remote error: tls: {}", alert_words(*alert)),
        Some(rustls::Error::PeerIncompatible(_)) => "tls: no version or algorithm that both sides support".to_owned(),
        Some(_) => "tls: the handshake failed".to_owned(),
        None => super::dial::words(error),
    }
}

/// An alert in words: rustls has its name in one, `HandshakeFailure`.
fn alert_words(alert: rustls::AlertDescription) -> String {
    let mut words = String::new();
    for letter in format!("{alert:?}").chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// Why a certificate is not taken, as Go says it where that needs no times, which would differ from run to run.
fn certificate_words(reason: &CertificateError) -> String {
    match reason {
        // What webpki has no name for in rustls is foremost an authority's certificate which is not itself trusted.
        CertificateError::UnknownIssuer | CertificateError::Other(_) => {
            "x509: certificate signed by unknown authority".to_owned()
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "x509: certificate has expired or is not yet valid".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => name_words(expected, presented),
        CertificateError::BadEncoding => "x509: malformed certificate".to_owned(),
        CertificateError::BadSignature => "x509: invalid signature".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "x509: certificate specifies an incompatible key usage".to_owned()
        }
        CertificateError::UnhandledCriticalExtension => "x509: unhandled critical extension".to_owned(),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "x509: cannot verify signature: algorithm unimplemented".to_owned()
        }
        _ => "x509: it can't be verified".to_owned(),
    }
}

/// A certificate is of other names than the one that was meant. The names come as `DnsName("a")` and `IpAddress(1.2.3.4)`.
fn name_words(expected: &ServerName<'_>, presented: &[String]) -> String {
    let expected_text = expected.to_str();
    let is_address = matches!(expected, ServerName::IpAddress(_));
    let (before, after) = if is_address { ("IpAddress(", ")") } else { ("DnsName(\"", "\")") };
    let names: Vec<_> = presented.iter().filter_map(|name| name.strip_prefix(before)?.strip_suffix(after)).collect();
    match (names.is_empty(), is_address) {
        (true, true) => {
            format!("x509: cannot validate certificate for {expected_text} because it doesn't contain any IP SANs")
        }
        (true, false) => {
            format!("x509: certificate is not valid for any names, but wanted to match {expected_text}")
        }
        (false, _) => format!("x509: certificate is valid for {}, not {expected_text}", names.join(", ")),
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

    #[test]
    fn alerts_are_told_in_words() {
        assert_eq!(alert_words(rustls::AlertDescription::HandshakeFailure), "handshake failure");
    }

    #[test]
    fn a_wrong_name_is_told_as_go_tells_it() {
        let two = [r#"DnsName("a.b")"#, "IpAddress(1.2.3.4)", r#"DnsName("*.c")"#];
        for (expected, presented, words) in [
            ("x.y", &two[..], "certificate is valid for a.b, *.c, not x.y"),
            ("5.6.7.8", &two, "certificate is valid for 1.2.3.4, not 5.6.7.8"),
            ("5.6.7.8", &two[..1], "cannot validate certificate for 5.6.7.8 because it doesn't contain any IP SANs"),
            ("x.y", &two[1..2], "certificate is not valid for any names, but wanted to match x.y"),
        ] {
            let expected = ServerName::try_from(expected).unwrap();
            let presented: Vec<_> = presented.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(name_words(&expected, &presented), format!("x509: {words}"));
        }
    }
}
