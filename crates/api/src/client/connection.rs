//! Sends requests and reads answers.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

use super::connector::Connector;
use super::query::Target;
use super::tls::{Tls, TlsError, TlsSettings};
use super::{Address, Answer, Error, Query};

/// Idle connections that are kept. A client has few requests under way at once; more than these are opened as needed.
const IDLE_CONNECTIONS_MAX: usize = 4;

/// How long an idle connection is kept. Servers and proxies close theirs after a minute or more.
const IDLE_CONNECTION_LIFE: Duration = Duration::from_secs(30);

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a read waits for a change if it does not say; the API's default.
const WAIT_DEFAULT: Duration = Duration::from_secs(5 * 60);

/// The largest answer that is read into memory: 1 GiB. Snapshots are not; they are streamed.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// How many redirects are followed for one request, as in Go.
const REDIRECTS_MAX: usize = 10;

/// The body of a request on its way.
type Body = BoxBody<Bytes, std::io::Error>;

/// What a request carries.
pub(super) enum Content {
    /// Bytes, which can be sent once more to where a redirect leads.
    Whole(Bytes),
    /// What can be read only once.
    Stream(Body),
}

impl Content {
    /// The same once more, if it can be.
    fn again(&self) -> Option<Self> {
        match self {
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Stream(_) => None,
        }
    }

    fn into_body(self) -> Body {
        match self {
            Self::Whole(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed(),
            Self::Stream(body) => body,
        }
    }
}

/// What a client says of itself with each request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// The token; empty for none.
    pub token: String,
    /// The datacenter to ask; empty for the server's.
    pub datacenter: String,
    /// The namespace to ask; empty for none.
    pub namespace: String,
    /// The partition to ask; empty for none.
    pub partition: String,
    /// The user and the password for a proxy in between.
    pub basic_auth: Option<(String, String)>,
    /// How long to wait for an answer to begin, beside the time that a read asks the server to wait; without it, for ever.
    pub timeout: Option<Duration>,
}

impl std::fmt::Debug for ClientSettings {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSettings")
            .field("datacenter", &self.datacenter)
            .field("namespace", &self.namespace)
            .field("partition", &self.partition)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A client of one server. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    settings: Arc<ClientSettings>,
    connections: legacy::Client<Connector, Body>,
}

impl Client {
    /// A client without settings.
    pub fn new(address: Address) -> Self {
        Self::with_settings(address, ClientSettings::default())
    }

    /// A client. It connects with its first request. An address with `https` trusts whom the machine trusts.
    pub fn with_settings(address: Address, settings: ClientSettings) -> Self {
        let tls = if address.is_tls() { Tls::new(&TlsSettings::default()).ok() } else { None };
        Self::connecting(address, settings, tls)
    }

    /// A client that speaks TLS by these settings, if its address asks for TLS.
    pub fn with_tls(address: Address, settings: ClientSettings, tls: &TlsSettings) -> Result<Self, TlsError> {
        let tls = if address.is_tls() { Some(Tls::new(tls)?) } else { None };
        Ok(Self::connecting(address, settings, tls))
    }

