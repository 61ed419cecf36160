//! Blocking queries: what wakes one, what does not, and what it costs.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

mod support;

use std::time::Duration;

use quorate_http::Settings;
use support::{Client, Running, settings, start};
use tokio::time::Instant;

/// Long enough for an answer that should not come to come.
const QUIET: Duration = Duration::from_millis(100);

async fn put(running: &Running, path: &str, body: &str) {
    let answer = Client::connect(running.address).await.ask(&format!("PUT {path}"), body.as_bytes()).await;
    assert_eq!(answer.status, "200 OK", "{path} {answer:?}");
}

async fn get(running: &Running, path: &str) -> support::Answer {
    Client::connect(running.address).await.ask(&format!("GET {path}"), b"").await
}

/// Parks a query behind what it is answered with now.
async fn park(running: &Running, path: &str) -> Client {
    let index = get(running, path).await.index();
    let mut client = Client::connect(running.address).await;
    let separator = if path.contains('?') { '&' } else { '?' };
    client.send(&format!("GET {path}{separator}index={index}&wait=60s"), &[], b"").await;
    assert!(client.is_quiet(QUIET).await, "{path} waits");
    client
}

#[tokio::test]
async fn a_key_wakes_its_own_watchers_only() {
    let running = start(settings()).await;
    put(&running, "/v1/kv/a", "1").await;
    let mut of_key = park(&running, "/v1/kv/a").await;
    let mut of_prefix = park(&running, "/v1/kv/a?recurse").await;
    let mut of_other = park(&running, "/v1/kv/b").await;
    put(&running, "/v1/kv/ab", "1").await;
    assert!(of_prefix.answer(false).await.text().contains("\"ab\""));
    assert!(of_key.is_quiet(QUIET).await && of_other.is_quiet(QUIET).await);
    put(&running, "/v1/kv/a", "1").await;
    assert!(of_key.is_quiet(QUIET).await, "the same value changes nothing");
    put(&running, "/v1/kv/a", "2").await;
    assert!(of_key.answer(false).await.text().contains("\"Mg==\""));
    put(&running, "/v1/kv/b", "").await;
    assert_eq!(of_other.answer(false).await.status, "200 OK", "what was absent has appeared");
}

#[tokio::test]
async fn a_change_that_a_filter_hides_wakes_nobody() {
    let running = start(settings()).await;
    let register = |status: &str, output: &str| {
        format!(
            r#"{{"Node":"n2","Address":"10.0.0.2","Service":{{"Service":"web"}},
                "Check":{{"CheckID":"c","Name":"c","ServiceID":"web","Status":"{status}","Output":"{output}"}}}}"#
        )
    };
    put(&running, "/v1/catalog/register", &register("critical", "1")).await;
    let mut passing = park(&running, "/v1/health/service/web?passing").await;
    let mut all = park(&running, "/v1/health/service/web").await;
    put(&running, "/v1/catalog/register", &register("critical", "2")).await;
    let index = all.answer(false).await.index();
    assert!(passing.is_quiet(QUIET).await);
    put(&running, "/v1/catalog/register", &register("passing", "2")).await;
    let answer = passing.answer(false).await;
    assert!(answer.text().contains("\"web\"") && answer.index() > index);
}

