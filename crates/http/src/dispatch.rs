//! From a request to its answer: the checks that come before any route, the route, and what all answers of a route share.
//!
//! The order is Consul's, since it decides which of several errors a client sees: characters that can't be printed, a
//! path that is not clean, an unknown path, a query that can't be read, `OPTIONS` and other methods, then the route.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HOST, HeaderValue, LOCATION, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, StatusCode, Version};
use tokio::time::Instant;

use crate::ask;
use crate::call::Call;
use crate::gzip;
use crate::measure::RouteName;
use crate::path;
use crate::query::Parameters;
use crate::reply::{self, Body, Outcome, Refused, Reply};
use crate::routes::{self, Action, Found, Route};
use crate::shared::Shared;
use crate::stream::Peer;

/// Answers a request, or parks it.
pub(crate) async fn answer(server: Arc<Shared>, peer: Peer, request: Request<Incoming>) -> Outcome {
    match answer_without_headers(server.clone(), peer, request).await {
        Outcome::Ready(mut reply) => {
            server.in_force().rules.add_headers_to(&mut reply);
            Outcome::Ready(reply)
        }
        // Without headers to add there is nothing to wrap, and parked queries are many.
        Outcome::Parked(answer) if !server.in_force().rules.has_headers() => Outcome::Parked(answer),
        Outcome::Parked(answer) => Outcome::Parked(Box::pin(async move {
            let mut reply = answer.await;
            server.in_force().rules.add_headers_to(&mut reply);
            reply
        })),
    }
}

async fn answer_without_headers(server: Arc<Shared>, peer: Peer, request: Request<Incoming>) -> Outcome {
    let (head, body) = request.into_parts();
    if head_bytes(&head) > server.in_force().terms.head_bytes_max {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Outcome::Ready(last(status, "431 Request Header Fields Too Large"));
    }
    let (route, rest_at) = match find_route(&head) {
        Ok(found) => found,
        Err(reply) => return Outcome::Ready(*reply),
    };
    let common = CommonHeaders { gzip: gzip::is_accepted(&head.headers) };
    if let Some(refusal) = server.in_force().rules.blocked(head.uri.path()) {
        return Outcome::Ready(common.add_to(refusal));
    }
    let Ok(parameters) = Parameters::parse(head.uri.query().unwrap_or("")) else {
        return Outcome::Ready(common.add_to(reply::empty(StatusCode::INTERNAL_SERVER_ERROR)));
    };
    let (place, action) = match find_action(route, &head) {
        Ok(found) => found,
        Err(reply) => return Outcome::Ready(common.add_to(*reply)),
    };
    if let Some(refusal) = server.in_force().rules.unwritable(&head.method, peer) {
        return Outcome::Ready(common.add_to(refusal));
    }
    let is_read = head.method == Method::GET;
    let answered =
        Answered { started: Instant::now(), log: log_line(&head, &parameters), route, place, peer, is_read, common };
    let call =
        Call { held: server.node.account().open(peer), server: server.clone(), peer, head, body, rest_at, parameters };
    let outcome = match action {
        Action::Ask(parse) => ask::answer(call, parse, common.gzip).await,
        Action::Do(handler) => handler(call).await.unwrap_or_else(|refused| Outcome::Ready(refused.into_reply())),
    };
    match outcome {
        Outcome::Ready(reply) => Outcome::Ready(answered.finish(&server, reply).await),
        Outcome::Parked(answer) => Outcome::Parked(Box::pin(async move {
            let reply = answer.await;
            // Boxed, so that the long wait before it takes no room for it.
            Box::pin(async move { answered.finish(&server, reply).await }).await
        })),
    }
}

/// A request that a route answers: what is done with every answer on its way to the client.
struct Answered {
    started: Instant,
    log: Option<String>,
    route: &'static Route,
    place: usize,
    peer: Peer,
    is_read: bool,
    common: CommonHeaders,
}

