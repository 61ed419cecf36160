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
    /// What it logs.
    log: std::sync::mpsc::Receiver<String>,
}

impl Agent {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(flags: &[&str]) -> Self {
        Self::start_in(flags, &[])
    }

    fn start_in(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let port = free_port();
        let mut process = Command::new(QUORATE)
            .args(["agent", "-dev", "-log-level=INFO", "-dns-port=-1", &format!("-http-port={port}")])
            .args(flags)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = log.by_ref().map_while(Result::ok).any(|line| line.contains("registered this server"));
        assert!(ready, "the agent ended before it was ready");
        // Whoever logs to a closed pipe fails: the rest is read, wanted or not.
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || log.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { process, address: format!("127.0.0.1:{port}"), log: receiver }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Sends a signal, and gives what is logged from there up to a line with these words.
    fn signal_and_wait(&self, name: &str, words: &str) -> String {
        while self.log.try_recv().is_ok() {}
        self.signal(name);
        let mut said = String::new();
        while !said.contains(words) {
            let line = self.log.recv_timeout(std::time::Duration::from_secs(20));
            said.push_str(&line.unwrap_or_else(|_| panic!("{words:?} was not logged, but: {said}")));
            said.push('\n');
        }
        said
    }

    /// Ends it in good order.
    fn stop(mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.process.wait().unwrap()
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
    // What an answer of the API is made of, and names that the path of a URL would change.
    let raw = br#"[{"LockIndex":0,"Key":"raw//key","Flags":7,"Value":"YQ=="},{"Key":"raw/key","Value":"Yg=="}]"#;
    assert_eq!(to.tell(&["kv", "import", "-"], raw), "Imported: raw//key\nImported: raw/key\n");
    assert_eq!(to.tell(&["kv", "get", "-recurse", "raw/"], b""), "raw//key:a\nraw/key:b\n");

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
    assert!(Agent::start().stop().success());
}

/// Certificates for a test, made by openssl: of an authority, of a server at 127.0.0.1, of a client.
fn certificates(scratch: &Scratch) -> bool {
    let script = r#"cd "$0" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca \
        -keyout ca.key -out ca.pem && for name in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name.key -out $name.csr &&
        printf 'subjectAltName=IP:127.0.0.1,DNS:server.test\nbasicConstraints=CA:FALSE\n' >ext &&
        openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $name.pem ||
        exit 1; done"#;
    let made = Command::new("sh").args(["-c", script]).arg(&scratch.0).stderr(Stdio::null()).status();
    made.is_ok_and(|made| made.success())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn https_and_sockets_are_served_and_certificates_are_replaced_in_service() {
    let scratch = Scratch::new("tls");
    if !certificates(&scratch) {
        eprintln!("openssl is not there to make certificates: nothing was tested");
        return;
    }
    let path = |name: &str| scratch.0.join(name).display().to_string();
    let port = free_port();
    let file = scratch.file(
        "agent.hcl",
        &format!(
            "ports {{ https = {port} }}\naddresses {{ http = \"unix://{socket} 127.0.0.1\" }}\n\
             unix_sockets {{ mode = \"0700\" }}\nlog_file = \"{logs}\" pid_file = \"{pid}\"\n\
             tls {{ defaults {{ ca_file = \"{ca}\" cert_file = \"{cert}\" key_file = \"{key}\" }}\n\
             https {{ verify_incoming = true }} }}\n\
             http_config {{ response_headers {{ X-Own = \"yes\" }} block_endpoints = [\"/v1/kv/blocked\"] }}\n",
            socket = path("q.sock"),
            logs = path("agent.log"),
            pid = path("q.pid"),
            ca = path("ca.pem"),
            cert = path("server.pem"),
            key = path("server.key"),
        ),
    );
    let agent = Agent::start_with(&[&format!("-config-file={file}")]);
    let https = format!("-http-addr=https://127.0.0.1:{port}");
    let client = [format!("-client-cert={}", path("client.pem")), format!("-client-key={}", path("client.key"))];
    let ask = |flags: &[&str]| run(QUORATE, &[&["kv", "get"], flags, &["k"]].concat());

    agent.tell(&["kv", "put", "-http-addr", &format!("unix://{}", path("q.sock")), "k", "v"], b"");
    let ca = format!("-ca-file={}", path("ca.pem"));
    let known = ask(&[&https, &ca, &client[0], &client[1]]);
    assert_eq!(text(&known.stdout), "v\n", "{}", text(&known.stderr));
    let named = ask(&[&https, &ca, &client[0], &client[1], "-tls-server-name=server.test"]);
    assert_eq!(text(&named.stdout), "v\n", "{}", text(&named.stderr));
    for strangers in
        [&[https.as_str(), &ca][..], &[&https, &client[0], &client[1]], &[&https, &ca, "-tls-server-name=x"]]
    {
        let refused = ask(strangers);
        assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(1), String::new()), "{strangers:?}");
    }
    let blocked = run(QUORATE, &["kv", "get", "-http-addr", &agent.address, "blocked/x"]);
    assert!(text(&blocked.stderr).contains("403 (Endpoint is blocked by agent configuration)"));

    // HTTP/2, where curl can speak it.
    let curl = Command::new("curl")
        .args([
            "-si",
            "--http2",
            "--cacert",
            &path("ca.pem"),
            "--cert",
            &path("client.pem"),
            "--key",
            &path("client.key"),
        ])
        .arg(format!("https://127.0.0.1:{port}/v1/kv/k?raw"))
        .output();
    if let Ok(answer) = curl {
        let answer = text(&answer.stdout);
        assert!(answer.starts_with("HTTP/2 200") && answer.contains("x-own: yes") && answer.ends_with('v'), "{answer}");
    }

    // Another authority's certificates: the old ones no longer do after SIGHUP.
    let old_ca = scratch.file("old.pem", &std::fs::read_to_string(path("ca.pem")).unwrap());
    assert!(certificates(&scratch));
    let reloaded = agent.signal_and_wait("HUP", "the configuration was read again");
    assert!(!reloaded.contains("next start"), "{reloaded}");
    assert_eq!(text(&ask(&[&https, &ca, &client[0], &client[1]]).stdout), "v\n");
    assert_eq!(ask(&[&https, &format!("-ca-file={old_ca}"), &client[0], &client[1]]).status.code(), Some(1));

    let pid = std::fs::read_to_string(path("q.pid")).unwrap();
    assert_eq!(pid, agent.process.id().to_string());
    assert!(agent.stop().success());
    assert!(!Path::new(&path("q.pid")).exists() && !Path::new(&path("q.sock")).exists());
    let logs: Vec<_> = std::fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    let log = logs.iter().find(|path| path.to_string_lossy().contains("agent-")).unwrap();
    assert!(std::fs::read_to_string(log).unwrap().contains("stopped"));
}

#[test]
fn a_reload_applies_what_may_change_and_tells_what_did_not() {
    let scratch = Scratch::new("reload");
    let file = scratch.file("agent.hcl", "log_level = \"WARN\" datacenter = \"dc1\"");
    let agent = Agent::start_with(&["-hcl=log_level=\"INFO\"", &format!("-config-file={file}")]);
    scratch.file("agent.hcl", "datacenter = \"dc2\" limits { http_max_conns_per_client = 1 }");
    let said = agent.signal_and_wait("HUP", "the configuration was read again");
    assert!(said.contains("kept until a restart: datacenter\n"), "{said}");
    assert!(!said.contains("http_max_conns_per_client"), "{said}");
    let _held = std::net::TcpStream::connect(&agent.address).unwrap();
    let mut refused = String::new();
    let mut second = std::net::TcpStream::connect(&agent.address).unwrap();
    std::io::Read::read_to_string(&mut second, &mut refused).unwrap();
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("too many concurrent connections"), "{refused}");

