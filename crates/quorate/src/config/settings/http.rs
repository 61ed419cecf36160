//! Where HTTP is served and by which rules.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use quorate_http::Network;
use quorate_http::tls::{TlsError, TlsFiles};

use super::{ConfigError, Resolver, network};

/// Where HTTP is served and by which rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HttpSettings {
    /// Unix sockets that it is served on, beside the addresses.
    pub(crate) sockets: Vec<PathBuf>,
    /// Who may use those.
    pub(crate) socket_access: SocketAccess,
    /// Where HTTPS is served; nowhere by default.
    pub(crate) https: Vec<SocketAddr>,
    /// Its certificates; there are some if it is served.
    pub(crate) tls: Option<TlsFiles>,
    /// The files of those, and the key that names each, as a message says it.
    pub(crate) tls_culprits: Vec<(PathBuf, String)>,
    /// Headers that every answer gets.
    pub(crate) response_headers: BTreeMap<String, String>,
    /// The networks that may write; all if there are none.
    pub(crate) write_networks: Vec<Network>,
    /// Beginnings of the paths that are not served.
    pub(crate) blocked_paths: Vec<String>,
    /// The largest head of a request in bytes; 256 KiB by default.
    pub(crate) head_bytes_max: usize,
}

/// The largest head of a request if the configuration does not say: the longest path with a few long headers. Go's server
/// allows 1 MiB; what is that long is no question that a server of Consul's API can answer.
const HEAD_BYTES_DEFAULT: usize = 256 << 10;
/// What Go's server allows beyond `max_header_bytes`, which is said to leave room for a buffer.
const HEAD_SLACK_BYTES: usize = 4 << 10;
/// The most that `max_header_bytes` may be: each connection can hold that much memory while its head arrives.
const HEAD_BYTES_LIMIT: i64 = 16 << 20;

/// Who may use a Unix socket. What is not said stays as the process has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SocketAccess {
    /// The owner, by name or number.
    pub(crate) user: Option<String>,
    /// The group, by name or number.
    pub(crate) group: Option<String>,
    /// The mode, such as 0o777.
    pub(crate) mode: Option<u32>,
}

impl HttpSettings {
    /// Why the certificates can't be used, with the place of the key that names the file.
    pub(crate) fn tls_problem(&self, error: &TlsError) -> String {
        let named = self.tls_culprits.iter().find(|(path, _)| error.file().starts_with(path));
        named.map(|(_, culprit)| format!("{culprit}: {error}")).unwrap_or_else(|| error.to_string())
    }
}

impl Resolver<'_> {
    /// The addresses and the sockets of `addresses.KEY`, else of `client_addr`.
    pub(in crate::config) fn clients(&self, key: &str) -> Result<(Vec<std::net::IpAddr>, Vec<PathBuf>), ConfigError> {
        let own = format!("addresses.{key}");
        let path = if self.text(&own).is_some() { own.as_str() } else { "client_addr" };
        let text = self.text(path).unwrap_or("127.0.0.1");
        let (sockets, ips): (Vec<&str>, Vec<&str>) =
            text.split_whitespace().partition(|word| word.starts_with("unix://"));
        let ips = network::parse_ips(&ips.join(" ")).map_err(|problem| self.wrong(path, problem))?;
        let sockets = sockets.into_iter().filter_map(|socket| socket.strip_prefix("unix://")).map(PathBuf::from);
        Ok((ips, sockets.collect()))
    }

    pub(super) fn http_settings(&mut self, sockets: Vec<PathBuf>) -> Result<HttpSettings, ConfigError> {
        let tls = self.https_files()?;
        let https = self.https(tls.is_some())?;
        Ok(HttpSettings {
            sockets,
            socket_access: self.socket_access()?,
            https,
            tls_culprits: self.tls_culprits(tls.as_ref()),
            tls,
            response_headers: self.response_headers()?,
            write_networks: self.write_networks()?,
            blocked_paths: self.texts("http_config.block_endpoints"),
            head_bytes_max: self.head_bytes_max()?,
        })
    }

    fn https(&mut self, has_certificate: bool) -> Result<Vec<SocketAddr>, ConfigError> {
        // Consul's default is that there is none.
        let Some(port) = self.port("ports.https", 0)? else { return Ok(Vec::new()) };
        if !has_certificate {
            self.warn("ports.https", "nothing is served there without a certificate: tls.https.cert_file");
            return Ok(Vec::new());
        }
        let (ips, sockets) = self.clients("https")?;
        if self.text("addresses.https").is_some() && !sockets.is_empty() {
            return Err(self.wrong("addresses.https", "Unix sockets are served without TLS, by addresses.http"));
        }
        Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    fn socket_access(&self) -> Result<SocketAccess, ConfigError> {
        let given = |path| self.text(path).filter(|text| !text.is_empty());
        let mode = given("unix_sockets.mode").map(|text| u32::from_str_radix(text, 8)).transpose();
        let mode = mode.ok().filter(|mode| mode.is_none_or(|mode| mode <= 0o7777));
        Ok(SocketAccess {
            user: given("unix_sockets.user").map(str::to_owned),
            group: given("unix_sockets.group").map(str::to_owned),
            mode: mode.ok_or_else(|| self.wrong("unix_sockets.mode", "it must be octal digits, such as 0770"))?,
        })
    }

    fn response_headers(&self) -> Result<BTreeMap<String, String>, ConfigError> {
        const PATH: &str = "http_config.response_headers";
        let headers = self.entry(PATH).and_then(|entry| entry.value.as_object());
        let mut checked = BTreeMap::new();
        for (name, value) in headers.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            if !quorate_http::is_header(name, value) {
                return Err(self.wrong_part(PATH, name, format_args!("{name:?}: {value:?} is no header")));
            }
            checked.insert(name.clone(), value.to_owned());
        }
        Ok(checked)
    }

    fn head_bytes_max(&self) -> Result<usize, ConfigError> {
        const PATH: &str = "http_config.max_header_bytes";
        let given = self.number(PATH, 0, i64::MIN..=i64::MAX)?;
        if given > HEAD_BYTES_LIMIT {
            return Err(self.wrong(PATH, format_args!("{given} is more than {HEAD_BYTES_LIMIT}")));
        }
        // As in Go, there is no such setting below 1.
        let given = usize::try_from(given).ok().filter(|bytes| *bytes > 0);
        Ok(given.map_or(HEAD_BYTES_DEFAULT, |bytes| bytes + HEAD_SLACK_BYTES))
    }

    fn write_networks(&self) -> Result<Vec<Network>, ConfigError> {
        const PATH: &str = "http_config.allow_write_http_from";
        let networks = self.texts(PATH).into_iter().map(|text| {
            let wrong = || self.wrong_part(PATH, &text, format_args!("{text:?} is no network, such as 10.0.0.0/8"));
            text.parse().map_err(|_| wrong())
        });
        networks.collect()
    }
}