impl Answered {
    async fn finish(self, server: &Shared, reply: Reply) -> Reply {
        let elapsed = self.started.elapsed();
        let method = &self.route.verbs[self.place].method;
        let name = RouteName { number: self.route.number, pattern: self.route.pattern, method, place: self.place };
        server.route_metrics.record(name, elapsed);
        if let Some(line) = &self.log {
            tracing::debug!(request = line, status = reply.status().as_u16(), ?elapsed, "answered");
        }
        let compressed = self.common.compress_wherever(server, reply).await;
        self.common.add_to(self.count(server, compressed))
    }

    /// Counts the answer until it is read, or refuses it if the client has too much to read already. What was written is
    /// reported in any case.
    fn count(&self, server: &Shared, mut reply: Reply) -> Reply {
        let Body::Whole(body) = reply.body_mut() else { return reply };
        match server.large.send(self.peer, body.clone()) {
            Ok(counted) => *body = counted,
            Err(error) if self.is_read => return Refused::from(error).into_reply(),
            Err(_) => {}
        }
        reply
    }
}

/// The bytes of a request's head as HTTP/1.1 writes it. Hyper's own bound is a buffer's, and lets a head that arrives whole
/// be larger.
fn head_bytes(head: &hyper::http::request::Parts) -> usize {
    const LINE_ENDS: usize = " HTTP/1.1\r\n\r\n".len();
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let headers = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    head.method.as_str().len() + 1 + target + LINE_ENDS + headers.sum::<usize>()
}

/// The route of a request, or the answer if it has none.
fn find_route(head: &hyper::http::request::Parts) -> Result<(&'static Route, usize), Box<Reply>> {
    let raw = head.uri.path();
    let Ok(decoded) = path::decode(raw.as_bytes()) else {
        return Err(Box::new(last(StatusCode::BAD_REQUEST, "400 Bad Request")));
    };
    check_headers(head)?;
    if head.method == Method::CONNECT && !raw.starts_with('/') {
        let mut reply = reply::text(StatusCode::NOT_FOUND, "404 page not found\n");
        reply.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        return Err(Box::new(reply));
    }
    if !path::is_printable(&decoded) {
        return Err(Box::new(reply::empty(StatusCode::BAD_REQUEST)));
    }
    if raw == "*" && head.method == Method::OPTIONS {
        return Err(Box::new(reply::empty(StatusCode::OK)));
    }
    if let Some(mut clean) = path::cleaned(raw) {
        if matches!(routes::find(&clean), Found::SlashMissing) {
            clean.push('/');
        }
        return Err(Box::new(redirect(head, &clean)));
    }
    match routes::find(raw) {
        Found::Route(route, rest_at) => Ok((route, rest_at)),
        Found::SlashMissing => Err(Box::new(redirect(head, &format!("{raw}/")))),
        Found::Nothing => Err(Box::new(no_route(raw))),
    }
}

/// Refuses what Go's server refuses before it looks at a request of HTTP/1.1: an expectation that it can't meet, and a
/// `Host` that is missing, there twice or none.
fn check_headers(head: &hyper::http::request::Parts) -> Result<(), Box<Reply>> {
    if head.version != Version::HTTP_11 {
        return Ok(());
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    let refusal = match (hosts.next(), hosts.next()) {
        (None, _) if head.method == Method::CONNECT => None,
        (None, _) => Some("400 Bad Request: missing required Host header"),
        (Some(_), Some(_)) => Some("400 Bad Request"),
        (Some(host), None) if host.as_bytes().iter().all(|byte| is_of_host(*byte)) => None,
        (Some(_), None) => Some("400 Bad Request: malformed Host header"),
    };
    if let Some(text) = refusal {
        return Err(Box::new(last(StatusCode::BAD_REQUEST, text)));
    }
    let is_known = |value: &HeaderValue| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if head.headers.get(EXPECT).is_some_and(|value| !is_known(value)) {
        let mut reply = reply::empty(StatusCode::EXPECTATION_FAILED);
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return Err(Box::new(reply));
    }
    Ok(())
}

/// Whether a byte may be in a `Host`, by the table of Go's `golang.org/x/net/http/httpguts`.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&()*+,-.:;=[']_~".contains(&byte)
}

