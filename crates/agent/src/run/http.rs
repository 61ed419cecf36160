//! HTTP: asks a URL. 2xx passes, 429 warns, anything else is critical. Each run takes a connection of its own, since one
//! that is kept would not notice that new ones are refused.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::ext::ReasonPhrase;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use quorate_state::CheckStatus;

use super::output::Tail;
use super::tls::{Inside, NO_TLS, TlsConfigs};
use super::{critical, dial, exchange};
use crate::definition::Http;
use crate::machine::RunResult;

/// How many redirects are followed, as in Go.
const REDIRECTS_MAX: usize = 10;

pub(super) async fn run(tls: &TlsConfigs, check: &Http, timeout: Duration, bytes_max: usize) -> RunResult {
    let failed = |problem: &str| {
        let verb = verb(&check.method);
        critical(format!("{verb} {:?}: {problem}", check.url))
    };
    match tokio::time::timeout(timeout, follow(tls, check, bytes_max)).await {
        Err(_) => failed("context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
        Ok(Err(problem)) => failed(&problem),
        Ok(Ok((answer, tail))) => {
            let status = answer.status();
            let what = format!("{} {}: {} {}", check.method, check.url, status.as_str(), reason(&answer));
            RunResult {
                status: match status {
                    StatusCode::TOO_MANY_REQUESTS => CheckStatus::Warning,
                    status if status.is_success() => CheckStatus::Passing,
                    _ => CheckStatus::Critical,
                },
                output: format!("HTTP {what} Output: {}", tail.text()),
            }
        }
    }
}

/// Sends requests that are no checks, the way checks are sent.
#[derive(Default)]
pub struct Sender(TlsConfigs);

impl Sender {
    /// Sends a request and gives the status of the answer and the end of its body; an error in Go's words if there is none.
    pub async fn send(&self, request: &Http, timeout: Duration, bytes_max: usize) -> Result<(u16, Tail), String> {
        let failed = |problem: &str| format!("{} {:?}: {problem}", verb(&request.method), request.url);
        match tokio::time::timeout(timeout, follow(&self.0, request, bytes_max)).await {
            Err(_) => Err(failed("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")),
            Ok(Err(problem)) => Err(failed(&problem)),
            Ok(Ok((answer, tail))) => Ok((answer.status().as_u16(), tail)),
        }
    }
}

/// The words that the server put behind its status.
fn reason(answer: &Response<()>) -> Cow<'_, str> {
    match answer.extensions().get::<ReasonPhrase>() {
        Some(own) => String::from_utf8_lossy(own.as_bytes()),
        // hyper keeps none that is the usual one.
        None => answer.status().canonical_reason().unwrap_or_default().into(),
    }
}

/// A method as Go's errors begin: `Get`.
fn verb(method: &str) -> String {
    let (first, rest) = method.split_at_checked(1).unwrap_or((method, ""));
    first.to_owned() + &rest.to_ascii_lowercase()
}

async fn follow(tls: &TlsConfigs, check: &Http, bytes_max: usize) -> Result<(Response<()>, Tail), String> {
    let mut url: Uri = check.url.parse().map_err(|_| format!("parse {:?}: it is no URL", check.url))?;
    let mut method = check.method.clone();
    let mut body = check.body.clone();
    for _ in 0..=REDIRECTS_MAX {
        let (answer, tail) = ask(tls, check, &url, &method, &body, bytes_max).await?;
        let keeps_method = match answer.status().as_u16() {
            301..=303 => false,
            307 | 308 => true,
            _ => return Ok((answer, tail)),
        };
        let next = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let Some(next) = next.filter(|_| check.follow_redirects) else { return Ok((answer, tail)) };
        url = joined(&url, next).ok_or_else(|| format!("failed to parse Location header {next:?}"))?;
        if !keeps_method {
            method = if method == "HEAD" { method } else { "GET".to_owned() };
            body.clear();
        }
    }
    Err(format!("stopped after {REDIRECTS_MAX} redirects"))
}

/// Where a redirect leads to.
fn joined(from: &Uri, to: &str) -> Option<Uri> {
    if to.contains("://") {
        return to.parse().ok();
    }
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let path = match to.strip_prefix('/') {
        Some(_) => to.to_owned(),
        None => {
            let path = from.path();
            let folder = &path[..=path.rfind('/').unwrap_or(0).min(path.len().saturating_sub(1))];
            format!("{folder}{to}")
        }
    };
    format!("{scheme}://{authority}{path}").parse().ok()
}

async fn ask(
    tls: &TlsConfigs,
    check: &Http,
    url: &Uri,
    method: &str,
    body: &str,
    bytes_max: usize,
) -> Result<(Response<()>, Tail), String> {
    let is_secure = match url.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        other => return Err(format!("unsupported protocol scheme {:?}", other.unwrap_or_default())),
    };
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let request = request(check, url, method, body)?;
    let stream = dial::tcp(&format!("{host}:{port}")).await?;
    let failed = |error: hyper::Error| format!("the answer can't be read: {error}");
    if !is_secure {
        return exchange::http1(stream, request, bytes_max).await.map_err(failed);
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = tls.connect(stream, host, &check.tls, Inside::Anything).await.map_err(|problem| match &*problem {
        NO_TLS => "http: server gave HTTP response to HTTPS client".to_owned(),
        _ => problem,
    })?;
    exchange::http1(stream, request, bytes_max).await.map_err(failed)
}

fn request(check: &Http, url: &Uri, method: &str, body: &str) -> Result<Request<Full<Bytes>>, String> {
    let authority = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let target = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::new(Full::new(Bytes::from(body.to_owned())));
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| format!("net/http: invalid method {method:?}"))?;
    *request.uri_mut() = target.parse().map_err(|_| format!("{target:?} is no path"))?;
    let headers = request.headers_mut();
    for (name, value) in &check.headers {
        let pair = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (name, value) = pair.ok_or_else(|| format!("net/http: invalid header field {name:?}"))?;
        headers.append(name, value);
    }
    let mut default = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.entry(name).or_insert(value);
        }
    };
    default(HOST, host);
    default(USER_AGENT, "Consul Health Check");
    default(ACCEPT, "text/plain, text/*, */*");
    if let Some(user) = user {
        default(AUTHORIZATION, &format!("Basic {}", STANDARD.encode(user)));
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_joined() {
        let from: Uri = "http://a:1/b/c?d".parse().unwrap();
        for (to, url) in [("http://x/y", "http://x/y"), ("/z?q", "http://a:1/z?q"), ("e", "http://a:1/b/e")] {
            assert_eq!(joined(&from, to).unwrap().to_string(), url);
        }
        let bare: Uri = "http://a".parse().unwrap();
        assert_eq!(joined(&bare, "e").unwrap().to_string(), "http://a/e");
    }
}
