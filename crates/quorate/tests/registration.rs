//! The real binary takes what newer clients and files register with the agent, tells it to the catalog, and keeps it.

mod running;

use std::time::Duration;

use running::{Agent, Scratch};
use serde_json::{Value, json};

fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}

/// Asks until the answer is so.
fn wait_for(agent: &Agent, target: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let value = body(&agent.ask("GET", target, ""));
        if is_so(&value) {
            return value;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never: {}", agent.ask("GET", target, ""));
}

#[test]
fn ports_locality_and_more_of_newer_clients_are_kept_and_told() {
    let directory = Scratch::new("newer");
    let file = directory.0.join("agent.hcl");
    let of_file = "service {\n name = \"db\"\n locality { region = \"eu\" zone = \"b\" }\n\
                   ports = [{ name = \"sql\" port = 5432 default = true }]\n\
                   check { id = \"unit\" os_service = \"no-such.service\" interval = \"1h\" }\n\
                   checks = [{ id = \"t\" tcp = \"localhost:1\" tcp_use_tls = true interval = \"1h\" }]\n}\n";
    std::fs::write(&file, of_file).unwrap();
    let flags = [
        "-server",
        "-bootstrap-expect=1",
        "-bind=127.0.0.1",
        &format!("-data-dir={}", directory.0.join("data").display()),
        &format!("-config-file={}", file.display()),
    ];
    let web = json!({
        "Name": "web", "Port": 80, "Kind": "connect-proxy",
        "Ports": [{"Name": "http", "Port": 80, "Default": true}, {"Name": "admin", "Port": 81}],
        "Locality": {"Region": "eu", "Zone": "a"},
        "AI": {"Role": "mcp-server", "MCPServer": {"Transport": "http", "Path": "/mcp"}},
        "Proxy": {
            "DestinationServiceName": "site", "LocalServicePorts": [{"Name": "p", "Port": 1, "Default": true}],
            "Upstreams": [{"DestinationName": "db", "DestinationPort": "sql", "LocalBindPort": 5000}],
        },
    });
    let has_all = |service: &Value| {
        let ports =
            json!([{"Name": "http", "Port": 80, "Default": true}, {"Name": "admin", "Port": 81, "Default": false}]);
        assert_eq!(service["Ports"], ports, "{service}");
        assert_eq!(service["Locality"], web["Locality"], "{service}");
        assert_eq!(service["AI"], web["AI"], "{service}");
        assert_eq!(service["Proxy"]["LocalServicePorts"], web["Proxy"]["LocalServicePorts"], "{service}");
        assert_eq!(service["Proxy"]["Upstreams"][0]["DestinationPort"], "sql", "{service}");
    };
    let mut agent = Agent::start(&flags);
    let answer = agent.ask("PUT", "/v1/agent/service/register", &web.to_string());
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for is_restarted in [false, true] {
        if is_restarted {
            agent.process.kill().unwrap();
            agent.process.wait().unwrap();
            agent = Agent::start(&flags);
        }
        has_all(&body(&agent.ask("GET", "/v1/agent/service/web", "")));
        let services = body(&agent.ask("GET", "/v1/agent/services", ""));
        has_all(&services["web"]);
        assert_eq!(services["db"]["Ports"], json!([{"Name": "sql", "Port": 5432, "Default": true}]));
        assert_eq!(services["db"]["Locality"], json!({"Region": "eu", "Zone": "b"}));
        let there = wait_for(&agent, "/v1/health/service/web", |list| list[0].is_object());
        has_all(&there[0]["Service"]);
        let there = wait_for(&agent, "/v1/health/service/db", |list| list[0].is_object());
        assert_eq!(there[0]["Service"]["Locality"]["Zone"], "b");
    }
    // What it is told again is nothing new: the catalog's entry stays as it is.
    let index =
        |agent: &Agent| body(&agent.ask("GET", "/v1/health/service/web", ""))[0]["Service"]["ModifyIndex"].clone();
    let before = index(&agent);
    agent.ask("PUT", "/v1/agent/service/register", &web.to_string());
    agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"behind"}"#);
    wait_for(&agent, "/v1/health/service/behind", |list| list[0].is_object());
    assert_eq!(index(&agent), before);
}

#[test]
fn ports_that_contradict_each_other_are_refused() {
    let agent = Agent::start(&["-dev"]);
    for (ports, sentence) in [
        (json!([{"Port": 1}]), "Ports.Name cannot be empty"),
        (json!([{"Name": "a"}]), "Ports.Port must be non-zero"),
        (json!([{"Name": "a", "Port": 1}, {"Name": "a", "Port": 2}]), "Ports.Name \"a\" has to be unique"),
        (json!([{"Name": "a", "Port": 1}]), "one of the Ports must be marked as Default"),
        (
            json!([{"Name": "a", "Port": 1, "Default": true}, {"Name": "b", "Port": 2, "Default": true}]),
            "only one port can be marked as default",
        ),
    ] {
        let service = json!({"Name": "web", "Ports": ports}).to_string();
        let answer = agent.ask("PUT", "/v1/agent/service/register", &service);
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(sentence), "{answer}");
    }
}

#[test]
fn tags_that_others_change_are_the_agents_too_where_they_may() {
    let agent = Agent::start(&["-dev"]);
    for (name, may) in [("open", true), ("closed", false)] {
        let service = json!({"Name": name, "Tags": ["own"], "EnableTagOverride": may}).to_string();
        agent.ask("PUT", "/v1/agent/service/register", &service);
        let target = format!("/v1/health/service/{name}");
        let there = wait_for(&agent, &target, |list| list[0].is_object());
        let node = there[0]["Node"]["Node"].clone();
        let service = json!({"Service": name, "Tags": ["theirs"], "EnableTagOverride": may});
        let other = json!({"Node": node, "SkipNodeUpdate": true, "Service": service});
        let answer = agent.ask("PUT", "/v1/catalog/register", &other.to_string());
        assert!(answer.ends_with("true") || answer.ends_with("true\n"), "{answer}");
        assert_eq!(body(&agent.ask("GET", &target, ""))[0]["Service"]["Tags"], json!(["theirs"]));
    }
    // Their tags are told by the agent, and stay when it tells the catalog of the service again.
    wait_for(&agent, "/v1/agent/service/open", |service| service["Tags"] == json!(["theirs"]));
    wait_for(&agent, "/v1/health/service/closed", |list| list[0]["Service"]["Tags"] == json!(["own"]));
    assert_eq!(body(&agent.ask("GET", "/v1/health/service/open", ""))[0]["Service"]["Tags"], json!(["theirs"]));
    assert_eq!(body(&agent.ask("GET", "/v1/agent/service/closed", ""))["Tags"], json!(["own"]));
}