    scratch.file("agent.hcl", "datacenter = ");
    let said = agent.signal_and_wait("HUP", "nothing has changed");
    assert!(said.contains("agent.hcl:1:14: expected a value"), "{said}");
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
fn a_lock_ends_its_command_when_it_is_lost() {
    let scratch = Scratch::new("lock");
    let agent = Agent::start();
    let marks = scratch.0.join("marks").display().to_string();
    let script = format!(
        "exec 2>&-; trap 'echo told >>{marks}; exit 0' TERM; echo held >>{marks}; while :; do sleep 0.05; done"
    );
    let holder = Command::new(QUORATE)
        .args(["lock", "job", &script])
        .env("CONSUL_HTTP_ADDR", &agent.address)
        .env("SHELL", "/bin/sh")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mark = |wanted: &str| {
        let deadline = std::time::Duration::from_secs(20);
        let found = std::iter::repeat_with(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::read_to_string(&marks).unwrap_or_default()
        });
        let tries = deadline.as_millis() / 20;
        assert!(found.take(tries as usize).any(|marks| marks.contains(wanted)), "{wanted} was not reached");
    };
    mark("held");
    let impatient = run(QUORATE, &["lock", "-http-addr", &agent.address, "-try=100ms", "job", "true"]);
    assert_eq!(impatient.status.code(), Some(1));
    // A semaphore can't be had there, and leaves nothing behind.
    let other = run(QUORATE, &["lock", "-http-addr", &agent.address, "-n=2", "job", "true"]);
    assert_eq!(other.status.code(), Some(1), "{}", text(&other.stderr));
    assert_eq!(agent.tell(&["kv", "get", "-keys", "job/"], b""), "job/.lock\n");
    // Whoever takes the key away takes the lock.
    agent.tell(&["kv", "delete", "job/.lock"], b"");
    mark("told");
    let ended = holder.wait_with_output().unwrap();
    // As with Consul: what the command said of its end is what counts.
    assert_eq!((ended.status.code(), text(&ended.stderr).as_str()), (Some(0), ""));
    assert_eq!(agent.tell(&["kv", "get", "-keys", "job"], b""), "");
    assert_eq!(agent.tell(&["lock", "-n=2", "slots", "echo $CONSUL_LOCK_HELD"], b""), "true\n");
    assert_eq!(agent.tell(&["kv", "get", "-keys", "slots"], b""), "");
}

