//! For clients and checks that verify whom they talk to.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier, client::WantsClientCert,
};

/// Takes certificates that an authority vouches for, and those of the authorities themselves: a server may have the very
/// certificate that its clients are told to trust, as `openssl req -x509` makes it. rustls alone takes no certificate of an
/// authority from a server; Go does.
#[derive(Debug)]
struct Trusted {
    authorities: Arc<RootCertStore>,
    webpki: Arc<WebPkiServerVerifier>,
}

/// Goes on with a configuration that trusts these authorities.
pub fn trusting(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    provider: Arc<CryptoProvider>,
    authorities: RootCertStore,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let authorities = Arc::new(authorities);
    match WebPkiServerVerifier::builder_with_provider(authorities.clone(), provider).build() {
        Ok(webpki) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Trusted { authorities, webpki })),
        // There are no authorities, so nobody is trusted.
        Err(_) => builder.with_root_certificates(authorities),
    }
}

impl Trusted {
    /// Whether a certificate has an authority's name and key.
    fn is_authority(&self, certificate: &CertificateDer<'_>) -> bool {
        let as_authority = webpki::anchor_from_trusted_cert(certificate);
        as_authority.is_ok_and(|own| self.authorities.roots.contains(&own))
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.webpki.verify_server_cert(certificate, intermediates, name, ocsp_response, now);
        match verified {
            // webpki looks at this behind the time of the certificate and before the name in it.
            Err(error) if is_of_authority(&error) && self.is_authority(certificate) => {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Whether a certificate was refused for being one of an authority.
fn is_of_authority(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}
