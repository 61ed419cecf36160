//! What clients make the server hold is bounded, in total and for each of them; past it they are refused, and served again
//! when they have let go of it.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

mod support;

use std::time::Duration;

use quorate_http::{Settings, Terms};
use quorate_node::{Caller, Consistency};
use support::{Client, PATIENCE, Running, settings, start, start_bounded};

async fn bounded(bytes_max: usize) -> Running {
    start_bounded(settings(), Terms::default(), bytes_max).await
}

/// Waits until what the server holds for its clients is as it should be.
async fn holds(running: &Running, what: &str, is_so: impl Fn(usize) -> bool) {
    until(what, || is_so(running.node.account().bytes())).await;
}

#[tokio::test]
async fn bodies_that_are_not_whole_count_until_they_are_or_break_off() {
    const BODY_BYTES: usize = 400_000;
    // A quarter is one client's.
    let running = bounded(4_000_000).await;
    let body = [b'x'; BODY_BYTES];
    let mut unfinished = Vec::new();
    for number in 1..=2 {
        let mut client = Client::connect(running.address).await;
        let head = format!("PUT /v1/kv/{number} HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
        client.send_raw(&[head.as_bytes(), &body[1..]].concat()).await;
        holds(&running, "an unfinished body", |bytes| bytes >= number * BODY_BYTES).await;
        unfinished.push(client);
    }
    let mut client = Client::connect(running.address).await;
    let refused = client.ask("PUT /v1/kv/3", &body).await;
    assert_eq!((&*refused.status, refused.header("Retry-After")), ("429 Too Many Requests", Some("1")));
    assert!(refused.text().ends_with("and the limit for one client is 1000000; try again later."), "{refused:?}");
    // What is small, and what is asked, is served all the same.
    assert_eq!(client.ask("PUT /v1/kv/3", b"small").await.status, "200 OK");
    assert_eq!(client.ask("GET /v1/kv/1", b"").await.status, "404 Not Found");
    let mut first = unfinished.remove(0);
    first.send_raw(&body[..1]).await;
    assert_eq!(first.answer(false).await.status, "200 OK");
    drop(unfinished);
    holds(&running, "after all bodies", |bytes| bytes == 0).await;
    assert_eq!(client.ask("PUT /v1/kv/3", &body).await.status, "200 OK");
}

#[tokio::test]
async fn questions_that_wait_count_with_their_filters() {
    const BYTES_MAX: usize = 40_000_000;
    let running = bounded(BYTES_MAX).await;
    // Each compiles to some megabytes.
    let ask = |number: u32| {
        let filter = format!("Node.Node+matches+%60^%5CpL{{23}}{number}$%60");
        format!("GET /v1/health/service/consul?index=1000&wait=60s&filter={filter}")
    };
    let mut waiting = Vec::new();
    let refused = loop {
        let number = waiting.len() as u32;
        assert!(number < 100, "{} bytes are held", running.node.account().bytes());
        let before = running.node.account().bytes();
        let mut client = Client::connect(running.address).await;
        client.send(&ask(number), &[], b"").await;
        let answered = async {
            while running.node.account().bytes() == before {
                if let Ok(answer) = tokio::time::timeout(Duration::from_millis(1), client.answer(false)).await {
                    return Some(answer);
                }
            }
            None
        };
        match answered.await {
            Some(answer) => break answer,
            None => waiting.push(client),
        }
    };
    assert_eq!(refused.status, "429 Too Many Requests", "{refused:?}");
    assert!(!waiting.is_empty() && running.node.account().bytes() <= BYTES_MAX);
    drop(waiting);
    holds(&running, "after all waits", |bytes| bytes == 0).await;
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_keep_a_body_alive() {
    let stall_timeout = Duration::from_millis(200);
    let running = start(Settings { stall_timeout, ..settings() }).await;
    let mut client = Client::connect(running.address).await;
    client.send_raw(b"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n").await;
    let started = std::time::Instant::now();
    let answer = loop {
        client.send_raw(b"x").await;
        if let Ok(answer) = tokio::time::timeout(stall_timeout / 4, client.answer(false)).await {
            break answer;
        }
        assert!(started.elapsed() < PATIENCE);
    };
    assert_eq!(answer.status, "408 Request Timeout");
    assert!(answer.text().starts_with("the request's body arrives too slowly: "), "{answer:?}");
}

#[tokio::test]
async fn a_restore_that_breaks_off_leaves_nothing() {
    let running = start(settings()).await;
    let mut client = Client::connect(running.address).await;
    for number in 0..8 {
        // More than one step of a restore.
        assert_eq!(client.ask(&format!("PUT /v1/kv/{number}"), &[b'x'; 100_000]).await.status, "200 OK");
    }
    let archive = client.ask("GET /v1/snapshot", b"").await.body;
    let is_under_way = || {
        let view =
            running.node.view_now(&Caller::anonymous(), Consistency::STALE).expect("a stale view needs no leader");
        view.restore_under_way().is_some()
    };
    let mut restoring = Client::connect(running.address).await;
    let head = format!("PUT /v1/snapshot HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", archive.len());
    restoring.send_raw(&[head.as_bytes(), &archive[..archive.len() / 2]].concat()).await;
    until("a half of it is staged", is_under_way).await;
    drop(restoring);
    until("nothing of it is left", || !is_under_way()).await;
    assert_eq!(client.ask("GET /v1/kv/7?raw", b"").await.body.len(), 100_000);
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let reached = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{what}"));
}
