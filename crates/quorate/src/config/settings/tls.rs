//! What HTTPS needs: `tls.https`, and `tls.defaults` for what that does not say.

use std::path::PathBuf;

use quorate_http::tls::{CipherSuite, TlsFiles, TlsVersion};

use super::{ConfigError, Resolver};

impl<'a> Resolver<'a> {
    /// The certificates and rules of HTTPS; none without a certificate.
    pub(super) fn https_files(&mut self) -> Result<Option<TlsFiles>, ConfigError> {
        // Looked at also where they will not be used: what is wrong would be found out with the first certificate.
        let version_min = self.tls_version()?;
        let cipher_suites = self.cipher_suites(version_min)?;
        let path = |key: &str| self.tls(key).map(|(_, text)| PathBuf::from(text));
        let (certificate, key) = (path("cert_file"), path("key_file"));
        let verify_clients = self.flag("tls.https.verify_incoming").or(self.flag("tls.defaults.verify_incoming"));
        let verify_clients = verify_clients.unwrap_or(false);
        let (authority_file, authority_directory) = (path("ca_file"), path("ca_path"));
        if verify_clients && authority_file.is_none() && authority_directory.is_none() {
            return Err(self.tls_error("verify_incoming", "it needs the authority of the clients: ca_file or ca_path"));
        }
        let (certificate_file, key_file) = match (certificate, key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) if verify_clients => {
                return Err(self.tls_error("verify_incoming", "it needs a certificate: cert_file and key_file"));
            }
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(self.tls_error("cert_file", "it needs its key: key_file")),
            (None, Some(_)) => return Err(self.tls_error("key_file", "it needs its certificate: cert_file")),
        };
        if self.flag("tls.defaults.verify_incoming") == Some(true) {
            let problem = "it holds for HTTPS alone: servers do not speak to each other yet, and there is no gRPC";
            self.warn("tls.defaults.verify_incoming", problem);
        }
        Ok(Some(TlsFiles {
            certificate_file,
            key_file,
            authority_file,
            authority_directory,
            verify_clients,
            version_min,
            cipher_suites,
        }))
    }

    /// The files of TLS and the keys that name them.
    pub(super) fn tls_culprits(&self, files: Option<&TlsFiles>) -> Vec<(PathBuf, String)> {
        let keys = ["cert_file", "key_file", "ca_file", "ca_path"].into_iter().filter(|_| files.is_some());
        let named = keys.filter_map(|key| {
            let (path, text) = self.tls(key)?;
            Some((PathBuf::from(text), self.entry(&path)?.culprit()))
        });
        named.collect()
    }

    /// What is said for HTTPS, with the whole key; empty texts say nothing.
    fn tls(&self, key: &str) -> Option<(String, &'a str)> {
        ["tls.https", "tls.defaults"].into_iter().find_map(|group| {
            let path = format!("{group}.{key}");
            let text = self.text(&path).filter(|text| !text.is_empty())?;
            Some((path, text))
        })
    }

    fn tls_error(&self, key: &str, problem: impl std::fmt::Display) -> ConfigError {
        let path = format!("tls.https.{key}");
        let path = if self.entry(&path).is_some() { path } else { format!("tls.defaults.{key}") };
        self.wrong(&path, problem)
    }

    fn tls_version(&mut self) -> Result<TlsVersion, ConfigError> {
        let Some((path, text)) = self.tls("tls_min_version") else { return Ok(TlsVersion::V1_2) };
        match text {
            "TLS_AUTO" | "TLSv1_2" | "tls12" => Ok(TlsVersion::V1_2),
            "TLSv1_3" | "tls13" => Ok(TlsVersion::V1_3),
            "TLSv1_0" | "TLSv1_1" | "tls10" | "tls11" => {
                self.warn(&path, format_args!("{text} is not spoken any more; the oldest is TLSv1_2"));
                Ok(TlsVersion::V1_2)
            }
            _ => Err(self.wrong(&path, format_args!("{text:?}: it must be TLS_AUTO, TLSv1_2 or TLSv1_3"))),
        }
    }

    /// The suites of TLS 1.2 that may be used; empty if nothing was said. Those of TLS 1.3 can't be chosen.
    fn cipher_suites(&mut self, version_min: TlsVersion) -> Result<Vec<CipherSuite>, ConfigError> {
        let Some((path, text)) = self.tls("tls_cipher_suites") else { return Ok(Vec::new()) };
        if version_min == TlsVersion::V1_3 {
            return Err(self.wrong(&path, "the cipher suites of TLS 1.3 can't be chosen"));
        }
        let mut suites = Vec::new();
        for name in text.split(',').map(str::trim) {
            match CipherSuite::by_name(name) {
                Some(suite) => suites.push(suite),
                None if UNSPOKEN_SUITES.contains(&name) => {
                    self.warn(&path, format_args!("{name} is left out: suites with CBC are not spoken"));
                }
                None => return Err(self.wrong(&path, format_args!("there is no cipher suite {name:?}"))),
            }
        }
        if suites.is_empty() {
            return Err(self.wrong(&path, "none of these cipher suites is spoken"));
        }
        Ok(suites)
    }
}

/// Suites that Consul can be told to use and that are not safe enough to be spoken here.
const UNSPOKEN_SUITES: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];
