//! The real binary: how it refuses, and a day in its life with its own command line.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// A directory of its own for a test, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(binary: impl AsRef<Path>, arguments: &[&str]) -> Output {
    Command::new(binary.as_ref()).args(arguments).env_remove("CONSUL_HTTP_ADDR").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
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
fn under_the_name_of_consul_it_does_the_same() {
    let scratch = Scratch::new("symlink");
    let consul = scratch.0.join("consul");
    std::os::unix::fs::symlink(QUORATE, &consul).unwrap();
    for arguments in [&["version"][..], &["kv", "get", "-h"], &["kv", "get"], &["kv"], &[]] {
        let (ours, theirs) = (run(QUORATE, arguments), run(&consul, arguments));
        assert_eq!((ours.status, ours.stdout, ours.stderr), (theirs.status, theirs.stdout, theirs.stderr));
    }
    let version = text(&run(&consul, &["version"]).stdout);
    assert!(version.starts_with("Consul v1.13.9\nQuorate v"), "{version}");
}

/// An agent in memory, on a port of its own.
struct Agent {
    process: Child,
    address: String,
}

impl Agent {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new(QUORATE)
            .args(["agent", "-dev", "-log-level=INFO", "-dns-port=-1", &format!("-http-port={port}")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = log.by_ref().map_while(Result::ok).any(|line| line.contains("registered this server"));
        assert!(ready, "the agent ended before it was ready");
        // Whoever logs to a closed pipe fails: the rest is read, and thrown away.
        std::thread::spawn(move || log.count());
        Self { process, address: format!("127.0.0.1:{port}") }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Runs a command against it; gives its output.
    fn tell(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut command = Command::new(QUORATE);
        command.args(arguments).env("CONSUL_HTTP_ADDR", &self.address);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(input).unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn keys_move_from_one_server_to_another() {
    let scratch = Scratch::new("move");
    let (from, to) = (Agent::start(), Agent::start());
    assert_eq!(
        from.tell(&["kv", "put", "-flags=7", "config/limit", "5"], b""),
        "Success! Data written to: config/limit\n"
    );
    from.tell(&["kv", "put", "config/motd", "-"], "<h\u{e9}llo>\n".as_bytes());

    let exported = from.tell(&["kv", "export", "config/"], b"");
    assert_eq!(to.tell(&["kv", "import", "-"], exported.as_bytes()), "Imported: config/limit\nImported: config/motd\n");
    assert_eq!(to.tell(&["kv", "export", "config/"], b""), exported);
    assert_eq!(to.tell(&["kv", "get", "config/motd"], b""), "<h\u{e9}llo>\n\n");

    let archive = scratch.0.join("state.snap").display().to_string();
    assert!(from.tell(&["snapshot", "save", &archive], b"").starts_with("Saved and verified snapshot to index "));
    assert!(!Path::new(&format!("{archive}.unverified")).exists());
    let inspected = from.tell(&["snapshot", "inspect", "-kvdetails", &archive], b"");
    assert!(inspected.contains("\n config/limit      1 ") && inspected.contains("\n KVS "), "{inspected}");
    to.tell(&["kv", "delete", "-recurse", "config/"], b"");
    assert_eq!(to.tell(&["snapshot", "restore", &archive], b""), "Restored snapshot\n");
    assert_eq!(to.tell(&["kv", "get", "-keys", "config/"], b""), "config/limit\nconfig/motd\n");

    let peers = to.tell(&["operator", "raft", "list-peers"], b"");
    assert_eq!(peers.lines().next().unwrap().split_whitespace().last(), Some("RaftProtocol"));
    assert!(peers.contains("leader"), "{peers}");
}

#[test]
fn a_signal_ends_it_in_good_order() {
    let mut agent = Agent::start();
    agent.signal("-TERM");
    assert!(agent.process.wait().unwrap().success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut agent = Agent::start();
    // A client in the midst of a request, for which a drain waits.
    let mut client = std::net::TcpStream::connect(&agent.address).unwrap();
    client.write_all(b"PUT /v1/kv/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    agent.signal("-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(agent.process.try_wait().unwrap().is_none(), "it did not wait for the client");
    agent.signal("-INT");
    // The drain would take 5 s.
    let mut polls = 0;
    let ended = loop {
        match agent.process.try_wait().unwrap() {
            Some(ended) => break ended,
            None => polls += 1,
        }
        assert!(polls < 30, "the second signal did not end it");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(ended.code(), Some(1));
}

#[test]
fn a_port_in_use_ends_the_start_before_the_disk_is_touched() {
    let scratch = Scratch::new("port");
    let data = scratch.0.join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (data_flag, port_flag) = (format!("-data-dir={}", data.display()), format!("-http-port={port}"));
    let output = run(QUORATE, &["agent", "-server", "-bootstrap-expect=1", &data_flag, &port_flag, "-dns-port=-1"]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(!data.exists());
}
