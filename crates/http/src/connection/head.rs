//! The head of an answer that is written without hyper, in the form in which hyper writes it.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use hyper::header::HeaderName;

use crate::reply::{Body, Reply};

/// The head of an answer as bytes, and its body. Only whole bodies are parked for.
pub(super) fn encode(reply: Reply, stay_open: bool, now_ms: u64) -> (Vec<u8>, Bytes) {
    let (parts, body) = reply.into_parts();
    let body = match body {
        Body::Whole(bytes) => bytes,
        Body::Pieces(_) | Body::Following(_) => Bytes::new(),
    };
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(b"HTTP/1.1 ");
    head.extend_from_slice(parts.status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(parts.status.canonical_reason().unwrap_or("").as_bytes());
    head.extend_from_slice(b"\r\n");
    for (name, value) in &parts.headers {
        write_name(name, &mut head);
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now_ms));
    head.extend_from_slice(format!("Content-Length: {}\r\nDate: {date}\r\n", body.len()).as_bytes());
    if !stay_open {
        head.extend_from_slice(b"Connection: close\r\n");
    }
    head.extend_from_slice(b"\r\n");
    (head, body)
}

/// Writes a name as Go does: each word with a capital.
fn write_name(name: &HeaderName, head: &mut Vec<u8>) {
    let mut at_start = true;
    for byte in name.as_str().bytes() {
        head.push(if at_start { byte.to_ascii_uppercase() } else { byte });
        at_start = byte == b'-';
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply;

    #[test]
    fn a_head_is_written_as_hyper_writes_it() {
        let mut reply = reply::json(&b"[]"[..]);
        reply.headers_mut().insert(reply::KNOWN_LEADER, hyper::header::HeaderValue::from_static("true"));
        let (head, body) = encode(reply, false, 784_111_777_000);
        assert_eq!(
            String::from_utf8(head).unwrap(),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Consul-Knownleader: true\r\nContent-Length: 2\r\n\
             Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(body, &b"[]"[..]);
    }
}
