//! Docker: runs a command in a container through Docker's API over its Unix socket, and judges its exit code as a script's.
//!
//! Three requests: create an `exec`, start it and read its output to the end, ask for its exit code. The output comes in
//! frames: `stream: 8 bit | 0: 24 | length: 32 | bytes`.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use quorate_state::CheckStatus;
use serde::Deserialize;
use serde_json::json;
use tokio::net::UnixStream;

use super::body::Take;
use super::exchange::Received;
use super::output::Tail;
use super::{critical, dial, exchange, go_text};
use crate::definition::Docker;
use crate::machine::RunResult;

/// The largest answer that is read whole; the output of the command is bounded by the same, before it is cut.
const ANSWER_BYTES_MAX: usize = 1 << 20;

pub(super) async fn run(socket: &Path, check: &Docker, timeout: Duration, bytes_max: usize) -> RunResult {
    match tokio::time::timeout(timeout, exec(socket, check, bytes_max)).await {
        Ok(Ok(result)) => result,
        Ok(Err(problem)) => critical(problem),
        Err(_) => critical(format!("Timed out ({}) running check", go_text(timeout))),
    }
}

async fn exec(socket: &Path, check: &Docker, bytes_max: usize) -> Result<RunResult, String> {
    let container = &check.container;
    if container.is_empty() || !container.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Err(format!("create exec failed for container {container}: it is no id or name of a container"));
    }
    let body = json!({"AttachStdin": false, "AttachStdout": true, "AttachStderr": true, "Tty": false,
        "Cmd": check.arguments});
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Created {
        id: String,
    }
    let created = ask(socket, Method::POST, &format!("/containers/{container}/exec"), Some(body)).await;
    let created = created.map_err(|problem| format!("create exec failed for container {container}: {problem}"))?;
    let Created { id } = read(&created)?;
    let body = json!({"Detach": false, "Tty": false});
    let output = ask(socket, Method::POST, &format!("/exec/{id}/start"), Some(body)).await;
    let output = output.map_err(|problem| format!("start exec failed for container {container}: {problem}"))?;
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Inspected {
        exit_code: Option<i64>,
    }
    let inspected = ask(socket, Method::GET, &format!("/exec/{id}/json"), None).await;
    let inspected = inspected.map_err(|problem| format!("inspect exec failed for container {container}: {problem}"))?;
    let Inspected { exit_code } = read(&inspected)?;
    let status = match exit_code {
        Some(0) => CheckStatus::Passing,
        Some(1) => CheckStatus::Warning,
        _ => CheckStatus::Critical,
    };
    Ok(RunResult { status, output: frames(&output, bytes_max).told() })
}

/// Makes one request over a connection of its own; an error status is an error that carries Docker's message.
async fn ask(socket: &Path, method: Method, path: &str, body: Option<serde_json::Value>) -> Result<Vec<u8>, String> {
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|error| format!("dial unix {}: connect: {}", socket.display(), dial::words(&error)))?;
    let mut request = Request::new(Full::new(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default()));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(|_| format!("{path:?} is no path"))?;
    request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // A command may say any amount until its time is over; the end is kept.
    let mut received = Received::new(usize::MAX, ANSWER_BYTES_MAX);
    let exchanged = exchange::http1(stream, request, &mut received, |_| Take::AsItIs).await;
    exchanged.map_err(|error| exchange::words(&error))?;
    let answer = received.head.take().ok_or("EOF")?;
    let tail = received.into_tail();
    if answer.status().is_success() || answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(tail.into_bytes());
    }
    Err(format!("{}: {}", answer.status().as_str(), tail.text().trim_end()))
}

fn read<T: for<'de> Deserialize<'de>>(answer: &[u8]) -> Result<T, String> {
    serde_json::from_slice(answer).map_err(|error| format!("Docker's answer can't be read: {error}"))
}

/// The bytes inside of frames; what is not framed (its beginning may have been cut) is taken as it is.
fn frames(output: &[u8], bytes_max: usize) -> Tail {
    let mut tail = Tail::new(bytes_max);
    let mut rest = output;
    while let [0..=2, 0, 0, 0, a, b, c, d, behind @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (bytes, after) = behind.split_at(length.min(behind.len()));
        tail.push(bytes);
        rest = after;
    }
    tail.push(rest);
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_comes_out_of_its_frames() {
        let framed = [1, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 2, 0, 0, 0, 0, 0, 0, 1, b'c'];
        assert_eq!(frames(&framed, 10).text(), "abc");
        assert_eq!(frames(&framed[..9], 10).text(), "a");
        assert_eq!(frames(b"plain", 3).text(), "ain");
    }
}