impl Agent {
    /// Starts a command against it.
    fn spawn(&self, arguments: &[&str], output: Stdio, errors: Stdio) -> Child {
        let mut command = Command::new(QUORATE);
        command.args(arguments).env("CONSUL_HTTP_ADDR", &self.address).env("SHELL", "/bin/sh");
        command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().unwrap()
    }

    /// Runs a command against it to its end.
    fn ask(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.spawn(arguments, Stdio::piped(), Stdio::piped()).wait_with_output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }
}

fn terminate(process: &Child) {
    assert!(Command::new("kill").arg(process.id().to_string()).status().unwrap().success());
}

/// Reads lines up to one with these words; gives all of them.
fn lines_up_to(output: &mut impl BufRead, words: &str) -> String {
    let mut said = String::new();
    while !said.contains(words) {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "{words:?} was not said, but: {said}");
    }
    said
}

#[test]
fn a_lock_is_given_back_at_any_signal() {
    let agent = Agent::start();
    let spawn = |arguments: &[&str]| {
        let arguments = [&["lock", "-verbose"], arguments].concat();
        let mut process = agent.spawn(&arguments, Stdio::piped(), Stdio::piped());
        let output = BufReader::new(process.stdout.take().unwrap());
        (process, output)
    };
    let (holder, mut held) = spawn(&["job", "exec 2>&-; trap 'exit 7' TERM; echo held; while :; do sleep 0.05; done"]);
    lines_up_to(&mut held, "held");
    let (waiting, mut waits) = spawn(&["job", "true"]);
    lines_up_to(&mut waits, "Attempting lock acquisition");
    terminate(&waiting);
    let waiting = waiting.wait_with_output().unwrap();
    assert_eq!(waiting.status.code(), Some(1));
    assert_eq!(text(&waiting.stderr), "Shutdown triggered or timeout during lock acquisition\n");

    terminate(&holder);
    let said = lines_up_to(&mut held, "Cleanup succeeded");
    let holder = holder.wait_with_output().unwrap();
    assert!(said.starts_with("Shutdown triggered, killing child\nTerminating child pid "), "{said}");
    assert!(said.ends_with("Child terminated\nCleanup succeeded\n"), "{said}");
    assert_eq!(holder.status.code(), Some(0));
    assert_eq!(text(&holder.stderr), "Error running handler: exit status 7\n");

    // No session is left, and each had a name that tells whose it is.
    let listed = "curl -sf http://$CONSUL_HTTP_ADDR/v1/session/list | grep '\"Name\"'";
    let (code, names, said) = agent.ask(&["lock", "/named/", listed]);
    if Command::new("curl").arg("-V").output().is_ok() {
        assert_eq!((code, names.matches("\"Name\"").count()), (Some(0), 1), "{names}{said}");
        assert!(names.contains("Consul lock for 'curl ") && names.contains("' at 'named'"), "{names}");
    }
}

