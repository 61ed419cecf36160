//! The real binary while it starts: signals at each moment, and definitions that it can't take.

mod running;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use running::{Agent, PATIENCE, Scratch};

/// An agent that tells a socket how it is, as systemd would have it.
struct Watched {
    process: Child,
    socket: UnixDatagram,
    _scratch: Scratch,
}

impl Watched {
    /// Gives the lines of its log, too.
    fn start(name: &str, hcl: &str) -> (Self, impl Iterator<Item = String> + use<>) {
        let scratch = Scratch::new(&format!("start-{name}"));
        let (path, file) = (scratch.0.join("notify"), scratch.0.join("agent.hcl"));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        std::fs::write(&file, hcl).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["agent", "-dev", "-log-level=INFO", "-dns-port=-1", &format!("-http-port={port}")])
            .arg(format!("-config-file={}", file.display()))
            .env("NOTIFY_SOCKET", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        (Self { process, socket, _scratch: scratch }, log)
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits until it tells this.
    fn until(&self, state: &str) {
        let mut told = [0; 128];
        loop {
            let count = self.socket.recv(&mut told).unwrap_or_else(|error| panic!("it never told {state}: {error}"));
            if told[..count].starts_with(state.as_bytes()) {
                return;
            }
        }
    }

    fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A key that is warned about: the log has that line before anything is begun.
const WARNED: &str = "ui = true\n";

/// Watches, which take some time to begin.
fn watches() -> String {
    let watches = (0..200).map(|number| format!("{{type = \"key\" key = \"k{number}\" args = [\"/bin/true\"]}}, "));
    format!("watches = [{}]", watches.collect::<String>())
}

#[test]
fn a_reload_right_behind_the_start_is_one() {
    let (agent, log) = Watched::start("ready", &watches());
    std::thread::spawn(move || log.count());
    agent.until("READY=1");
    agent.send(Signal::SIGHUP);
    agent.until("RELOADING=1");
    agent.until("READY=1");
}

#[test]
fn a_reload_during_the_start_is_one_behind_it() {
    let (agent, mut log) = Watched::start("early", WARNED);
    assert!(log.any(|line| line.contains("ui_config.enabled")));
    agent.send(Signal::SIGHUP);
    std::thread::spawn(move || log.count());
    agent.until("READY=1");
    agent.until("RELOADING=1");
}

#[test]
fn a_stop_during_the_start_is_one() {
    let (mut agent, mut log) = Watched::start("stop", WARNED);
    assert!(log.any(|line| line.contains("ui_config.enabled")));
    agent.send(Signal::SIGTERM);
    std::thread::spawn(move || log.count());
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn sigquit_ends_it_at_once_without_a_core_file() {
    let (mut agent, log) = Watched::start("quit", "");
    std::thread::spawn(move || log.count());
    agent.until("READY=1");
    agent.send(Signal::SIGQUIT);
    assert_eq!(agent.wait().code(), Some(2));
}

/// What a server says that does not start.
fn refusal(flags: &[&str]) -> String {
    let mut process = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["agent", "-dns-port=-1"])
        .args(flags)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1), "{said}");
    said
}

#[test]
fn a_check_of_a_service_that_nobody_knows_stops_the_start() {
    let scratch = Scratch::new("start-check");
    let (data, file) = (scratch.0.join("data"), scratch.0.join("check.hcl"));
    std::fs::write(&file, "check {\n  name = \"a\"\n  ttl = \"1h\"\n  service_id = \"web\"\n}\n").unwrap();
    let (data, with_file) = (format!("-data-dir={}", data.display()), format!("-config-file={}", file.display()));
    let server = ["-server", "-bootstrap-expect=1", &data];
    let line = format!("==> {}:4: \"check.service_id\": ServiceID \"web\" does not exist\n", file.display());
    assert_eq!(refusal(&[&server[..], &[&with_file]].concat()), line);
    // Once there is an agent's data, services may have been registered: that is known only when it was read.
    let mut agent = Agent::start(&server);
    stop(&mut agent);
    let http = "-http-port=-1";
    assert_eq!(refusal(&[&server[..], &[&with_file, http]].concat()), line);
    let mut agent = Agent::start(&server);
    let answer = agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"web"}"#);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stop(&mut agent);
    let agent = Agent::start(&[&server[..], &[&with_file]].concat());
    let checks = agent.ask("GET", "/v1/agent/checks", "");
    assert!(checks.contains("\"ServiceID\": \"web\"") || checks.contains("\"ServiceID\":\"web\""), "{checks}");
}

fn stop(agent: &mut Agent) {
    kill(Pid::from_raw(agent.process.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(agent.process.wait().unwrap().code(), Some(0));
}
