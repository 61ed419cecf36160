//! The real binary while it starts: signals at each moment, what systemd is told, and what it refuses.

mod running;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::Signal;
use running::commands::{run, text};
use running::{Agent, PATIENCE, QUORATE, Scratch, free_port};

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
        let (path, file) = (scratch.path("notify"), scratch.file("agent.hcl", hcl));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut process = Command::new(QUORATE)
            .args(["agent", "-dev", "-log-level=INFO", "-dns-port=-1", &format!("-http-port={}", free_port())])
            .arg(format!("-config-file={file}"))
            .env("NOTIFY_SOCKET", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        (Self { process, socket, _scratch: scratch }, log)
    }

    fn send(&self, signal: Signal) {
        running::signal(&self.process, signal);
    }

    /// Waits until it tells this.
    fn until(&self, state: &str) {
        while !self.told(state).starts_with(state) {}
    }

    /// What it tells next, when this is waited for.
    fn told(&self, awaited: &str) -> String {
        let mut message = [0; 200];
        let length = self.socket.recv(&mut message).unwrap_or_else(|error| panic!("it never told {awaited}: {error}"));
        text(&message[..length])
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
fn systemd_is_told_how_the_agent_is() {
    let (mut agent, log) = Watched::start("systemd", "");
    std::thread::spawn(move || log.count());
    let is_told = |agent: &Watched, state: &str| assert_eq!(agent.told(state), state);
    is_told(&agent, "READY=1");
    agent.send(Signal::SIGHUP);
    let reloading = "RELOADING=1\nMONOTONIC_USEC=";
    assert!(agent.told(reloading).starts_with(reloading));
    is_told(&agent, "READY=1");
    agent.send(Signal::SIGTERM);
    assert!(agent.wait().success());
    is_told(&agent, "STOPPING=1");
}

/// What a server says that does not start.
fn refusal(flags: &[&str]) -> String {
    let mut process = Command::new(QUORATE)
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
    let file = scratch.file("check.hcl", "check {\n  name = \"a\"\n  ttl = \"1h\"\n  service_id = \"web\"\n}\n");
    let (data, with_file) = (format!("-data-dir={}", scratch.path("data")), format!("-config-file={file}"));
    let server = ["-server", "-bootstrap-expect=1", &data];
    let line = format!("==> {file}:4: \"check.service_id\": ServiceID \"web\" does not exist\n");
    assert_eq!(refusal(&[&server[..], &[&with_file]].concat()), line);
    // Once there is an agent's data, services may have been registered: that is known only when it was read.
    let agent = Agent::start(&server);
    assert!(agent.stop().success());
    let http = "-http-port=-1";
    assert_eq!(refusal(&[&server[..], &[&with_file, http]].concat()), line);
    let agent = Agent::start(&server);
    let answer = agent.ask("PUT", "/v1/agent/service/register", r#"{"Name":"web"}"#);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(agent.stop().success());
    let agent = Agent::start(&[&server[..], &[&with_file]].concat());
    let checks = agent.ask("GET", "/v1/agent/checks", "");
    assert!(checks.contains("\"ServiceID\": \"web\"") || checks.contains("\"ServiceID\":\"web\""), "{checks}");
}

#[test]
fn a_mistake_is_one_line_and_exit_code_1_and_nothing_starts() {
    let scratch = Scratch::new("mistakes");
    let data = scratch.0.join("data");
    let file = scratch.file("agent.json", "{\n\"datcenter\": \"x\"\n}");
    let (data_flag, file_flag) = (format!("-data-dir={}", data.display()), format!("-config-file={file}"));
    for (flags, message) in [
        (&[][..], format!("==> -data-dir: {} holds no server's data yet", data.display()).as_str()),
        (&["-bootstrap-expect=3"], "==> -bootstrap-expect: a cluster of several servers is not served yet"),
        (&[file_flag.as_str()], &format!("==> {file}:2: unknown key \"datcenter\"; did you mean \"datacenter\"?")),
        (&["-encrypt=x"], "==> -encrypt: gossip and its encryption are not served yet"),
        (&["-http-prot=1"], "flag provided but not defined: -http-prot; did you mean -http-port?"),
    ] {
        let output = run(QUORATE, &[&["agent", "-server", &data_flag], flags].concat());
        let said = text(&output.stderr);
        assert!(said.starts_with(message), "{flags:?}: {said}");
        assert_eq!((output.status.code(), said.lines().count(), output.stdout), (Some(1), 1, vec![]), "{flags:?}");
    }
    assert!(!data.exists());
}

#[test]
fn a_file_that_was_cut_off_starts_nothing() {
    let scratch = Scratch::new("cut");
    let data = scratch.0.join("data");
    let data_flag = format!("-data-dir={}", data.display());
    let whole = "{\"server\": true, \"bootstrap_expect\": 1, \"ports\": {\"dns\": -1}}\n";
    for length in 0..whole.len() - 1 {
        let file = scratch.file("agent.json", &whole[..length]);
        let output =
            run(QUORATE, &["agent", "-server", "-bootstrap-expect=1", &data_flag, &format!("-config-file={file}")]);
        let said = text(&output.stderr);
        assert!(said.starts_with(&format!("==> {file}:1:")), "{length}: {said}");
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{length}: {said}");
    }
    let checked = |name: &str, content: &str| {
        let file = scratch.file(name, content);
        let output = run(QUORATE, &["validate", &file]);
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(checked("blank.json", " \n").0, Some(1));
    // An empty text of HCL has no keys, in Consul as well.
    for content in ["", "\n", "# nothing\n"] {
        let (_, said) = checked("empty.hcl", content);
        assert!(!said.contains("empty.hcl:"), "{said}");
    }
    assert!(!data.exists());
}

#[test]
fn validate_says_what_a_start_would() {
    let scratch = Scratch::new("validate");
    let good = scratch.file("good.hcl", "server = true bootstrap = true data_dir = \"/nowhere\" ui = true");
    let output = run(QUORATE, &["validate", &good]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "Configuration is valid!\n"));
    assert!(text(&output.stderr).contains(&format!("{good}:1: \"ui\": it is an old name")), "{}", text(&output.stderr));
    let quiet = run(QUORATE, &["validate", "-quiet", &good]);
    assert_eq!((quiet.status.code(), quiet.stdout, quiet.stderr), (Some(0), vec![], vec![]));
    let broken = scratch.file("broken.json", "{\n\"datcenter\": 1}");
    let output = run(QUORATE, &["validate", &broken]);
    let said =
        format!("Config validation failed: {broken}:2: unknown key \"datcenter\"; did you mean \"datacenter\"?\n");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), said));
    assert_eq!(run(QUORATE, &["validate"]).status.code(), Some(1));
    // What the start gives by flags.
    let part = scratch.file("part.hcl", "service { name = \"web\" }");
    let output = run(QUORATE, &["validate", "-server", "-bootstrap-expect=1", "-data-dir=/nowhere", &part]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let output = run(QUORATE, &["validate", "-data-dir=/nowhere", &part]);
    let is_warned = text(&output.stderr).starts_with("client agents are not served yet");
    assert!(output.status.code() == Some(0) && is_warned, "{}", text(&output.stderr));
    let secure = scratch.file("tls.hcl", "tls { https {\ncert_file = \"/nope\"\nkey_file = \"/nope.key\" } }");
    let output = run(QUORATE, &["validate", "-dev", &secure]);
    let said = format!("Config validation failed: {secure}:2: \"tls.https.cert_file\": /nope: ");
    assert!(text(&output.stderr).starts_with(&said), "{}", text(&output.stderr));
}

#[test]
fn a_port_in_use_ends_the_start_before_the_disk_is_touched() {
    let scratch = Scratch::new("port");
    let data = scratch.0.join("data");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (data_flag, port_flag) = (format!("-data-dir={}", data.display()), format!("-http-port={port}"));
    let output = run(QUORATE, &["agent", "-server", "-bootstrap-expect=1", &data_flag, &port_flag, "-dns-port=-1"]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(!data.exists());
}