#[test]
fn a_locks_flags_are_read_as_consul_reads_them() {
    let agent = Agent::start();
    let held = (Some(0), "true\n".to_owned(), String::new());
    let show = "echo $CONSUL_LOCK_HELD";
    for line in [&["-try=0", "p"][..], &["-timeout=0s", "p"], &["-n=0x1", "p"], &["/p/sl/"], &[""], &["a//b"]] {
        assert_eq!(agent.ask(&[&["lock"], line, &[show]].concat()), held, "{line:?}");
    }
    assert_eq!(agent.tell(&["kv", "get", "-keys", ""], b""), "");
    for (line, said) in [
        (&["-try=-1s", "p", "true"][..], "Timeout must be positive\n"),
        (&["-monitor-retry=-1", "p", "true"], "Number for 'monitor-retry' must be >= 0\n"),
        (&["-n=2", "/", "true"], "Lock setup failed: a semaphore needs a prefix for its keys\n"),
    ] {
        assert_eq!(agent.ask(&[&["lock"], line].concat()), (Some(1), String::new(), said.to_owned()), "{line:?}");
    }
    let said = "Error starting handler: exec: \"no_such_program\": executable file not found in $PATH\n";
    let nothing = ["-shell=false", "p", "no_such_program"];
    assert_eq!(agent.ask(&[&["lock"], &nothing[..]].concat()), (Some(0), String::new(), said.to_owned()));
    let coded = agent.ask(&[&["lock", "-child-exit-code"], &nothing[..]].concat());
    assert_eq!(coded, (Some(2), String::new(), said.to_owned()));
}

#[test]
fn a_slash_before_a_key_is_none_of_it() {
    let agent = Agent::start();
    agent.tell(&["kv", "put", "wk", "x"], b"");
    let watched = agent.tell(&["watch", "-type=key", "-key=wk"], b"");
    assert_eq!(agent.tell(&["watch", "-type=key", "-key=/wk"], b""), watched);
    assert_eq!(
        agent.tell(&["watch", "-type=keyprefix", "-prefix=/w"], b""),
        agent.tell(&["watch", "-type=keyprefix", "-prefix=w"], b"")
    );
    assert_eq!(agent.tell(&["kv", "get", "//wk"], b""), "x\n");
    assert_eq!(agent.ask(&["kv", "get", "//x"]).2, "Error! No key exists at: /x\n");
    for (line, failed) in [
        (&["maint", "-enable", "-service=/x"][..], "Error enabling service maintenance"),
        (&["services", "deregister", "-id=/x"], "Error deregistering service \"\""),
    ] {
        let (code, _, said) = agent.ask(line);
        let unknown = "Unexpected response code: 404 (Unknown service ID \"x\".";
        assert!(code == Some(1) && said.starts_with(&format!("{failed}: {unknown}")), "{said}");
    }
}

#[test]
fn a_command_whose_reader_is_gone_ends_in_order() {
    let agent = Agent::start();
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let closed = || Stdio::from(std::io::pipe().unwrap().1);
    agent.tell(&["kv", "put", "k", "v"], b"");
    for line in [&["version"][..], &["--help"], &["kv", "get", "k"], &["kv", "get", "-recurse", "k"]] {
        let ended = agent.spawn(line, closed(), Stdio::piped()).wait_with_output().unwrap();
        assert_eq!((ended.status.code(), text(&ended.stderr).as_str()), (Some(141), ""), "{line:?}");
        let ended = agent.spawn(line, full(), Stdio::piped()).wait_with_output().unwrap();
        let said = "Error writing the output: No space left on device (os error 28)\n";
        assert_eq!((ended.status.code(), text(&ended.stderr).as_str()), (Some(1), said), "{line:?}");
    }
    for (line, code) in
        [(&["kv"][..], 1), (&["nope"], 127), (&["kv", "get", "none"], 1), (&["lock", "zz", "exit 3"], 0)]
    {
        for errors in [full(), closed()] {
            let ended = agent.spawn(line, Stdio::null(), errors).wait().unwrap();
            assert_eq!(ended.code(), Some(code), "{line:?}");
        }
    }
    assert_eq!(agent.tell(&["kv", "get", "-keys", "zz"], b""), "");
}

#[test]
fn a_monitor_ends_with_the_agent_or_when_it_is_told_to() {
    let mut agent = Agent::start();
    let monitor = |agent: &Agent| {
        let mut process = agent.spawn(&["monitor"], Stdio::piped(), Stdio::piped());
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let (sender, first) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            lines_up_to(&mut output, "the configuration was read again");
            let _ = sender.send(());
            let _ = std::io::copy(&mut output, &mut std::io::sink());
        });
        // It follows from some moment on: it is told something until it tells that.
        let told = (0..100).any(|_| {
            agent.tell(&["reload"], b"");
            first.recv_timeout(Duration::from_millis(200)).is_ok()
        });
        assert!(told, "the monitor told nothing");
        process
    };
    let mut told = monitor(&agent);
    terminate(&told);
    assert_eq!(told.wait().unwrap().code(), Some(0));
    let left = monitor(&agent);
    agent.process.kill().unwrap();
    agent.process.wait().unwrap();
    let left = left.wait_with_output().unwrap();
    let said = "\nRemote side ended the monitor! This usually means that the\nremote side has exited or crashed.\n";
    assert_eq!((left.status.code(), text(&left.stderr).as_str()), (Some(1), said));
}

