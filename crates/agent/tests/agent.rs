//! The whole agent: catalog, files and runs together.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use quorate_agent::{Agent, AgentError, CheckDefinition, ServiceDefinition, Settings};
use quorate_base::{Disk, Host, MemoryDisk, OpenMode};
use quorate_state::CheckStatus::{Critical, Passing, Warning};
use quorate_state::{Check, CheckStatus, Node, Service};
use support::{Memory, PATIENCE, check, runnable, service};

/// Starts an agent with its files on this disk.
fn start(
    disk: &Arc<MemoryDisk>,
    catalog: &Memory,
    services: Vec<ServiceDefinition>,
    checks: Vec<CheckDefinition>,
) -> Agent {
    let host = Host { disk: disk.clone(), ..Host::real() };
    let settings = Settings {
        node: Node { name: "here".into(), address: "10.0.0.1".into(), ..Node::default() },
        protected: vec!["consul".into(), "serfHealth".into()],
        directory: Some(PathBuf::from("/data/agent")),
        enable_script_checks: true,
        full_sync_interval: Duration::from_millis(200),
        interval_min: Duration::from_millis(20),
        ..Settings::default()
    };
    Agent::start(settings, host, Arc::new(catalog.clone()), services, checks).expect("it starts")
}

fn disk() -> Arc<MemoryDisk> {
    Arc::new(MemoryDisk::new(64 << 20))
}

fn state_of(agent: &Agent, id: &str) -> Option<(CheckStatus, String)> {
    agent.look(|machine| machine.checks().get(id).map(|check| (check.status, check.output.clone())))
}

