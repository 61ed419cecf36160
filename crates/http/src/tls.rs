//! TLS: certificates from files, and the rules by which it is spoken.
//!
//! The files are read when the server starts and whenever [`Tls::replace`] is called; connections that are open keep what
//! they began with. If the files can't be read then, the old certificates stay in use.
//!
//! Cryptography is `ring`'s, and nothing else's in this workspace.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Where the certificates are, and by which rules TLS is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the server with those that lead to its authority, PEM.
    pub certificate_file: PathBuf,
    /// Its key, PEM.
    pub key_file: PathBuf,
    /// The authorities of clients, PEM.
    pub authority_file: Option<PathBuf>,
    /// A directory of such files.
    pub authority_directory: Option<PathBuf>,
    /// Whether clients must have a certificate of one of these authorities.
    pub verify_clients: bool,
    /// The oldest version that is spoken.
    pub version_min: TlsVersion,
    /// The suites of TLS 1.2 that are spoken; all if there are none.
    pub cipher_suites: Vec<CipherSuite>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2
    V1_2,
    /// 1.3
    V1_3,
}

/// A cipher suite of TLS 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherSuite(rustls::CipherSuite);

impl CipherSuite {
    /// The suite of this name, in IANA's form, if it is spoken.
    pub fn by_name(name: &str) -> Option<Self> {
        // Older names of these two lack the hash.
        let name = match name {
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            name => name,
        };
        let suites = ring::ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_none());
        suites.map(|suite| suite.suite()).find(|suite| suite.as_str() == Some(name)).map(Self)
    }
}

/// Why TLS can't be spoken: a file and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", .file.display())]
pub struct TlsError {
    file: PathBuf,
    problem: String,
}

impl TlsError {
    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// TLS as a server speaks it.
#[derive(Debug)]
pub struct Tls {
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    pub fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self { current: RwLock::new(Arc::new(config(files)?)) })
    }

    /// Reads the same or other files, for the connections to come.
    pub fn replace(&self, files: &TlsFiles) -> Result<(), TlsError> {
        let fresh = Arc::new(config(files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        TlsAcceptor::from(current).accept(stream).await
    }
}

fn config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(provider(&files.cipher_suites));
    let versions: &[_] = match files.version_min {
        TlsVersion::V1_2 => &[&rustls::version::TLS12, &rustls::version::TLS13],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let certificates = certificates(&files.certificate_file)?;
    let key_file = &files.key_file;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| wrong(key_file, error))?;
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions);
    let builder = builder.map_err(|error| wrong(&files.certificate_file, error))?;
    let builder = if files.verify_clients {
        let roots = Arc::new(authorities(files)?);
        let culprit = files.authority_file.as_ref().or(files.authority_directory.as_ref());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
        let verifier = verifier.map_err(|error| wrong(culprit.unwrap_or(&files.certificate_file), error))?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(|error| wrong(key_file, error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The cryptography, with the suites of TLS 1.3 and these of TLS 1.2; with all if there are none.
fn provider(suites: &[CipherSuite]) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !suites.is_empty() {
        provider
            .cipher_suites
            .retain(|known| known.tls13().is_some() || suites.iter().any(|wanted| wanted.0 == known.suite()));
    }
    provider
}

fn authorities(files: &TlsFiles) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let mut add = |file: &Path| {
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| wrong(file, error))?;
        }
        Ok(())
    };
    if let Some(file) = &files.authority_file {
        add(file)?;
    }
    if let Some(directory) = &files.authority_directory {
        let entries = std::fs::read_dir(directory).map_err(|error| wrong(directory, error))?;
        for entry in entries {
            let path = entry.map_err(|error| wrong(directory, error))?.path();
            if path.is_file() {
                add(&path)?;
            }
        }
    }
    Ok(roots)
}

/// The certificates of a file, of which there is at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| wrong(file, error))?;
    let certificates: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| wrong(file, error))?;
    if certificates.is_empty() { Err(wrong(file, "there is no certificate in it")) } else { Ok(certificates) }
}

fn wrong(file: &Path, problem: impl std::fmt::Display) -> TlsError {
    TlsError { file: file.to_owned(), problem: problem.to_string() }
}