    fn connecting(address: Address, settings: ClientSettings, tls: Option<Tls>) -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.enforce_http(false);
        let connector = Connector { http, tls: tls.map(Arc::new), socket: address.socket().map(Into::into) };
        let connections = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_CONNECTION_LIFE)
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .retry_canceled_requests(false)
            .build(connector);
        Self { address, settings: Arc::new(settings), connections }
    }

    /// The server's address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request and gives the answer's head, whatever its status, and what was asked. `wait` is how long the server
    /// may take beside the client's own timeout.
    ///
    /// A redirect to the same server is followed, as Go's client does: a server sends one for a path that is not clean, such
    /// as that of a key with a slash before it.
    pub(super) async fn send(
        &self,
        mut method: Method,
        target: Target,
        mut body: Option<(&'static str, Content)>,
        wait: Duration,
    ) -> Result<(String, Response<Incoming>), Error> {
        let settings = &self.settings;
        let target = target
            .parameter_if(!settings.datacenter.is_empty(), "dc", &settings.datacenter)
            .parameter_if(!settings.namespace.is_empty(), "ns", &settings.namespace)
            .parameter_if(!settings.partition.is_empty(), "partition", &settings.partition);
        let mut url = self.address.url(target.as_str());
        for _ in 0..=REDIRECTS_MAX {
            // The body once more, if it can be sent once more; that none was sent can be repeated, too.
            let again = match &body {
                None => Some(None),
                Some((content_type, content)) => content.again().map(|content| Some((*content_type, content))),
            };
            let response = self.send_once(&method, &url, body, wait).await?;
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let Some(next) = location.and_then(|location| self.address.redirected(location)) else {
                return Ok((url, response));
            };
            body = match (response.status().as_u16(), again) {
                (307 | 308, Some(again)) => again,
                (301..=303, _) => {
                    method = Method::GET;
                    None
                }
                _ => return Ok((url, response)),
            };
            url = next;
        }
        Err(Error::Answer { url, problem: format!("stopped after {REDIRECTS_MAX} redirects") })
    }

    async fn send_once(
        &self,
        method: &Method,
        url: &str,
        body: Option<(&'static str, Content)>,
        wait: Duration,
    ) -> Result<Response<Incoming>, Error> {
        let response = self.connections.request(self.request(method, url, body)?);
        let response = match self.settings.timeout {
            None => response.await,
            Some(timeout) => {
                let limit = timeout + wait;
                let timed_out = |_| Error::Timeout { url: url.to_owned(), limit };
                tokio::time::timeout(limit, response).await.map_err(timed_out)?
            }
        };
        response.map_err(|error| match error.is_connect() {
            true => Error::Connect { url: url.to_owned(), source: error.into() },
            false => Error::Transport { url: url.to_owned(), source: error.into() },
        })
    }

    fn request(
        &self,
        method: &Method,
        url: &str,
        body: Option<(&'static str, Content)>,
    ) -> Result<Request<Body>, Error> {
        let refused = |problem: String| Error::Request { url: url.to_owned(), problem };
        let mut request = Request::builder().method(method).uri(url);
        let header = |what: &str, text: &str| {
            let unfit = |_| refused(format!("{what} has a character that no header can carry"));
            let mut value = HeaderValue::from_str(text).map_err(unfit)?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        if !self.settings.token.is_empty() {
            request = request.header("X-Consul-Token", header("the token", &self.settings.token)?);
        }
        if let Some((user, password)) = &self.settings.basic_auth {
            let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            request = request.header(AUTHORIZATION, header("the user's name", &format!("Basic {credentials}"))?);
        }
        let body = match body {
            None => Content::Whole(Bytes::new()),
            Some((content_type, content)) => {
                request = request.header(CONTENT_TYPE, content_type);
                content
            }
        };
        request.body(body.into_body()).map_err(|error| refused(error.to_string()))
    }

    /// Reads a JSON value; `None` for 404.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        target: Target,
        query: &Query,
    ) -> Result<Answer<Option<T>>, Error> {
        let (url, status, headers, body) = self.get(target, query).await?;
        let value = match status {
            StatusCode::OK => Some(decode(&url, &body)?),
            StatusCode::NOT_FOUND => None,
            _ => return Err(refused(status, &body)),
        };
        Ok(Answer::new(value, &headers))
    }

    /// Reads a JSON value from a route that always has one.
    pub(super) async fn read_present<T: DeserializeOwned>(
        &self,
        target: Target,
        query: &Query,
    ) -> Result<Answer<T>, Error> {
        let (url, status, headers, body) = self.get(target, query).await?;
        if status == StatusCode::OK {
            Ok(Answer::new(decode(&url, &body)?, &headers))
        } else {
            Err(refused(status, &body))
        }
    }

    async fn get(&self, target: Target, query: &Query) -> Result<(String, StatusCode, HeaderMap, Bytes), Error> {
        let (url, response) = self.send(Method::GET, target.query(query), None, wait_of(query)).await?;
        let status = response.status();
        let (headers, body) = read_all(&url, response).await?;
        Ok((url, status, headers, body))
    }

    /// Sends a body and gives the answer's, if it is one of success.
    pub(super) async fn write(
        &self,
        method: Method,
        target: Target,
        body: Option<(&'static str, Content)>,
    ) -> Result<Bytes, Error> {
        let (url, response) = self.send(method, target, body, Duration::ZERO).await?;
        let status = response.status();
        let (_, body) = read_all(&url, response).await?;
        if status == StatusCode::OK { Ok(body) } else { Err(refused(status, &body)) }
    }

    /// Sends JSON and reads JSON.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        target: Target,
        body: Option<&impl serde::Serialize>,
    ) -> Result<T, Error> {
        let url = self.address.url(target.as_str());
        let body = body.map(|body| json(&url, body)).transpose()?;
        let answer = self.write(Method::PUT, target, body).await?;
        decode(&url, &answer)
    }
}

/// How long the server may take to answer a read.
pub(super) fn wait_of(query: &Query) -> Duration {
    if query.index == 0 && query.hash.is_empty() {
        return Duration::ZERO;
    }
    let wait = query.wait.unwrap_or(WAIT_DEFAULT);
    // The server adds up to a sixteenth, so that not all come back at once.
    wait + wait / 16
}

/// A body of JSON.
pub(super) fn json(url: &str, value: &impl serde::Serialize) -> Result<(&'static str, Content), Error> {
    let text =
        serde_json::to_vec(value).map_err(|error| Error::Answer { url: url.to_owned(), problem: error.to_string() })?;
    Ok(("application/json", Content::Whole(text.into())))
}

/// Reads the body of an answer.
pub(super) async fn read_all(url: &str, response: Response<Incoming>) -> Result<(HeaderMap, Bytes), Error> {
    let (head, body) = response.into_parts();
    match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(body) => Ok((head.headers, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::Answer { url: url.to_owned(), problem: format!("it is longer than {ANSWER_BYTES_MAX} bytes") })
        }
        Err(source) => Err(Error::Transport { url: url.to_owned(), source }),
    }
}

/// Decodes the body of an answer.
pub(super) fn decode<T: DeserializeOwned>(url: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Answer { url: url.to_owned(), problem: error.to_string() })
}

/// An answer of failure as an error.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> Error {
    Error::Status { status: status.as_u16(), body: String::from_utf8_lossy(body).trim().to_owned() }
}