#[test]
fn what_a_command_line_leaves_out_is_not_waited_for() {
    let scratch = Scratch::new("flags");
    let agent = Agent::start();
    for script in [&[][..], &["true"]] {
        let (code, _, said) = agent.ask(&[&["watch", "-type=nodes", "-datacenter=dc9"], script].concat());
        let expected = "Error querying Consul agent: Unexpected response code: 500 (No path to datacenter)\n";
        assert_eq!((code, said.as_str()), (Some(1), expected));
    }
    let (_, port) = agent.address.split_once(':').unwrap();
    assert_eq!(
        agent.tell(&["kv", "put", &format!("-http-addr=:{port}"), "k", "v"], b""),
        "Success! Data written to: k\n"
    );
    assert_eq!(agent.ask(&["members", "-wan"]), (Some(2), String::new(), String::new()));

    let service = scratch.file("s.hcl", "service { name = \"from-file\" }");
    let (code, _, said) = agent.ask(&["services", "register", "-name=x", &service]);
    assert_eq!((code, said.as_str()), (Some(1), "Service registration requires arguments or -name, not both.\n"));
    assert_eq!(agent.tell(&["catalog", "services"], b""), "consul\n");
    let text_file = scratch.file("s.txt", "service { name = \"from-file\" }");
    let passed_over = format!("{text_file}: passed over, since its name ends in neither .hcl nor .json\n");
    assert_eq!(agent.ask(&["services", "register", &text_file]), (Some(0), String::new(), passed_over));
    let none = scratch.file("none.hcl", "");
    assert_eq!(agent.ask(&["services", "register", &none]), (Some(0), String::new(), String::new()));
}

#[test]
fn a_watch_runs_its_command_once_for_each_other_content() {
    let scratch = Scratch::new("watch");
    let agent = Agent::start();
    let marks = scratch.0.join("marks");
    let mut watch = Command::new(QUORATE)
        .args(["watch", "-type=key", "-key=k", &format!("cat >>{}", marks.display())])
        .env("CONSUL_HTTP_ADDR", &agent.address)
        .spawn()
        .unwrap();
    let lines = |count: usize| {
        for _ in 0..1_000 {
            let text = std::fs::read_to_string(&marks).unwrap_or_default();
            if text.lines().count() >= count {
                return text;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("no {count} lines");
    };
    assert_eq!(lines(1), "null\n");
    agent.tell(&["kv", "put", "other", "x"], b"");
    agent.tell(&["kv", "put", "k", "one"], b"");
    assert!(lines(2).contains("\"Value\":\"b25l\""));
    agent.tell(&["kv", "delete", "k"], b"");
    let all = lines(3);
    assert_eq!((all.lines().count(), all.lines().last()), (3, Some("null")));
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_eq!(agent.tell(&["watch", "-type=key", "-key=k"], b""), "null\n");
    let failing = run(QUORATE, &["watch", "-http-addr", &agent.address, "-type=nodes", "exit 3"]);
    assert_eq!(
        (failing.status.code(), text(&failing.stderr).as_str()),
        (Some(1), "Error executing handler: exit status 3\n")
    );
}

#[test]
fn systemd_is_told_how_the_agent_is() {
    let scratch = Scratch::new("notify");
    let socket = scratch.0.join("notify").display().to_string();
    let systemd = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let agent = Agent::start_in(&[], &[("NOTIFY_SOCKET", &socket)]);
    let told = || {
        let mut message = [0; 200];
        let length = systemd.recv(&mut message).unwrap();
        text(&message[..length])
    };
    assert_eq!(told(), "READY=1");
    agent.signal("HUP");
    assert!(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(), "READY=1");
    assert!(agent.stop().success());
    assert_eq!(told(), "STOPPING=1");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut agent = Agent::start();
    // A client in the midst of a request, for which a drain waits.
    let mut client = std::net::TcpStream::connect(&agent.address).unwrap();
    client.write_all(b"PUT /v1/kv/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    agent.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(agent.process.try_wait().unwrap().is_none(), "it did not wait for the client");
    agent.signal("INT");
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
