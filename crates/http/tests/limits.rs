//! Bounds: what is refused, and that nothing else is.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

mod support;

use std::time::Duration;

use quorate_http::{Settings, Terms};
use support::{Client, settings, start, start_on};

#[tokio::test]
async fn values_have_a_limit() {
    let running = start_on(settings(), Terms { kv_value_bytes_max: 1_000, ..Terms::default() }).await;
    let mut client = Client::connect(running.address).await;
    assert_eq!(client.ask("PUT /v1/kv/a", &[b'x'; 1_000]).await.status, "200 OK");
    assert_eq!(client.ask("GET /v1/kv/a?raw", b"").await.body, [b'x'; 1_000]);
    let refused = client.ask("PUT /v1/kv/a", &[b'x'; 1_001]).await;
    assert_eq!(refused.status, "413 Payload Too Large");
    assert_eq!(
        refused.text(),
        "Request body(1001 bytes) too large, max size: 1000 bytes. See \
         https://www.consul.io/docs/agent/config/config-files#kv_max_value_size."
    );
    // One that does not tell its length is refused once it is too long, and taken if it is not.
    for (length, status) in [(1_000, "200 OK"), (1_001, "413 Payload Too Large")] {
        let mut client = Client::connect(running.address).await;
        let body = "x".repeat(length);
        let request = format!(
            "PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        );
        client.send_raw(request.as_bytes()).await;
        assert_eq!(client.answer(false).await.status, status);
    }
}

#[tokio::test]
async fn a_body_that_is_sent_in_spite_of_its_expectation_gets_its_refusal() {
    let running = start_on(settings(), Terms { kv_value_bytes_max: 1_000, ..Terms::default() }).await;
    let mut client = Client::connect(running.address).await;
    let head = "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    client.send_raw(head.as_bytes()).await;
    // More than the buffers of both sides hold, so the server has to read on.
    let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..512 {
        client.send_raw(&chunk).await;
    }
    client.send_raw(b"0\r\n\r\n").await;
    client.skip_continue().await;
    assert_eq!(client.answer(false).await.status, "413 Payload Too Large");
}

/// A tree of 8 MiB that is read often enough in one transaction takes more than the 64 MiB that an answer may have.
#[tokio::test]
async fn what_a_transaction_reads_has_a_limit_and_past_it_nothing_is_written() {
    let running = start(settings()).await;
    let mut client = Client::connect(running.address).await;
    for number in 0..16 {
        let answer = client.ask(&format!("PUT /v1/kv/tree/{number}"), &vec![b'x'; 512 << 10]).await;
        assert_eq!(answer.status, "200 OK");
    }
    let tree = r#"{"KV":{"Verb":"get-tree","Key":"tree/"}}"#;
    let set = r#"{"KV":{"Verb":"set","Key":"written","Value":"eA=="}}"#;
    for (reads, sets, status) in [(7, false, "200 OK"), (8, false, "409 Conflict"), (8, true, "409 Conflict")] {
        let mut operations = vec![tree; reads];
        operations.extend(sets.then_some(set));
        let answer = client.ask("PUT /v1/txn", format!("[{}]", operations.join(",")).as_bytes()).await;
        assert_eq!(answer.status, status, "{reads} {sets}");
        if status != "200 OK" {
            let text = answer.text();
            assert!(
                text.contains(r#""Errors":[{"OpIndex":7,"What":"what this transaction reads takes more than"#),
                "{text}"
            );
        }
    }
    assert_eq!(client.ask("GET /v1/kv/written", b"").await.status, "404 Not Found");
}

#[tokio::test]
async fn transactions_have_limits() {
    let terms = Terms { txn_operations_max: 2, txn_body_bytes_max: 600_000, ..Terms::default() };
    let running = start_on(settings(), terms).await;
    let mut client = Client::connect(running.address).await;
    let get = r#"{"KV":{"Verb":"get-tree","Key":"a"}}"#;
    let answer = client.ask("PUT /v1/txn", format!("[{get},{get}]").as_bytes()).await;
    assert_eq!(answer.status, "200 OK");
    let answer = client.ask("PUT /v1/txn", format!("[{get},{get},{get}]").as_bytes()).await;
    assert_eq!(answer.text(), "Transaction contains too many operations (3 > 2)");
    assert_eq!(answer.status, "413 Payload Too Large");
    let answer = client.ask("PUT /v1/txn", &[b' '; 600_001]).await;
    assert!(answer.text().starts_with("Request body(600001 bytes) too large, max size: 600000 bytes."), "{answer:?}");
}

#[tokio::test]
async fn connections_have_a_bound() {
    let running = start(Settings { connections_max: 1, ..settings() }).await;
    let mut first = Client::connect(running.address).await;
    assert_eq!(first.ask("GET /v1/status/leader", b"").await.status, "200 OK");
    let mut second = Client::connect(running.address).await;
    let refused = second.answer(false).await;
    assert_eq!((&*refused.status, refused.header("Retry-After")), ("429 Too Many Requests", Some("1")));
    assert_eq!(second.try_answer(false).await, None);
    drop(first);
    let free = async {
        while Client::connect(running.address).await.ask("GET /v1/status/leader", b"").await.status != "200 OK" {}
    };
    tokio::time::timeout(support::PATIENCE, free).await.expect("the place of a client that left is free");
}

#[tokio::test]
async fn clients_that_are_quiet_for_too_long_are_dropped() {
    const SHORT: Duration = Duration::from_millis(100);
    let limits = Settings { head_timeout: SHORT, idle_timeout: SHORT, stall_timeout: SHORT, ..settings() };
    let running = start(limits).await;
    let mut idle = Client::connect(running.address).await;
    assert_eq!(idle.ask("GET /v1/status/leader", b"").await.status, "200 OK");
    assert_eq!(idle.try_answer(false).await, None);
    let mut slow_head = Client::connect(running.address).await;
    slow_head.send_raw(b"GET /v1/status/leader HTTP/1.1\r\nHo").await;
    assert_eq!(slow_head.try_answer(false).await, None);
    let mut slow_body = Client::connect(running.address).await;
    slow_body.send_raw(b"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await;
    assert_eq!(slow_body.answer(false).await.status, "408 Request Timeout");
}

#[tokio::test]
async fn clients_that_pause_are_served_as_before() {
    let running = start(settings()).await;
    // Pauses shorter and longer than the time after which a quiet connection is put aside.
    for request in ["GET /v1/status/leader", "PUT /v1/kv/a", "GET /v1/kv/a"] {
        let mut client = Client::connect(running.address).await;
        for pause_ms in [0, 90, 110, 190, 210, 300] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            assert_eq!(client.ask(request, b"").await.status, "200 OK", "{request} after {pause_ms} ms");
        }
    }
}

#[tokio::test]
async fn large_answers_are_complete_and_compressed_for_those_who_ask() {
    let running = start(settings()).await;
    let mut client = Client::connect(running.address).await;
    for batch in 0..20 {
        let operation =
            |number: usize| format!(r#"{{"KV":{{"Verb":"set","Key":"k/{batch:02}/{number:03}","Value":"eA=="}}}}"#);
        let operations: Vec<_> = (0..100).map(operation).collect();
        let answer = client.ask("PUT /v1/txn", format!("[{}]", operations.join(",")).as_bytes()).await;
        assert_eq!(answer.status, "200 OK");
    }
    let answer = client.ask("GET /v1/kv/k?recurse", b"").await;
    let pairs: Vec<serde_json::Value> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(pairs.len(), 2_000);
    assert_eq!(pairs[1_999]["Key"], "k/19/099");
    client.send("GET /v1/kv/k?recurse", &[("Accept-Encoding", "gzip")], b"").await;
    let compressed = client.answer(false).await;
    assert_eq!(compressed.header("Content-Encoding"), Some("gzip"));
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&compressed.body[..]), &mut plain).unwrap();
    assert_eq!(plain, answer.body);
    client.send("GET /v1/kv/k/00/000", &[("Accept-Encoding", "gzip")], b"").await;
    assert_eq!(client.answer(false).await.header("Content-Encoding"), None, "small answers are sent as they are");
}
