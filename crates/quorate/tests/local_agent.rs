//! The real binary as an agent: what it streams, how it leaves, and what it knows after a restart.

mod running;

use std::io::Read;
use std::time::Duration;

use running::{Agent, PATIENCE, Scratch, until};

#[test]
fn the_log_is_followed_at_the_level_asked_for() {
    let agent = Agent::start(&["-dev"]);
    let mut debug = agent.send("GET", "/v1/agent/monitor?loglevel=debug", "");
    let mut json = agent.send("GET", "/v1/agent/monitor?loglevel=info&logjson", "");
    assert!(until(&mut debug, "HTTP/1.1").contains("200 OK"));
    assert!(until(&mut json, "HTTP/1.1").contains("200 OK"));
    // The agent's own log has no requests at its level; who follows at debug sees them.
    agent.ask("PUT", "/v1/kv/seen?token=secret", "x");
    let line = until(&mut debug, "PUT /v1/kv/seen");
    assert!(line.contains("[DEBUG] http.dispatch: answered: ") && line.contains("token=<hidden>"), "{line}");
    agent.ask("PUT", "/v1/agent/check/register", r#"{"Name":"t","TTL":"1h"}"#);
    agent.ask("PUT", "/v1/agent/check/pass/t", "");
    let line = until(&mut json, "\"check\":\"t\"");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["@level"], &line["check"], &line["status"]), (&"info".into(), &"t".into(), &"passing".into()));
}

#[test]
fn a_stream_in_which_nothing_happens_stays_open() {
    let agent = Agent::start(&["-dev"]);
    let mut log = agent.keep("GET", "/v1/agent/monitor?loglevel=info");
    until(&mut log, "HTTP/1.1 200 OK");
    // A connection without a request leaves hyper after twice a tenth of a second.
    log.get_ref().set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    while let Ok(read) = log.read(&mut [0; 1024]) {
        assert_ne!(read, 0, "the stream ended");
    }
    log.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    agent.ask("PUT", "/v1/agent/check/register", r#"{"Name":"t","TTL":"1h"}"#);
    agent.ask("PUT", "/v1/agent/check/pass/t", "");
    until(&mut log, "check=t");
}

#[test]
fn metrics_are_streamed() {
    let agent = Agent::start(&["-dev"]);
    let mut stream = agent.send("GET", "/v1/agent/metrics/stream", "");
    until(&mut stream, "\"Timestamp\"");
    // A second one comes when the interval ends.
    until(&mut stream, "\"Timestamp\"");
}

#[test]
fn it_leaves_when_it_is_asked_to_and_says_what_it_can_not_do() {
    let mut agent = Agent::start(&["-dev"]);
    for (target, text) in
        [("/v1/agent/join/10.0.0.1", "there is nobody to join"), ("/v1/agent/force-leave/a", "there is nobody to join")]
    {
        let answer = agent.ask("PUT", target, "");
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains(text), "{answer}");
    }
    let mut follower = agent.send("GET", "/v1/agent/monitor", "");
    until(&mut follower, "200 OK");
    assert!(agent.ask("PUT", "/v1/agent/reload", "").starts_with("HTTP/1.1 200 OK"));
    assert!(agent.ask("PUT", "/v1/agent/leave", "").starts_with("HTTP/1.1 200 OK"));
    assert!(agent.process.wait().unwrap().success());
    // Whoever follows the log does not hold it up, and reads to its end.
    follower.read_to_string(&mut String::new()).unwrap();
}