#[tokio::test]
async fn the_catalog_follows_the_agent() {
    let catalog = Memory::default();
    let agent = start(&disk(), &catalog, Vec::new(), Vec::new());
    agent.register_service(service(r#"{"Name":"web","Check":{"TTL":"1h"}}"#), false).await.unwrap();
    catalog.until("registered", |held| Memory::status(held, "service:web") == Some(Critical)).await;
    agent.update_ttl("service:web", Passing, String::new()).await.unwrap();
    catalog.until("passing", |held| Memory::status(held, "service:web") == Some(Passing)).await;
    agent.deregister_service("web").await.unwrap();
    catalog.until("gone", |held| held.services.is_empty() && held.checks.is_empty()).await;
}

#[tokio::test]
async fn an_alias_of_another_node_follows_it() {
    let catalog = Memory::default();
    let agent = start(&disk(), &catalog, Vec::new(), Vec::new());
    // The catalog in memory has one node for all; the agent leaves these two alone there.
    catalog.with(|held| held.services.insert("consul".into(), Service { id: "consul".into(), ..Service::default() }));
    // It would not look again by itself while the test waits.
    let alias = r#"{"Name":"far","AliasNode":"elsewhere","AliasService":"consul","Interval":"1h"}"#;
    agent.register_check(check(alias)).await.unwrap();
    catalog.until("passing", |held| Memory::status(held, "far") == Some(Passing)).await;
    for status in [Critical, Warning, Passing] {
        catalog.with(|held| {
            let check = Check { id: "serfHealth".into(), service_id: "consul".into(), status, ..Check::default() };
            held.checks.insert("serfHealth".into(), check);
        });
        catalog.until("what it stands for", |held| Memory::status(held, "far") == Some(status)).await;
    }
    agent.deregister_check("far").await.unwrap();
    catalog.until("gone", |held| !held.checks.contains_key("far")).await;
}

#[tokio::test]
async fn a_wiped_catalog_is_filled_and_strangers_are_removed() {
    let catalog = Memory::default();
    let agent = start(&disk(), &catalog, Vec::new(), Vec::new());
    agent.register_service(service(r#"{"Name":"web"}"#), false).await.unwrap();
    catalog.until("registered", |held| held.services.contains_key("web")).await;
    catalog.with(|held| held.services.clear());
    catalog.until("filled again", |held| held.services.contains_key("web")).await;
    catalog.with(|held| {
        for id in ["stray", "consul"] {
            held.services.insert(id.into(), Service { id: id.into(), ..Service::default() });
        }
        for id in ["stray", "serfHealth"] {
            held.checks.insert(id.into(), Check { id: id.into(), ..Check::default() });
        }
    });
    catalog
        .until("strangers removed", |held| {
            held.services.keys().eq(["consul", "web"]) && held.checks.keys().eq(["serfHealth"])
        })
        .await;
}

#[tokio::test]
async fn a_catalog_that_was_away_is_told_later() {
    let catalog = Memory::default();
    catalog.with(|held| held.is_away = true);
    let agent = start(&disk(), &catalog, Vec::new(), Vec::new());
    agent.register_service(service(r#"{"Name":"web"}"#), false).await.unwrap();
    agent.register_check(check(r#"{"Name":"disk","TTL":"1h"}"#)).await.unwrap();
    catalog.with(|held| held.is_away = false);
    catalog.until("told", |held| held.services.contains_key("web") && held.checks.contains_key("disk")).await;
}

#[tokio::test]
async fn what_was_registered_survives_a_restart() {
    let disk = disk();
    let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
    let web = r#"{"Name":"web","Tags":["a"],"Checks":[{"CheckID":"w1","TTL":"1h"},{"CheckID":"w2","TTL":"1h"}]}"#;
    agent.register_service(service(web), false).await.unwrap();
    agent.register_check(check(r#"{"Name":"disk","TTL":"1h","Status":"passing"}"#)).await.unwrap();
    agent.register_check(check(r#"{"Name":"gone","TTL":"1h"}"#)).await.unwrap();
    agent.register_service(service(r#"{"Name":"leaves"}"#), false).await.unwrap();
    agent.update_ttl("w1", Warning, "hm".into()).await.unwrap();
    agent.deregister_check("w2").await.unwrap();
    agent.deregister_check("gone").await.unwrap();
    agent.deregister_service("leaves").await.unwrap();
    agent.service_maintenance("web", Some("why")).await.unwrap();
    agent.node_maintenance(Some("all of it")).await.unwrap();
    drop(agent);

    let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
    assert_eq!(agent.look(|machine| machine.services().keys().map(ToString::to_string).collect::<Vec<_>>()), ["web"]);
    assert_eq!(agent.look(|machine| machine.services()["web"].service.tags.clone()), ["a"]);
    let checks = agent.look(|machine| machine.checks().keys().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(checks, ["_node_maintenance", "_service_maintenance:web", "disk", "w1"]);
    assert_eq!(state_of(&agent, "w1"), Some((Warning, "hm".into())));
    assert_eq!(state_of(&agent, "disk"), Some((Critical, String::new())), "whatever its first status was");
    let notes = |id: &str| agent.look(|machine| machine.checks()[id].definition.notes.clone());
    assert_eq!((notes("_service_maintenance:web"), notes("_node_maintenance")), ("why".into(), "all of it".into()));
    agent.service_maintenance("web", None).await.unwrap();
    agent.node_maintenance(None).await.unwrap();
    drop(agent);

    let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
    let checks = agent.look(|machine| machine.checks().keys().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(checks, ["disk", "w1"]);
}

#[tokio::test]
async fn files_win_over_what_was_registered_and_spoiled_ones_are_left() {
    let disk = disk();
    let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
    agent.register_service(service(r#"{"Name":"web","Port":1,"Check":{"TTL":"1h"}}"#), false).await.unwrap();
    drop(agent);
    let spoiled = Path::new("/data/agent/check-spoiled.json");
    disk.open(spoiled, OpenMode::Replace).unwrap().write_at(b"nonsense", 0).unwrap();
    let unfinished = Path::new("/data/agent/check-half.json.new");
    disk.open(unfinished, OpenMode::Replace).unwrap();

    let by_file = ServiceDefinition::try_from(service(r#"{"Name":"web","Port":2}"#)).unwrap();
    let agent = start(&disk, &Memory::default(), vec![by_file], Vec::new());
    assert_eq!(agent.look(|machine| machine.services()["web"].service.port), 2);
    assert!(disk.open(spoiled, OpenMode::Read).is_ok() && disk.open(unfinished, OpenMode::Read).is_err());
}

#[tokio::test]
async fn what_a_file_took_over_does_not_come_back_when_the_file_goes() {
    let disk = disk();
    let web = r#"{"Name":"web","Port":1,"Checks":[{"TTL":"1h"},{"TTL":"2h"}]}"#;
    let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
    agent.register_service(service(web), false).await.unwrap();
    // Without an ID, which is its name then.
    agent.register_check(check(r#"{"Name":"disk","TTL":"1h"}"#)).await.unwrap();
    agent.service_maintenance("web", Some("why")).await.unwrap();
    drop(agent);

    let by_file = ServiceDefinition::try_from(service(r#"{"Name":"web","Port":2}"#)).unwrap();
    let check_by_file = runnable(r#"{"ID":"disk","Name":"of the file","TTL":"5h"}"#);
    let agent = start(&disk, &Memory::default(), vec![by_file], vec![check_by_file]);
    assert_eq!(agent.look(|machine| machine.checks()["disk"].definition.name.clone()), "of the file");
    agent.settle().await;
    drop(agent);

    for _ in 0..2 {
        let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
        assert_eq!(agent.look(|machine| (machine.services().len(), machine.checks().len())), (0, 0));
        agent.settle().await;
        drop(agent);
        assert_eq!(disk.list(Path::new("/data/agent")).unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn one_file_that_can_not_be_written_does_not_keep_another() {
    let disk = Arc::new(MemoryDisk::new(4096));
    let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
    let large = serde_json::json!({"Name": "large", "Tags": ["x".repeat(8000)]}).to_string();
    let (before, failed, after) = tokio::join!(
        agent.register_service(service(r#"{"Name":"before"}"#), false),
        agent.register_service(service(&large), false),
        agent.register_service(service(r#"{"Name":"after"}"#), false),
    );
    assert_eq!((before, after), (Ok(()), Ok(())));
    assert!(matches!(failed, Err(AgentError::NotKept(_))), "{failed:?}");
    // It is tried again by itself.
    disk.set_capacity(1 << 20);
    let all_there = async {
        while disk.list(Path::new("/data/agent")).unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_there).await.expect("it is written when there is room");
    drop(agent);
    let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
    assert_eq!(agent.look(|machine| machine.services().len()), 3);
}

#[tokio::test]
async fn a_full_disk_is_told() {
    let disk = Arc::new(MemoryDisk::new(64));
    let agent = start(&disk, &Memory::default(), Vec::new(), Vec::new());
    let refused = agent
        .register_service(service(r#"{"Name":"web","Meta":{"k":"a value that is too long for it"}}"#), false)
        .await;
    assert!(refused.unwrap_err().to_string().starts_with("it is in effect but could not be kept on disk"));
}

#[tokio::test]
async fn a_registration_has_a_bounded_number_of_checks() {
    let agent = start(&disk(), &Memory::default(), Vec::new(), Vec::new());
    let many = |count: usize| {
        let checks: Vec<_> = (0..count).map(|_| serde_json::json!({"TTL": "1h"})).collect();
        service(&serde_json::json!({"Name": "web", "Checks": checks}).to_string())
    };
    let refused = agent.register_service(many(1_025), false).await;
    let text = "1025 checks in one registration are more than 1024, which is the limit";
    assert_eq!(refused.map_err(|error| error.to_string()), Err(text.to_owned()));
    assert_eq!(agent.register_service(many(1_024), false).await, Ok(()));
}

#[tokio::test]
async fn checks_run_and_their_results_reach_the_catalog() {
    let catalog = Memory::default();
    let agent = start(&disk(), &catalog, Vec::new(), Vec::new());
    let json = r#"{"Name":"s","Args":["sh","-c","echo ran; exit 1"],"Interval":"20ms"}"#;
    agent.register_check(check(json)).await.unwrap();
    catalog.until("run", |held| held.checks.get("s").is_some_and(|check| check.output == "ran\n")).await;
    assert_eq!(state_of(&agent, "s"), Some((Warning, "ran\n".into())));
}

#[tokio::test]
async fn a_run_ends_with_its_check() {
    let catalog = Memory::default();
    let agent = start(&disk(), &catalog, Vec::new(), Vec::new());
    let directory = std::env::temp_dir().join(format!("quorate-agent-ends-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("pid");
    let script = format!("echo $$ >{}; exec sleep 600", file.display());
    let json = serde_json::json!({"Name": "s", "Args": ["sh", "-c", script], "Interval": "20ms", "Timeout": "10m"});
    agent.register_check(check(&json.to_string())).await.unwrap();
    let pid = tokio::time::timeout(PATIENCE, async {
        loop {
            match std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u32>().ok()) {
                Some(pid) => return pid,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    });
    let pid = pid.await.expect("the script starts");
    agent.deregister_check("s").await.unwrap();
    let gone = async {
        while std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the script is killed");
    std::fs::remove_dir_all(directory).unwrap();
}
