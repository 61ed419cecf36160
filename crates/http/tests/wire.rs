//! Requests as odd clients put them on the wire: what Go's server takes is taken.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

mod support;

use std::time::Duration;

use support::{Client, settings, start};

#[tokio::test]
async fn any_byte_of_a_request_line_is_served_but_spaces_and_controls() {
    let running = start(settings()).await;
    let mut client = Client::connect(running.address).await;
    let value = b"\"<>\xff body `{}|";
    // In one piece, byte by byte, and three at once.
    let put = |key: &[u8]| {
        let head = format!(" HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", value.len());
        [b"PUT /v1/kv/a", key, head.as_bytes(), value].concat()
    };
    client.send_raw(&put(b"\"<>`{|}#\xc3\xa9")).await;
    assert_eq!(client.answer(false).await.status, "200 OK");
    for byte in put(b"|split#") {
        client.send_raw(&[byte]).await;
    }
    assert_eq!(client.answer(false).await.status, "200 OK");
    let get = b"GET /v1/kv/a\"third?raw&x=<\"> HTTP/1.1\r\nHost: test\r\n\r\n";
    client.send_raw(&[&put(b"\"second")[..], &put(b"\"third"), get].concat()).await;
    for _ in 0..2 {
        assert_eq!(client.answer(false).await.status, "200 OK");
    }
    assert_eq!(client.answer(false).await.body, value);
    let keys: Vec<String> = serde_json::from_slice(&client.ask("GET /v1/kv/a?keys", b"").await.body).unwrap();
    assert_eq!(keys, ["a\"<>`{|}#é", "a\"second", "a\"third", "a|split#"]);
    for name in ["%22%3C%3E%60%7B%7C%7D%23%C3%A9", "%7Csplit%23"] {
        assert_eq!(client.ask(&format!("GET /v1/kv/a{name}?raw"), b"").await.body, value);
    }
    let filtered = client.ask(r#"GET /v1/health/service/consul?filter="blue"+in+Service.Tags"#, b"").await;
    assert_eq!((&*filtered.status, filtered.text()), ("200 OK", "[]"));
}

#[tokio::test]
async fn a_request_that_begins_behind_a_parked_one_is_whole() {
    let running = start(settings()).await;
    let mut client = Client::connect(running.address).await;
    let index = client.ask("PUT /v1/kv/a", b"1").await;
    assert_eq!(index.status, "200 OK");
    let index = client.ask("GET /v1/kv/a", b"").await.index();
    let parked = format!("GET /v1/kv/a?index={index}&wait=60s HTTP/1.1\r\nHost: test\r\n\r\nGET /v1/kv/b\"<c?k");
    client.send_raw(parked.as_bytes()).await;
    let mut other = Client::connect(running.address).await;
    assert_eq!(other.ask("PUT /v1/kv/b%22%3Cc", b"1").await.status, "200 OK");
    assert!(client.is_quiet(Duration::from_millis(150)).await);
    assert_eq!(other.ask("PUT /v1/kv/a", b"2").await.status, "200 OK");
    assert_eq!(client.answer(false).await.status, "200 OK");
    client.send_raw(b"eys=\"> HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(client.answer(false).await.text(), "[\"b\\\"\\u003cc\"]");
}

#[tokio::test]
async fn a_request_that_begins_behind_an_answered_one_survives_a_pause() {
    let running = start(settings()).await;
    let mut client = Client::connect(running.address).await;
    client.send_raw(b"GET /v1/status/leader HTTP/1.1\r\nHost: test\r\n\r\nGET /v1/sta").await;
    assert_eq!(client.answer(false).await.status, "200 OK");
    // Longer than the time after which a quiet connection is put aside.
    assert!(client.is_quiet(Duration::from_millis(400)).await);
    client.send_raw(b"tus/leader HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(client.answer(false).await.status, "200 OK");
}

#[tokio::test]
async fn a_head_that_go_refuses_is_refused() {
    let running = start(settings()).await;
    for (head, status, text) in [
        ("GET /v1/status/leader HTTP/1.1", "400 Bad Request", "400 Bad Request: missing required Host header"),
        ("GET /v1/status/leader HTTP/1.1\r\nHost: a\r\nHost: a", "400 Bad Request", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: a b", "400 Bad Request", "400 Bad Request: malformed Host header"),
        ("GET /v1/status/leader HTTP/1.1\r\nHost: a\r\nExpect: more", "417 Expectation Failed", ""),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80", "404 Not Found", "404 page not found\n"),
    ] {
        let mut client = Client::connect(running.address).await;
        client.send_raw(format!("{head}\r\n\r\n").as_bytes()).await;
        let answer = client.answer(false).await;
        assert_eq!((&*answer.status, answer.text()), (status, text), "{head}");
        if !status.starts_with("404") {
            assert_eq!(answer.header("Connection"), Some("close"));
            assert_eq!(client.try_answer(false).await, None);
        }
    }
    for head in ["Host:", "Host: [::1]:8500", "Host: a\r\nExpect: 100-Continue", "Host: a\r\nExpect:"] {
        let mut client = Client::connect(running.address).await;
        client.send_raw(format!("GET /v1/status/leader HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await;
        assert_eq!(client.answer(false).await.status, "200 OK", "{head}");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_half_reads_its_answer_unless_it_waits() {
    let running = start(settings()).await;
    for request in ["PUT /v1/kv/a", "GET /v1/kv/a", "PUT /v1/kv/a"] {
        let mut client = Client::connect(running.address).await;
        client.send(request, &[], b"").await;
        client.say_no_more().await;
        assert_eq!(client.answer(false).await.status, "200 OK", "{request}");
        assert_eq!(client.try_answer(false).await, None);
    }
    // It may as well have left: its place is free at once.
    let index = Client::connect(running.address).await.ask("GET /v1/kv/a", b"").await.index();
    for connection in ["keep-alive", "close"] {
        let mut client = Client::connect(running.address).await;
        let request = format!("GET /v1/kv/a?index={index}&wait=60s");
        client.send(&request, &[("Connection", connection)], b"").await;
        assert!(client.is_quiet(Duration::from_millis(100)).await);
        client.say_no_more().await;
        assert_eq!(client.try_answer(false).await, None, "{connection}");
    }
}
