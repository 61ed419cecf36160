//! The transcript `testdata/configurations.txt`: flags and files, and what they mean or why they are refused.
//!
//! A case is its name behind `##`, then `$` with the flags of an agent, then files, each a line `> NAME` and its content.
//! Below `---` stands the outcome: the warnings and the settings that differ from those of the same agent without files and
//! flags, or the error. Run with `UPDATE=1` to write the outcomes anew, and read the difference.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::network::Machine;
use super::template::interfaces::InterfaceAddress;
use super::{ConfigError, Purpose, Settings, read};
use crate::config::Sources;
use crate::flags::{Command, parse};

struct Case {
    name: String,
    flags: String,
    files: Vec<(String, String)>,
}

/// The cases of a transcript, outcomes left out.
fn cases(transcript: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut in_outcome = false;
    for line in transcript.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case { name: name.to_owned(), flags: String::new(), files: Vec::new() });
            in_outcome = false;
            continue;
        }
        in_outcome = in_outcome || line == "---";
        let Some(case) = cases.last_mut().filter(|_| !in_outcome) else { continue };
        match (line.strip_prefix("$"), line.strip_prefix("> "), case.files.last_mut()) {
            (Some(flags), _, _) => case.flags = flags.trim().to_owned(),
            (_, Some(name), _) => case.files.push((name.to_owned(), String::new())),
            (_, _, Some((_, content))) => content.extend([line, "\n"]),
            _ => {}
        }
    }
    cases
}

fn interface() -> InterfaceAddress {
    let flags = nix::net::if_::InterfaceFlags::IFF_UP;
    InterfaceAddress { name: "eth0".to_owned(), flags, address: [10, 0, 0, 7].into(), prefix: 24, is_default: true }
}

fn machine() -> Machine {
    Machine {
        hostname: "host1".to_owned(),
        outbound_v4: Some([10, 0, 0, 7].into()),
        outbound_v6: None,
        interfaces: vec![interface()],
    }
}

fn load(flags: Sources, machine: &Machine) -> Result<Settings, ConfigError> {
    read(flags, machine).map(|configuration| configuration.settings)
}

fn flags(line: &str, directory: &Path) -> Result<Sources, String> {
    let place = |word: &str| word.replace("DIR", &directory.display().to_string());
    let words = std::iter::once("agent".to_owned()).chain(line.split_whitespace().map(place));
    match parse(words.map(OsString::from)) {
        Ok(Command::Agent(flags)) => Ok(flags),
        other => Err(format!("{other:?}")),
    }
}

fn outcome(case: &Case) -> String {
    let directory = std::env::temp_dir().join(format!("quorate-config-{}-{}", std::process::id(), case.name));
    std::fs::create_dir_all(&directory).unwrap();
    for (name, content) in &case.files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let settings =
        flags(&case.flags, &directory).and_then(|flags| load(flags, &machine()).map_err(|error| error.to_string()));
    std::fs::remove_dir_all(&directory).unwrap();
    let outcome = match settings {
        Err(error) => format!("error: {error}\n"),
        Ok(settings) => difference(&settings),
    };
    outcome.replace(&directory.display().to_string(), "DIR")
}

/// The lines of the settings that those of the plainest agent of the same kind don't have.
fn difference(settings: &Settings) -> String {
    let line = if settings.mode == super::settings::Mode::Dev { "-dev" } else { "-server -bootstrap -data-dir=/data" };
    let plain = load(flags(line, &PathBuf::new()).unwrap(), &machine()).unwrap();
    let plain = format!("{plain:#?}");
    let plain: HashSet<&str> = plain.lines().collect();
    let printed = format!("{settings:#?}");
    let lines = printed.lines().filter(|line| !plain.contains(line));
    lines.map(|line| format!("{}\n", line.trim())).collect()
}

#[test]
fn configurations_mean_what_the_transcript_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/testdata/configurations.txt");
    let expected = std::fs::read_to_string(&path).unwrap();
    let mut written = String::new();
    for case in cases(&expected) {
        written.push_str(&format!("## {}\n$ {}\n", case.name, case.flags));
        for (name, content) in &case.files {
            written.push_str(&format!("> {name}\n{content}"));
        }
        let outcome = outcome(&case);
        assert!(!outcome.starts_with("error: ") || outcome.lines().count() == 1, "an error is one line: {outcome}");
        written.push_str(&format!("---\n{outcome}\n"));
    }
    quorate_transcript::settle(&path, &written);
}

#[test]
fn a_file_that_is_no_text_is_told_with_the_line() {
    let path = std::env::temp_dir().join(format!("quorate-config-{}-bytes.hcl", std::process::id()));
    std::fs::write(&path, b"node_name = \"a\"\nlog_level = \"\xff\"\n").unwrap();
    let flags = Sources { is_dev: true, config_paths: vec![path.clone()], ..Sources::default() };
    let error = load(flags, &machine()).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.0, format!("{}:2: the text is not UTF-8 there", path.display()));
}

#[test]
fn what_flags_may_say_elsewhere_does_not_stop_a_validation() {
    let read = |line| super::read_for(Purpose::Validate, flags(line, &PathBuf::new()).unwrap(), &machine());
    let settings = read("-data-dir=/d").unwrap().settings;
    assert!(settings.warnings.iter().any(|line| line.starts_with("client agents are not served yet")));
    assert!(read("-data-dir=/d -encrypt=x").is_err());
}

#[test]
fn a_check_may_belong_to_a_service_that_requests_registered() {
    let hcl = r#"-hcl=check{name="a",ttl="1m",service_id="nope"}"#;
    let read = |purpose, line: &str| {
        super::read_for(purpose, flags(line, &PathBuf::new()).unwrap(), &machine()).map(|read| read.settings)
    };
    let refused = read(Purpose::Start, &format!("-dev {hcl}")).unwrap_err();
    assert_eq!(refused.0, "-hcl:1: \"check.service_id\": ServiceID \"nope\" does not exist");
    assert!(read(Purpose::Reload, &format!("-dev {hcl}")).is_ok());
    // Scripts are off, whatever it belongs to.
    let script = r#"-hcl=check{name="a",args=["x"],interval="1m",service_id="nope"}"#;
    assert!(read(Purpose::Reload, &format!("-dev {script}")).is_err());
}

#[test]
fn an_agent_without_a_way_out_tells_its_loopback_address() {
    let alone = Machine { outbound_v4: None, ..machine() };
    let flags = flags("-server -bootstrap -data-dir=/data", &PathBuf::new()).unwrap();
    let settings = load(flags, &alone).unwrap();
    assert_eq!(settings.addresses.advertise.to_string(), "127.0.0.1");
    assert_eq!(settings.warnings.len(), 1);
    assert_eq!(settings.addresses.tagged()["lan_ipv4"], "127.0.0.1");
}
