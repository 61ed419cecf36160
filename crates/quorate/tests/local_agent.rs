//! The real binary as an agent: what it streams, how it leaves, and what it knows after a restart.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// Nothing that a test waits for takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

struct Agent {
    process: Child,
    address: String,
}

impl Agent {
    fn start(flags: &[&str]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new(QUORATE)
            .args(["agent", "-log-level=INFO", "-dns-port=-1", &format!("-http-port={port}")])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = log.by_ref().map_while(Result::ok).any(|line| line.contains("the agent is running"));
        assert!(ready, "the agent ended before it was ready");
        // Whoever logs to a closed pipe fails: the rest is read, and thrown away.
        std::thread::spawn(move || log.count());
        Self { process, address: format!("127.0.0.1:{port}") }
    }

    /// Sends a request; the answer is read by the caller, who gets no end of it where there is none.
    fn send(&self, method: &str, target: &str, body: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// The whole answer to a request.
    fn ask(&self, method: &str, target: &str, body: &str) -> String {
        let mut answer = String::new();
        self.send(method, target, body).read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads lines until one has the text.
fn until(reader: &mut impl BufRead, text: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "it ended before {text:?}");
        if line.contains(text) {
            return line;
        }
    }
}

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
    let directory = std::env::temp_dir().join(format!("quorate-local-{}", std::process::id()));
    let directory = Scratch(directory);
    let flags = ["-server", "-bootstrap-expect=1", "-bind=127.0.0.1", &format!("-data-dir={}", directory.0.display())];
    let mut agent = Agent::start(&flags);
    let web = r#"{"Name":"web","Port":80,"Check":{"TTL":"1h"}}"#;
    assert!(agent.ask("PUT", "/v1/agent/service/register", web).starts_with("HTTP/1.1 200 OK"));
    agent.ask("PUT", "/v1/agent/check/warn/service:web?note=hm", "");
    // Writes are made in their order, so the state is on disk when this is answered.
    agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"second"}"#);
    agent.process.kill().unwrap();
    agent.process.wait().unwrap();

    let agent = Agent::start(&flags);
    let checks = agent.ask("GET", "/v1/agent/checks", "");
    assert!(checks.contains(r#""Status":"warning","Notes":"","Output":"hm","ServiceID":"web""#), "{checks}");
    assert!(agent.ask("GET", "/v1/agent/health/service/id/web", "").starts_with("HTTP/1.1 429 "));
    let service = agent.ask("GET", "/v1/agent/service/web", "");
    assert!(service.contains(r#""Port":80"#), "{service}");
}

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn services_of_a_file_come_change_and_go_by_reload() {
    let directory = Scratch(std::env::temp_dir().join(format!("quorate-reload-{}", std::process::id())));
    std::fs::create_dir_all(&directory.0).unwrap();
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
