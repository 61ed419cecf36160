//! TLS as a client speaks it: whom it trusts, who it is, and what the server must be called.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::any_certificate::AnyCertificate;
use super::trusted::trusting;

/// What a client needs for TLS. The default trusts the authorities that the machine trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// The authorities to trust, PEM.
    pub authority_file: Option<PathBuf>,
    /// A directory of such files.
    pub authority_directory: Option<PathBuf>,
    /// The client's certificate, PEM.
    pub certificate_file: Option<PathBuf>,
    /// The key of that, PEM.
    pub key_file: Option<PathBuf>,
    /// The name to expect in the server's certificate; by default that of the address.
    pub server_name: Option<String>,
    /// Whether any certificate is taken, whoever issued it. The connection is then private to nobody.
    pub is_unverified: bool,
}

/// Why TLS can't be spoken.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

/// TLS, ready to be spoken.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    pub(super) server_name: Option<String>,
}

impl Tls {
    pub(super) fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| TlsError(error.to_string()))?;
        let builder = if settings.is_unverified {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider)))
        } else {
            trusting(builder, provider, authorities(settings)?)
        };
        let config = match (&settings.certificate_file, &settings.key_file) {
            (Some(certificate), Some(key_file)) => {
                let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| wrong(key_file, error))?;
                builder
                    .with_client_auth_cert(certificates(certificate)?, key)
                    .map_err(|error| wrong(certificate, error))?
            }
            (None, None) => builder.with_no_client_auth(),
            _ => {
                return Err(TlsError("a client's certificate and its key are given together or not at all".to_owned()));
            }
        };
        Ok(Self { config: Arc::new(config), server_name: settings.server_name.clone() })
    }

    pub(super) fn connector(&self) -> TlsConnector {
        TlsConnector::from(self.config.clone())
    }
}

fn authorities(settings: &TlsSettings) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if settings.authority_file.is_none() && settings.authority_directory.is_none() {
        // Some of a machine's certificates may be out of date or odd; the others count.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    }
    let mut files: Vec<PathBuf> = settings.authority_file.iter().cloned().collect();
    if let Some(directory) = &settings.authority_directory {
        for entry in std::fs::read_dir(directory).map_err(|error| wrong(directory, error))? {
            files.push(entry.map_err(|error| wrong(directory, error))?.path());
        }
    }
    for file in files.iter().filter(|file| !file.is_dir()) {
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| wrong(file, error))?;
        }
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| wrong(file, error))?;
    let certificates: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| wrong(file, error))?;
    if certificates.is_empty() { Err(wrong(file, "there is no certificate in it")) } else { Ok(certificates) }
}

fn wrong(file: &Path, problem: impl std::fmt::Display) -> TlsError {
    TlsError(format!("{}: {problem}", file.display()))
}
