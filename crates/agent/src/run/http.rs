//! HTTP: asks a URL. 2xx passes, 429 warns, anything else is critical. Each run takes a connection of its own, since one
//! that is kept would not notice that new ones are refused.
//!
//! The head of the answer decides. Of the body as much is told as comes in the time given; that it is slow, endless or
//! broken does not matter, as in Consul.

mod hop;

use std::borrow::Cow;
use std::time::Duration;

use hyper::ext::ReasonPhrase;
use hyper::header::{CONTENT_ENCODING, LOCATION};
use hyper::{Method, Response, StatusCode};
use quorate_state::CheckStatus;
use tokio::time::{Instant, timeout_at};

use self::hop::Hop;
use super::body::Take;
use super::exchange::{self, Received};
use super::output::Tail;
use super::tls::{Inside, NO_TLS, TlsConfigs};
use super::url::{self, Url};
use super::{critical, dial};
use crate::definition::Http;
use crate::machine::RunResult;

/// How many requests are made, redirects included, as in Go.
const REQUESTS_MAX: usize = 10;
/// How much of a body is read, unpacked. An answer about health has far less; one without end is not followed for the
/// whole of the time-out.
const BODY_BYTES_MAX: usize = 16 << 20;
const TIMED_OUT: &str = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";

pub(super) async fn run(tls: &TlsConfigs, check: &Http, timeout: Duration, bytes_max: usize) -> RunResult {
    match follow(tls, check, timeout, bytes_max).await {
        Err(problem) => critical(problem),
        Ok((answer, tail)) => {
            let status = answer.status();
            let url = url::shown(&check.url);
            let what = format!("{} {url}: {} {}", check.method, status.as_str(), reason(&answer));
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
        let (answer, tail) = follow(&self.0, request, timeout, bytes_max).await?;
        Ok((answer.status().as_u16(), tail))
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

/// Asks, and asks on where it is told to.
async fn follow(
    tls: &TlsConfigs,
    check: &Http,
    timeout: Duration,
    bytes_max: usize,
) -> Result<(Response<()>, Tail), String> {
    let deadline = Instant::now() + timeout;
    let failed = |url: &str, problem: &str| format!("{} {url:?}: {problem}", verb(&check.method));
    Method::from_bytes(check.method.as_bytes()).map_err(|_| format!("net/http: invalid method {:?}", check.method))?;
    let url = Url::parse(&check.url).map_err(|problem| format!("parse {:?}: {problem}", url::shown(&check.url)))?;
    let mut hop = Hop::first(check, url);
    let mut requests = 0;
    loop {
        requests += 1;
        let mut received = Received::new(BODY_BYTES_MAX, bytes_max);
        let asked = timeout_at(deadline, ask(tls, &hop, &mut received)).await;
        let Some(head) = received.head.take() else {
            let problem = asked.unwrap_or_else(|_| Err(TIMED_OUT.to_owned())).err().unwrap_or_default();
            return Err(failed(&hop.url.to_string(), &problem));
        };
        let Some(location) = location(check, &head) else { return Ok((head, received.into_tail())) };
        let shown = url::shown(&location);
        let next = hop.next(&location, head.status()).map_err(|problem| {
            let problem = format!("failed to parse Location header {shown:?}: parse {shown:?}: {problem}");
            failed(&hop.url.to_string(), &problem)
        })?;
        if requests == REQUESTS_MAX {
            return Err(failed(&shown, &format!("stopped after {REQUESTS_MAX} redirects")));
        }
        hop = next;
    }
}

/// Where an answer sends on to, if that is followed.
fn location(check: &Http, head: &Response<()>) -> Option<String> {
    let leads_on = check.follow_redirects && matches!(head.status().as_u16(), 301..=303 | 307 | 308);
    let location = head.headers().get(LOCATION).filter(|_| leads_on)?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned()).filter(|location| !location.is_empty())
}

/// What is taken of the body behind a head.
fn taken(hop: &Hop<'_>, head: &Response<()>) -> Take {
    let is_packed = || head.headers().get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes() == b"gzip");
    match location(hop.check, head) {
        Some(_) => Take::Nothing,
        None if hop.accepts_gzip() && is_packed() => Take::Unpacked,
        None => Take::AsItIs,
    }
}

/// What a check makes of the bytes that a server answers with, as in a run but for the connection: the status with the end of
/// the body, or with the URL that it sends on to. For the fuzzer.
pub async fn read_http_answer(answer: Vec<u8>) -> Result<(u16, String), String> {
    const KEPT_MAX: usize = 4096;
    let check = Http { method: "GET".to_owned(), follow_redirects: true, ..Http::default() };
    let hop = Hop::first(&check, Url::parse("http://user:secret@server.test:81/a/b?c")?);
    let mut received = Received::new(BODY_BYTES_MAX, KEPT_MAX);
    let stream = tokio::io::join(std::io::Cursor::new(answer), tokio::io::sink());
    let answered = exchange::http1(stream, hop.request()?, &mut received, |head| taken(&hop, head)).await;
    let Some(head) = received.head.take() else {
        return Err(answered.err().map(|error| exchange::words(&error)).unwrap_or_default());
    };
    let told = match location(&check, &head) {
        Some(location) => hop.next(&location, head.status())?.url.to_string(),
        None => received.into_tail().text(),
    };
    Ok((head.status().as_u16(), told))
}

async fn ask(tls: &TlsConfigs, hop: &Hop<'_>, received: &mut Received) -> Result<(), String> {
    let default_port = match &*hop.url.scheme {
        "http" => 80,
        "https" => 443,
        other => return Err(format!("unsupported protocol scheme {other:?}")),
    };
    if hop.url.host.is_empty() {
        return Err("http: no Host in request URL".to_owned());
    }
    let request = hop.request()?;
    let take = |head: &Response<()>| taken(hop, head);
    let stream = dial::tcp(&hop.url.address(default_port)).await?;
    let answered = if default_port == 80 {
        exchange::http1(stream, request, received, take).await
    } else {
        let stream = tls.connect(stream, hop.url.host_name(), &hop.check.tls, Inside::Anything).await;
        let stream = stream.map_err(|problem| match &*problem {
            NO_TLS => "http: server gave HTTP response to HTTPS client".to_owned(),
            _ => problem,
        })?;
        exchange::http1(stream, request, received, take).await
    };
    answered.map_err(|error| exchange::words(&error))
}
