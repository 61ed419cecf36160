//! Where a server is: `host:port`, `http://host:port`, `https://host:port/prefix`, or `unix:///path/of/a/socket`.

use std::str::FromStr;

/// The address of a server's HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host_and_port: String,
    path_prefix: String,
    is_tls: bool,
    /// The path of the Unix socket, if it is one.
    socket: Option<String>,
}

impl Address {
    /// Whether TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The same host and port, where TLS is spoken.
    #[must_use]
    pub fn with_tls(self) -> Self {
        let is_tls = self.socket.is_none();
        Self { is_tls, ..self }
    }

    /// The path of the Unix socket, if it is one.
    pub(super) fn socket(&self) -> Option<&str> {
        self.socket.as_deref()
    }

    /// The host and the port, for messages.
    pub fn host_and_port(&self) -> &str {
        &self.host_and_port
    }

    /// The URL of a path below the address.
    pub(super) fn url(&self, path_and_query: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{}{path_and_query}", self.host_and_port, self.path_prefix)
    }

    /// The URL that a redirect leads to; none if it leads away from this server, whom alone the token is for.
    pub(super) fn redirected(&self, location: &str) -> Option<String> {
        let own = Self { path_prefix: String::new(), ..self.clone() };
        if location.starts_with('/') && !location.starts_with("//") {
            // A server behind a proxy does not know the prefix, unless the proxy has put it there.
            let has_prefix = location.starts_with(&format!("{}/", self.path_prefix));
            return Some(if has_prefix { own.url(location) } else { self.url(location) });
        }
        location.starts_with(&own.url("/")).then(|| location.to_owned())
    }
}

impl Default for Address {
    /// Where an agent listens that was told nothing else.
    fn default() -> Self {
        Self { host_and_port: "127.0.0.1:8500".to_owned(), path_prefix: String::new(), is_tls: false, socket: None }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refused = |problem: &'static str| Err(AddressError { address: text.to_owned(), problem });
        let (is_tls, authority_and_path) = match text.split_once("://") {
            None => (false, text),
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(("unix", "")) => return refused("the path of the socket is missing"),
            Some(("unix", path)) => {
                // The host is for the header alone.
                return Ok(Self {
                    host_and_port: "localhost".to_owned(),
                    socket: Some(path.to_owned()),
                    ..Self::default()
                });
            }
            Some(_) => return refused("unknown protocol scheme; use http://, https:// or unix://"),
        };
        let (authority, path) = authority_and_path.split_once('/').unwrap_or((authority_and_path, ""));
        if authority.is_empty() {
            return refused("the host is missing");
        }
        // A port alone is one of this machine, as in Go.
        let authority = if authority.starts_with(':') { format!("127.0.0.1{authority}") } else { authority.to_owned() };
        let path = path.trim_end_matches('/');
        let path_prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        let address = Self { host_and_port: authority, path_prefix, is_tls, socket: None };
        match hyper::Uri::try_from(address.url("/")) {
            Ok(_) => Ok(address),
            Err(_) => refused("it is no host and port"),
        }
    }
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address:?} is no address of an HTTP API: {problem}")]
pub struct AddressError {
    address: String,
    problem: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_name_the_same_server() {
        for (text, url) in [
            ("127.0.0.1:8500", "http://127.0.0.1:8500/v1/x"),
            ("http://127.0.0.1:8500", "http://127.0.0.1:8500/v1/x"),
            ("http://[::1]:8500/", "http://[::1]:8500/v1/x"),
            ("http://proxy/consul/", "http://proxy/consul/v1/x"),
            ("https://proxy:8501", "https://proxy:8501/v1/x"),
            (":8500", "http://127.0.0.1:8500/v1/x"),
            ("https://:8501", "https://127.0.0.1:8501/v1/x"),
            ("unix:///run/consul.sock", "http://localhost/v1/x"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().url("/v1/x"), url, "{text}");
        }
    }

    #[test]
    fn a_redirect_leads_to_the_same_server_or_nowhere() {
        let address: Address = "http://proxy:80/consul".parse().unwrap();
        for location in ["/v1/kv/a?b", "/consul/v1/kv/a?b"] {
            assert_eq!(address.redirected(location).as_deref(), Some("http://proxy:80/consul/v1/kv/a?b"));
        }
        assert_eq!(address.redirected("http://proxy:80/x").as_deref(), Some("http://proxy:80/x"));
        for elsewhere in ["http://proxy:81/x", "https://proxy:80/x", "http://proxy:80.evil/x", "//evil/x", "x", ""] {
            assert_eq!(address.redirected(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn what_is_not_served_is_refused_with_a_sentence() {
        for (text, message) in [
            (
                "ftp://a",
                "\"ftp://a\" is no address of an HTTP API: unknown protocol scheme; use http://, https:// or unix://",
            ),
            ("unix://", "\"unix://\" is no address of an HTTP API: the path of the socket is missing"),
            ("http://", "\"http://\" is no address of an HTTP API: the host is missing"),
            ("a b", "\"a b\" is no address of an HTTP API: it is no host and port"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap_err().to_string(), message);
        }
    }
}
