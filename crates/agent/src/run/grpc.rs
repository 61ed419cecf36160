//! gRPC: asks the standard health service (`grpc.health.v1.Health/Check`) over HTTP/2 and passes if it answers SERVING.
//!
//! Request and answer have one field each, so their encoding is written here by hand:
//!
//! ```text
//! message: compressed: 8 bit (0) | length: 32 | protobuf
//! request: field 1, text: the service    answer: field 1, number: 1 for SERVING
//! ```

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use hyper::rt::Executor;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use quorate_base::Host;
use tokio::io::{AsyncRead, AsyncWrite};

use super::tls::{Inside, TlsConfigs};
use super::{critical, dial, exchange, passing};
use crate::definition::Grpc;
use crate::machine::RunResult;

/// The largest answer: a byte or two are expected.
const ANSWER_BYTES_MAX: usize = 4096;

pub(super) async fn run(tls: &TlsConfigs, host: &Host, check: &Grpc, timeout: Duration) -> RunResult {
    match tokio::time::timeout(timeout, ask(tls, host, check)).await {
        Ok(Ok(())) => passing(format!("gRPC check {}: success", check.endpoint)),
        Ok(Err(problem)) => critical(problem),
        Err(_) => critical("rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
    }
}

fn unavailable(problem: &str) -> String {
    format!(
        "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing {problem}\""
    )
}

async fn ask(tls: &TlsConfigs, host: &Host, check: &Grpc) -> Result<(), String> {
    let address = check.address();
    let stream = dial::tcp(address).await.map_err(|problem| unavailable(&problem))?;
    match &check.tls {
        None => call(stream, "http", host, check).await,
        Some(how) => {
            let name = dial::host(address)?;
            let stream = tls
                .connect(stream, name, how, Inside::Http2)
                .await
                .map_err(|problem| unavailable(&format!("authentication handshake failed: {problem}")))?;
            call(stream, "https", host, check).await
        }
    }
}

/// The connection broke, or the other end does not speak HTTP/2.
fn broken(_: hyper::Error) -> String {
    "rpc error: code = Unavailable desc = connection closed".to_owned()
}

/// Starts hyper's tasks on the host.
#[derive(Clone)]
struct OnHost(Host);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for OnHost {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

async fn call(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    scheme: &str,
    host: &Host,
    check: &Grpc,
) -> Result<(), String> {
    let (mut sender, connection) =
        http2::handshake(OnHost(host.clone()), TokioIo::new(stream)).await.map_err(broken)?;
    let request = request(scheme, check)?;
    exchange::beside(connection, async {
        let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        if !head.status.is_success() {
            return Err(format!(
                "rpc error: code = Unknown desc = unexpected HTTP status code {}",
                head.status.as_str()
            ));
        }
        refuse_error(&head.headers)?;
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|_| "rpc error: code = Internal desc = the answer can't be read")?;
        if let Some(trailers) = body.trailers() {
            refuse_error(trailers)?;
        }
        match read_health_reply(&body.to_bytes()) {
            Some(HealthReply::Serving) => Ok(()),
            Some(HealthReply::Other(status)) => {
                Err(format!("gRPC {} serving status: {}", check.endpoint, status_word(status)))
            }
            None => Err("rpc error: code = Internal desc = the answer is no health response".to_owned()),
        }
    })
    .await
}

fn request(scheme: &str, check: &Grpc) -> Result<Request<Full<Bytes>>, String> {
    let uri = format!("{scheme}://{}/grpc.health.v1.Health/Check", check.address());
    let uri: Uri = uri.parse().map_err(|_| format!("{:?} is no address", check.address()))?;
    let mut request = Request::new(Full::new(health_request(check.service())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(USER_AGENT, HeaderValue::from_static("Consul Health Check"));
    Ok(request)
}

/// Headers or trailers that carry a status other than OK are an error.
fn refuse_error(headers: &HeaderMap) -> Result<(), String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some(number) => {
            Err(format!("rpc error: code = {} desc = {}", code_word(number), text("grpc-message").unwrap_or_default()))
        }
    }
}

/// What gRPC calls its status codes.
fn code_word(number: &str) -> &str {
    const WORDS: [&str; 17] = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];
    number.parse().ok().and_then(|at: usize| WORDS.get(at).copied()).unwrap_or(number)
}

/// What the health service calls a status.
fn status_word(status: u64) -> String {
    match status {
        0 => "UNKNOWN".to_owned(),
        2 => "NOT_SERVING".to_owned(),
        3 => "SERVICE_UNKNOWN".to_owned(),
        other => other.to_string(),
    }
}

fn health_request(service: &str) -> Bytes {
    let mut message = Vec::with_capacity(service.len() + 4);
    if !service.is_empty() {
        message.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(&message);
    framed.into()
}

/// What a health service answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthReply {
    /// It serves.
    Serving,
    /// Anything else, by its number.
    Other(u64),
}

/// Reads the framed answer of a health service; `None` if it is none. Fields that are not known are passed over.
pub fn read_health_reply(body: &[u8]) -> Option<HealthReply> {
    let (head, message) = body.split_at_checked(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if head[0] != 0 || message.len() != length {
        return None;
    }
    let (mut rest, mut status) = (message, 0);
    while !rest.is_empty() {
        let key = take_number(&mut rest)?;
        match key & 7 {
            0 => {
                let value = take_number(&mut rest)?;
                if key >> 3 == 1 {
                    status = value;
                }
            }
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(take_number(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(if status == 1 { HealthReply::Serving } else { HealthReply::Other(status) })
}

/// A number of seven bits to a byte.
fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_name_the_service() {
        assert_eq!(&health_request("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&health_request("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(&health_request(&"x".repeat(200))[..8], [0, 0, 0, 0, 203, 0x0a, 0xc8, 1]);
    }

    #[test]
    fn answers_are_read() {
        use HealthReply::{Other, Serving};
        for (body, reply) in [
            (&[0, 0, 0, 0, 2, 8, 1][..], Some(Serving)),
            (&[0, 0, 0, 0, 2, 8, 2], Some(Other(2))),
            (&[0, 0, 0, 0, 0], Some(Other(0))),
            (&[0, 0, 0, 0, 5, 0x12, 1, 9, 8, 1], Some(Serving)),
            (&[1, 0, 0, 0, 2, 8, 1], None),
            (&[0, 0, 0, 0, 3, 8, 1], None),
            (&[0, 0, 0, 0, 1, 8], None),
            (&[0, 0, 0, 0, 2, 0x12, 9], None),
            (&[], None),
        ] {
            assert_eq!(read_health_reply(body), reply, "{body:?}");
        }
    }
}