#[test]
fn what_was_registered_is_there_after_a_kill() {
    let directory = Scratch::new("local");
    let flags = ["-server", "-bootstrap-expect=1", "-bind=127.0.0.1", &format!("-data-dir={}", directory.0.display())];
    let mut agent = Agent::start(&flags);
    let web = r#"{"Name":"web","Port":80,"Check":{"TTL":"1h"}}"#;
    assert!(agent.ask("PUT", "/v1/agent/service/register", web).starts_with("HTTP/1.1 200 OK"));
    // What is answered is on disk: the kill comes at once.
    agent.ask("PUT", "/v1/agent/check/warn/service:web?note=hm", "");
    agent.process.kill().unwrap();
    agent.process.wait().unwrap();

    let agent = Agent::start(&flags);
    let checks = agent.ask("GET", "/v1/agent/checks", "");
    assert!(checks.contains(r#""Status":"warning","Notes":"","Output":"hm","ServiceID":"web""#), "{checks}");
    assert!(agent.ask("GET", "/v1/agent/health/service/id/web", "").starts_with("HTTP/1.1 429 "));
    let service = agent.ask("GET", "/v1/agent/service/web", "");
    assert!(service.contains(r#""Port":80"#), "{service}");
}

#[test]
fn services_of_a_file_come_change_and_go_by_reload() {
    let directory = Scratch::new("reload");
    let file = directory.0.join("services.hcl");
    let web = |port: u16| {
        format!("services {{\n  name = \"web\"\n  port = {port}\n  check {{ id = \"w\", ttl = \"1h\" }}\n}}\n")
    };
    std::fs::write(&file, web(80) + "services { id = \"other\", name = \"db\" }").unwrap();
    let agent = Agent::start(&["-dev", &format!("-config-file={}", file.display())]);
    agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"by-request"}"#);
    agent.ask("PUT", "/v1/agent/check/pass/w?note=fine", "");

    std::fs::write(&file, web(81) + "services { name = \"new\" }").unwrap();
    assert!(agent.ask("PUT", "/v1/agent/reload", "").starts_with("HTTP/1.1 200 OK"));
    let services = agent.ask("GET", "/v1/agent/services", "");
    let has = |text: &str| services.contains(text);
    assert!(has("\"Port\": 81") && has("\"new\"") && has("\"by-request\"") && !has("\"other\""), "{services}");
    let checks = agent.ask("GET", "/v1/agent/checks", "");
    assert!(checks.contains("\"Output\": \"fine\""), "the check goes on as it was: {checks}");

    std::fs::write(&file, "service { port = 1 }").unwrap();
    let answer = agent.ask("PUT", "/v1/agent/reload", "");
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("services.hcl:1: service"), "{answer}");
    assert!(agent.ask("GET", "/v1/agent/services", "").contains("\"new\""));
}

#[test]
fn what_a_server_keeps_of_itself_is_back_soon_after_it_was_removed() {
    let agent = Agent::start(&["-dev", "-node=here"]);
    agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"web","Check":{"TTL":"1h"}}"#);
    // The leader's own round comes after a minute, when nobody waits any more.
    for wiped in
        [r#"{"Node":"here"}"#, r#"{"Node":"here","CheckID":"serfHealth"}"#, r#"{"Node":"here","ServiceID":"consul"}"#]
    {
        let wanted = |target: &str, text: &str| {
            let began = tokio::time::Instant::now();
            while !agent.ask("GET", target, "").contains(text) {
                assert!(began.elapsed() < PATIENCE, "{text} is not back after {wiped}");
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        let all = || {
            wanted("/v1/health/node/here", "serfHealth");
            wanted("/v1/health/node/here", "service:web");
            wanted("/v1/catalog/service/consul", "here");
            wanted("/v1/catalog/service/web", "here");
        };
        all();
        assert!(agent.ask("PUT", "/v1/catalog/deregister", wiped).starts_with("HTTP/1.1 200 OK"));
        all();
    }
}

#[test]
fn what_is_too_large_for_the_catalog_is_named_in_the_log() {
    let agent = Agent::start(&["-dev", "-node=here"]);
    let mut log = agent.send("GET", "/v1/agent/monitor?loglevel=warn", "");
    until(&mut log, "200 OK");
    // As large as a request may be; its name is its id, too, and both with all around them are more than a command may be.
    let name = "x".repeat((4 << 20) - r#"{"Name":""}"#.len());
    let answer = agent.ask("PUT", "/v1/agent/service/register", &format!(r#"{{"Name":"{name}"}}"#));
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let line = until(&mut log, "the catalog refused a service of this agent");
    assert!(line.contains("service=xxx") && line.contains("and the limit is 8388608"));
}
