//! Why TLS is not spoken, in the words of Go: those of rustls show how its types are written in Rust.

use rustls::CertificateError;
use rustls::pki_types::ServerName;

/// What is told when the other end does not speak TLS at all.
pub const NO_TLS: &str = "tls: first record does not look like a TLS handshake";

/// An error in words.
pub fn tls_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => NO_TLS.to_owned(),
        rustls::Error::InvalidCertificate(reason) => {
            format!("tls: failed to verify certificate: {}", certificate_words(reason))
        }
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {}", alert_words(*alert)),
        rustls::Error::PeerIncompatible(_) => "tls: no version or algorithm that both sides support".to_owned(),
        _ => "tls: the handshake failed".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
