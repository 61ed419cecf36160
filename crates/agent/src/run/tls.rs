//! TLS for checks: the configurations, made once and shared, and the handshake.

use std::sync::{Arc, OnceLock};

use quorate_api::client::AnyCertificate;
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
            format!("tls: failed to verify certificate: {}", certificate_words(reason))
        }
        Some(other) => format!("tls: {other}"),
        None => super::dial::words(error),
    }
}

/// Why a certificate is not taken, as Go says it where that needs no times, which would differ from run to run.
fn certificate_words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => "x509: certificate signed by unknown authority".to_owned(),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "x509: certificate has expired or is not yet valid".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => name_words(expected, presented),
        other => other.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