#[tokio::test]
async fn a_hidden_change_between_two_questions_does_not_wake_either() {
    let running = start(settings()).await;
    let path = "/v1/catalog/nodes?filter=Node+==+n1";
    let mut client = park(&running, path).await;
    let register = |address: &str| format!(r#"{{"Node":"n2","Address":"{address}"}}"#);
    put(&running, "/v1/catalog/register", &register("10.0.0.2")).await;
    assert!(client.is_quiet(QUIET).await);
    // Another asks with the index from before the hidden change: it has the same content.
    let index = get(&running, path).await.index();
    let mut late = Client::connect(running.address).await;
    late.send(&format!("GET {path}&index={}", index - 1), &[], b"").await;
    assert!(late.is_quiet(QUIET).await);
}

#[tokio::test]
async fn an_old_index_is_answered_at_once_and_one_never_given_waits_for_any_change() {
    let running = start(settings()).await;
    put(&running, "/v1/kv/a", "1").await;
    put(&running, "/v1/kv/a", "2").await;
    let index = get(&running, "/v1/kv/a").await.index();
    let answer = get(&running, &format!("/v1/kv/a?index={}", index - 1)).await;
    assert_eq!(answer.index(), index);
    let mut client = Client::connect(running.address).await;
    client.send(&format!("GET /v1/kv/a?index={}", index + 1_000_000), &[], b"").await;
    assert!(client.is_quiet(QUIET).await);
    put(&running, "/v1/kv/a", "3").await;
    assert!(client.answer(false).await.text().contains("\"Mw==\""));
}

#[tokio::test]
async fn deletes_wake_and_do_not_turn_the_index_back() {
    let running = start(settings()).await;
    put(&running, "/v1/kv/a/b", "1").await;
    let before = get(&running, "/v1/kv/a?recurse").await.index();
    let mut client = park(&running, "/v1/kv/a?recurse").await;
    Client::connect(running.address).await.ask("DELETE /v1/kv/a/b", b"").await;
    let answer = client.answer(false).await;
    assert_eq!(answer.status, "404 Not Found");
    assert!(answer.index() > before);
    assert_eq!(get(&running, "/v1/kv/a?recurse").await.index(), answer.index());
}

#[tokio::test]
async fn a_wait_ends_in_its_time() {
    let running = start(settings()).await;
    let index = get(&running, "/v1/kv/a").await.index();
    for wait_ms in [200, 1_600] {
        let mut client = Client::connect(running.address).await;
        let started = Instant::now();
        client.send(&format!("GET /v1/kv/a?index={index}&wait={wait_ms}ms"), &[], b"").await;
        let answer = client.answer(false).await;
        let took_ms = started.elapsed().as_millis();
        assert_eq!((&*answer.status, answer.index()), ("404 Not Found", index));
        assert!((wait_ms..=wait_ms * 17 / 16 + 50).contains(&took_ms), "{took_ms} ms for {wait_ms} ms");
    }
}

#[tokio::test]
async fn a_connection_goes_on_after_it_was_parked() {
    let running = start(settings()).await;
    let index = get(&running, "/v1/kv/a").await.index();
    let mut client = Client::connect(running.address).await;
    for round in 0..3 {
        client.send(&format!("GET /v1/kv/a?index={index}&wait=50ms"), &[], b"").await;
        assert_eq!(client.answer(false).await.status, "404 Not Found", "{round}");
        assert_eq!(client.ask("GET /v1/status/leader", b"").await.status, "200 OK");
    }
    // Requests sent behind a parked one are answered behind it, in their order.
    let parked = format!("GET /v1/kv/a?index={index}&wait=50ms HTTP/1.1\r\nHost: x\r\n\r\n");
    let behind = "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/status/peers HTTP/1.1\r\nHost: x\r\n\r\n";
    client.send_raw(format!("{parked}{behind}").as_bytes()).await;
    assert_eq!(client.answer(false).await.status, "404 Not Found");
    assert_eq!(client.answer(false).await.text(), "\"127.0.0.1:8300\"");
    assert_eq!(client.answer(false).await.text(), "[\"127.0.0.1:8300\"]");
}

#[tokio::test]
async fn a_client_that_wants_to_close_waits_too() {
    let running = start(settings()).await;
    let index = get(&running, "/v1/kv/a").await.index();
    let mut client = Client::connect(running.address).await;
    client.send(&format!("GET /v1/kv/a?index={index}&wait=60s"), &[("Connection", "close")], b"").await;
    assert!(client.is_quiet(QUIET).await);
    put(&running, "/v1/kv/a", "1").await;
    assert_eq!(client.answer(false).await.status, "200 OK");
    assert_eq!(client.try_answer(false).await, None);
}

#[tokio::test]
async fn waiters_have_a_bound_and_leave_with_their_client() {
    let running = start(Settings { parked_queries_max: 2, ..settings() }).await;
    put(&running, "/v1/kv/a", "1").await;
    let first = park(&running, "/v1/kv/a").await;
    let _second = park(&running, "/v1/kv/b").await;
    let index = get(&running, "/v1/kv/a").await.index();
    let refused = get(&running, &format!("/v1/kv/a?index={index}")).await;
    assert_eq!((&*refused.status, refused.header("Retry-After")), ("429 Too Many Requests", Some("1")));
    assert_eq!(refused.text(), "2 questions are parked already, which is the limit");
    let events = get(&running, "/v1/event/list?index=1").await;
    assert_eq!(events.status, "429 Too Many Requests");
    drop(first);
    let parked = async {
        loop {
            let mut client = Client::connect(running.address).await;
            client.send(&format!("GET /v1/kv/a?index={index}"), &[], b"").await;
            if client.is_quiet(QUIET).await {
                return;
            }
        }
    };
    tokio::time::timeout(support::PATIENCE, parked).await.expect("the place of a client that left is free");
}

#[tokio::test]
async fn events_wake_those_who_list_them() {
    let running = start(settings()).await;
    let mut all = Client::connect(running.address).await;
    all.send("GET /v1/event/list?index=1&wait=60s", &[], b"").await;
    let mut named = Client::connect(running.address).await;
    named.send("GET /v1/event/list?name=deploy&index=1&wait=60s", &[], b"").await;
    assert!(all.is_quiet(QUIET).await && named.is_quiet(QUIET).await);
    put(&running, "/v1/event/fire/other", "").await;
    let index = all.answer(false).await.index();
    assert!(index > 1 && named.is_quiet(QUIET).await);
    put(&running, "/v1/event/fire/deploy", "x").await;
    assert!(named.answer(false).await.text().contains("\"deploy\""));
}

#[tokio::test]
async fn a_stopping_server_answers_those_who_wait() {
    let running = start(settings()).await;
    let mut of_key = park(&running, "/v1/kv/a").await;
    let mut of_events = Client::connect(running.address).await;
    of_events.send("GET /v1/event/list?index=1&wait=60s", &[], b"").await;
    assert!(of_events.is_quiet(QUIET).await);
    let mut idle = Client::connect(running.address).await;
    idle.ask("GET /v1/status/leader", b"").await;
    let open = tokio::time::timeout(Duration::from_secs(3), running.server.drain()).await.expect("it stops at once");
    assert_eq!(open, 0);
    assert_eq!(of_key.answer(false).await.status, "404 Not Found");
    assert_eq!(of_events.answer(false).await.text(), "[]");
    for mut client in [of_key, of_events, idle] {
        assert_eq!(client.try_answer(false).await, None, "its connection is closed");
    }
}

#[tokio::test]
async fn a_restore_answers_everyone_at_once() {
    let running = start(settings()).await;
    put(&running, "/v1/kv/a", "1").await;
    let archive = get(&running, "/v1/snapshot").await;
    assert_eq!(archive.header("Content-Type"), Some("application/octet-stream"));
    let mut unchanged = park(&running, "/v1/kv/a").await;
    let mut absent = park(&running, "/v1/kv/b").await;
    let mut of_events = Client::connect(running.address).await;
    of_events.send("GET /v1/event/list?index=1&wait=60s", &[], b"").await;
    assert!(of_events.is_quiet(QUIET).await);
    let answer = Client::connect(running.address).await.ask("PUT /v1/snapshot", &archive.body).await;
    assert_eq!((&*answer.status, answer.text()), ("200 OK", ""));
    let answer = unchanged.answer(false).await;
    assert!(answer.text().contains("\"MQ==\"") && answer.index() > archive.index());
    assert_eq!(absent.answer(false).await.status, "404 Not Found");
    assert_eq!(of_events.answer(false).await.text(), "[]");
}

/// The value of a metric without labels.
async fn metric(running: &Running, name: &str) -> f64 {
    let metrics = get(running, "/v1/agent/metrics?format=prometheus").await;
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {}", metrics.text())).parse().unwrap()
}

#[tokio::test]
async fn many_who_wait_for_the_same_share_one_evaluation() {
    let running = start(settings()).await;
    put(&running, "/v1/kv/a", "1").await;
    let index = get(&running, "/v1/kv/a").await.index();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::connect(running.address).await;
        client.send(&format!("GET /v1/kv/a?index={index}"), &[], b"").await;
        clients.push(client);
    }
    let all_wait = async { while metric(&running, "consul_rpc_queries_blocking").await < 50.0 {} };
    tokio::time::timeout(support::PATIENCE, all_wait).await.expect("all wait");
    put(&running, "/v1/kv/a", "2").await;
    for client in &mut clients {
        assert!(client.answer(false).await.text().contains("\"Mg==\""));
    }
    assert_eq!(metric(&running, "quorate_http_parked_evaluated").await, 1.0);
    assert_eq!(metric(&running, "quorate_http_parked_woken").await, 50.0);
}
