//! The real binary reads its configuration again: what holds at once, what is kept, and what refuses all of it.

mod running;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use nix::sys::signal::Signal;
use running::{Agent, PATIENCE, Scratch, until};

/// A configuration file, and an agent that reads it.
struct Configured {
    agent: Agent,
    scratch: Scratch,
}

impl Configured {
    fn start(name: &str, text: &str) -> Self {
        let scratch = Scratch::new(&format!("reload-{name}"));
        let file = format!("-config-file={}", scratch.file("agent.hcl", text));
        Self { agent: Agent::start(&["-dev", &file]), scratch }
    }

    fn write(&self, text: &str) {
        self.scratch.file("agent.hcl", text);
    }

    /// Has this text take the place of the file; gives what the reload was answered.
    fn reload(&self, text: &str) -> String {
        self.write(text);
        self.agent.ask("PUT", "/v1/agent/reload", "")
    }

    fn get(&self, target: &str) -> String {
        self.agent.ask("GET", target, "")
    }

    fn put(&self, target: &str, body: &str) -> String {
        self.agent.ask("PUT", target, body)
    }

    /// Waits for an answer that is so.
    fn wait_for(&self, target: &str, is_so: impl Fn(&str) -> bool) -> String {
        for _ in 0..1_000 {
            let answer = self.get(target);
            if is_so(&answer) {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("never: {target}: {}", self.get(target));
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[test]
fn limits_and_rules_hold_at_once_for_those_who_are_connected_too() {
    let one = Configured::start("limits", "limits { kv_max_value_size = 10 }");
    assert_eq!(status(&one.put("/v1/kv/a", "12345678901")), "413");
    let answer = one.reload(
        r#"
        limits { kv_max_value_size = 20 txn_max_req_len = 100 txn_max_ops = 1 }
        session_ttl_min = "1m"
        http_config {
          response_headers { X-Site = "east" }
          block_endpoints = ["/v1/event"]
          allow_write_http_from = ["127.0.0.0/8"]
          max_header_bytes = 8192
        }
        "#,
    );
    assert_eq!(status(&answer), "200", "{answer}");
    let answer = one.put("/v1/kv/a", "12345678901");
    assert!(status(&answer) == "200" && answer.contains("X-Site: east\r\n"), "{answer}");
    assert_eq!(status(&one.put("/v1/kv/a", &"x".repeat(21))), "413");
    let answer = one.put("/v1/txn", &" ".repeat(101));
    assert!(answer.contains("too large, max size: 100 bytes"), "{answer}");
    let get = r#"{"KV":{"Verb":"get","Key":"a"}}"#;
    assert!(one.put("/v1/txn", &format!("[{get},{get}]")).contains("too many operations (2 > 1)"));
    let answer = one.put("/v1/session/create", r#"{"TTL":"30s"}"#);
    assert!(answer.contains("must be between [1m0s=24h0m0s]"), "{answer}");
    assert_eq!(status(&one.get("/v1/event/list")), "403");
    let own = one.get("/v1/agent/self");
    assert!(own.contains("\"KVMaxValueSize\": 20,") && own.contains("\"TxnMaxReqLen\": 100,"), "{own}");
    // The head may be as long as was said and 4 KiB more, as with Go's server.
    assert_eq!(status(&one.get(&format!("/v1/kv/a?x={}", "y".repeat(10_000)))), "200");
    assert_eq!(status(&one.get(&format!("/v1/kv/a?x={}", "y".repeat(13_000)))), "431");

    // What is left out has its default again.
    let answer = one.reload("http_config { allow_write_http_from = [\"10.0.0.0/8\"] }");
    assert_eq!(status(&answer), "200", "{answer}");
    assert_eq!(status(&one.put("/v1/kv/a", "x")), "403");
    let answer = one.get("/v1/event/list");
    assert!(status(&answer) == "200" && !answer.contains("X-Site"), "{answer}");
}

#[test]
fn meta_data_of_the_node_reaches_the_catalog_and_checks_go_on() {
    let services = "service { name = \"web\" check { id = \"w\" ttl = \"1h\" } }\n";
    let one = Configured::start("meta", &format!("{services} node_meta {{ rack = \"1\" }}"));
    one.put("/v1/agent/check/pass/w?note=fine", "");
    let name = "/v1/catalog/nodes";
    one.wait_for(name, |answer| answer.contains("\"rack\": \"1\""));
    // The entry of the check as it was last written.
    let index = |answer: &str| {
        answer.lines().find(|line| line.contains("\"ModifyIndex\"")).map(str::to_owned).expect("an index")
    };
    one.wait_for("/v1/health/checks/web", |answer| answer.contains("\"Output\": \"fine\""));
    let before = index(&one.get("/v1/health/checks/web"));
    one.reload(&format!("{services} discard_check_output = true node_meta {{ rack = \"2\" row = \"b\" }}"));
    let nodes = one.wait_for(name, |answer| answer.contains("\"rack\": \"2\""));
    assert!(nodes.contains("\"row\": \"b\"") && nodes.contains("\"consul-network-segment\": \"\""), "{nodes}");
    let own = one.get("/v1/agent/self");
    assert!(own.contains("\"row\": \"b\""), "{own}");
    let checks = one.get("/v1/health/checks/web");
    assert!(checks.contains("\"Status\": \"passing\"") && index(&checks) == before, "{checks}");
    // Output is thrown away from the next result on.
    one.put("/v1/agent/check/warn/w?note=gone", "");
    let checks = one.get("/v1/agent/checks");
    assert!(checks.contains("\"Status\": \"warning\"") && checks.contains("\"Output\": \"\""), "{checks}");
    one.reload(services);
    one.wait_for(name, |answer| !answer.contains("rack"));
    one.put("/v1/agent/check/warn/w?note=back", "");
    assert!(one.get("/v1/agent/checks").contains("\"Output\": \"back\""));
}

#[test]
fn what_waits_for_a_restart_is_named() {
    let one = Configured::start("kept", "datacenter = \"dc1\"");
    let mut log = one.agent.send("GET", "/v1/agent/monitor?loglevel=warn", "");
    until(&mut log, "200 OK");
    let changed = "datacenter = \"dc2\" ports { server = 7300 } limits { txn_max_ops = 1 kv_max_value_size = 20000000 } \
                   retry_max = 3 enable_local_script_checks = true node_meta { a = \"b\" }";
    assert_eq!(status(&one.reload(changed)), "200");
    let line = until(&mut log, "kept until a restart");
    let keys = "kept until a restart: datacenter, enable_local_script_checks, limits.kv_max_value_size, ports.server";
    assert!(line.trim_end().ends_with(keys), "{line}");
    // A value larger than the log files were made for is as before.
    let own = one.get("/v1/agent/self");
    assert!(own.contains("\"KVMaxValueSize\": 524288,") && own.contains("\"Datacenter\": \"dc1\""), "{own}");
    assert_eq!(status(&one.reload("datacenter = \"dc1\" limits { kv_max_value_size = 8000000 }")), "200");
    assert_eq!(status(&one.put("/v1/kv/large", &"x".repeat(8_000_000))), "200");
}

#[test]
fn a_configuration_with_a_mistake_is_refused_whole() {
    let before = "service { name = \"web\" } limits { kv_max_value_size = 10 } node_meta { rack = \"1\" }";
    let one = Configured::start("whole", before);
    let mut log = one.agent.send("GET", "/v1/agent/monitor?loglevel=err", "");
    until(&mut log, "200 OK");
    let changes = "limits { kv_max_value_size = 20 } node_meta { rack = \"2\" } services { name = \"new\" }\n";
    let mistakes = [
        ("session_ttl_min = 5", "agent.hcl:2: \"session_ttl_min\" must be a duration"),
        // What the agent would not take is told alike.
        (
            "check { name = \"c\" service_id = \"nobody\" ttl = \"1s\" }",
            "agent.hcl:2: \"check.service_id\": ServiceID \"nobody\" does not exist",
        ),
        (
            "services { name = \"s\" check { args = [\"true\"] interval = \"1s\" } }",
            "agent.hcl:2: \"services[1].check.args\": Scripts are disabled",
        ),
        (
            "services { name = \"consul\" }",
            "agent.hcl:2: \"services[1].name\": \"consul\" is kept by the server itself",
        ),
    ];
    for (mistake, sentence) in mistakes {
        let answer = one.reload(&format!("{changes}{mistake}"));
        assert!(status(&answer) == "500" && answer.contains(sentence), "{answer}");
        let (code, _, said) = one.agent.outcome(&["reload"]);
        assert!(code == Some(1) && said.contains(sentence), "{said}");
        for _ in ["by the request", "by the command"] {
            assert!(until(&mut log, "nothing has changed").contains(&sentence.replace('"', "\\\"")));
        }
        let (services, own) = (one.get("/v1/agent/services"), one.get("/v1/agent/self"));
        assert!(services.contains("\"web\"") && !services.contains("\"new\""), "{services}");
        assert!(own.contains("\"KVMaxValueSize\": 10,") && own.contains("\"rack\": \"1\""), "{own}");
    }
    assert_eq!(status(&one.reload(changes)), "200");
    assert!(one.get("/v1/agent/services").contains("\"new\""));
}

#[test]
fn measurements_are_sent_to_whom_a_reload_names() {
    let one = Configured::start("telemetry", "");
    let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
    statsd.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = statsd.local_addr().unwrap();
    let answer = one.reload(&format!(
        "telemetry {{ statsd_address = \"{address}\" metrics_prefix = \"site\" filter_default = false \
         prefix_filter = [\"+site.kvs\"] }}"
    ));
    assert_eq!(status(&answer), "200", "{answer}");
    one.put("/v1/kv/a", "x");
    let mut packet = [0; 2_000];
    let length = statsd.recv(&mut packet).unwrap();
    let text = String::from_utf8_lossy(&packet[..length]);
    assert!(text.lines().all(|line| line.starts_with("site.kvs.")), "{text}");
}

#[test]
fn a_reload_applies_what_may_change_and_tells_what_did_not() {
    let scratch = Scratch::new("reload-signal");
    let file = scratch.file("agent.hcl", "log_level = \"WARN\" datacenter = \"dc1\"");
    let agent = Agent::start_in_memory(&["-hcl=log_level=\"INFO\"", &format!("-config-file={file}")]);
    scratch.file("agent.hcl", "datacenter = \"dc2\" limits { http_max_conns_per_client = 1 }");
    let said = agent.signal_and_wait(Signal::SIGHUP, "the configuration was read again");
    assert!(said.contains("kept until a restart: datacenter\n"), "{said}");
    assert!(!said.contains("http_max_conns_per_client"), "{said}");
    let _held = TcpStream::connect(agent.address()).unwrap();
    let mut refused = String::new();
    let mut second = TcpStream::connect(agent.address()).unwrap();
    second.read_to_string(&mut refused).unwrap();
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("too many concurrent connections"), "{refused}");

    scratch.file("agent.hcl", "datacenter = ");
    let said = agent.signal_and_wait(Signal::SIGHUP, "nothing has changed");
    assert!(said.contains("agent.hcl:1:14: expected a value"), "{said}");
}

#[test]
fn a_file_that_can_not_be_read_holds_up_the_reload_alone() {
    let mut server = Configured::start("hangs", "");
    // To open it is to wait for a writer, as on a file system that hangs.
    let file = server.scratch.path("agent.hcl");
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    let reload = server.agent.send("PUT", "/v1/agent/reload", "");
    for _ in 0..20 {
        assert_eq!(status(&server.get("/v1/status/leader")), "200");
    }
    // It has begun: a writer finds a reader.
    let mut writer = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    assert_eq!(status(&server.get("/v1/status/leader")), "200");
    server.agent.signal(Signal::SIGTERM);
    assert!(server.agent.process.wait().unwrap().success());
    drop((reload, writer.flush()));
}