/// A refusal with which the connection ends: Go's server does not go on behind a request that it can't read.
fn last(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = reply::text(status, text);
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// What is done for the method, or the answer if that is nothing.
fn find_action(route: &'static Route, head: &hyper::http::request::Parts) -> Result<(usize, Action), Box<Reply>> {
    if let Some(found) = route.action(&head.method) {
        return Ok(found);
    }
    let mut refusal = match head.method {
        Method::OPTIONS => reply::empty(StatusCode::OK),
        _ => reply::text(StatusCode::METHOD_NOT_ALLOWED, format!("method {} not allowed", head.method)),
    };
    if let Ok(allow) = HeaderValue::from_str(&route.allow()) {
        refusal.headers_mut().insert(ALLOW, allow);
    }
    Err(Box::new(refusal))
}

fn no_route(path: &str) -> Reply {
    if path == "/" {
        return reply::text(
            StatusCode::OK,
            "Consul Agent: UI disabled. To enable, set ui_config.enabled=true in the agent configuration and restart.",
        );
    }
    let text = match path.contains("/v1/") {
        true => "Invalid URL path: not a recognized HTTP API endpoint\n",
        false => "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n",
    };
    reply::text(StatusCode::NOT_FOUND, text)
}

/// Sends the client to another path, with the same query.
fn redirect(head: &hyper::http::request::Parts, path: &str) -> Reply {
    let target = match head.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut reply = reply::empty(StatusCode::TEMPORARY_REDIRECT);
    if head.method == Method::GET || head.method == Method::HEAD {
        let escaped = target
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;");
        let body = format!("<a href=\"{escaped}\">Temporary Redirect</a>.\n\n");
        *reply.body_mut() = Body::Whole(Bytes::from(body));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    match HeaderValue::from_str(&target) {
        Ok(location) => {
            reply.headers_mut().insert(LOCATION, location);
            reply
        }
        Err(_) => Refused::bad_request("the path can't be cleaned").into_reply(),
    }
}

/// The request for the log, if anybody reads it: its token is left out.
fn log_line(head: &hyper::http::request::Parts, parameters: &Parameters) -> Option<String> {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return None;
    }
    let mut line = format!("{} {}", head.method, head.uri.path());
    let mut separator = '?';
    for (name, value) in parameters.iter() {
        line.push(separator);
        line.push_str(&name);
        line.push('=');
        line.push_str(if name == "token" { "<hidden>" } else { &value });
        separator = '&';
    }
    Some(line)
}

/// What all answers of a route share.
#[derive(Clone, Copy)]
struct CommonHeaders {
    /// Whether the client takes gzip.
    gzip: bool,
}

impl CommonHeaders {
    fn add_to(self, reply: Reply) -> Reply {
        let mut reply = self.compress(reply);
        reply.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        reply.headers_mut().insert(reply::DEFAULT_ACL_POLICY, HeaderValue::from_static("allow"));
        reply
    }

    fn compress(self, reply: Reply) -> Reply {
        match self.to_compress(&reply).map(|bytes| gzip::compress(bytes)) {
            Some(compressed) => with_compressed(reply, compressed),
            None => reply,
        }
    }

    /// The same; what takes long is done elsewhere.
    async fn compress_wherever(self, server: &Shared, reply: Reply) -> Reply {
        let Some(bytes) = self.to_compress(&reply).filter(|bytes| bytes.len() >= gzip::LONG_BYTES).cloned() else {
            return self.compress(reply);
        };
        match server.elsewhere(move || gzip::compress(&bytes)).await {
            Some(compressed) => with_compressed(reply, compressed),
            // The process is ending.
            None => reply,
        }
    }

    /// The body of an answer that is worth it, if the client takes it and it is not done.
    fn to_compress(self, reply: &Reply) -> Option<&Bytes> {
        let is_open = self.gzip && !reply.headers().contains_key(CONTENT_ENCODING);
        match reply.body() {
            Body::Whole(bytes) if is_open && bytes.len() >= gzip::BYTES_MIN => Some(bytes),
            _ => None,
        }
    }
}

fn with_compressed(mut reply: Reply, compressed: Bytes) -> Reply {
    *reply.body_mut() = Body::Whole(compressed);
    reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    reply
}
