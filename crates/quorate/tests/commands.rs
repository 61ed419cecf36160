//! The binary's own commands, a day in the life of an agent.

mod running;

use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use running::commands::{run, text};
use running::{Agent, QUORATE, Scratch, lines_up_to, signal};

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

#[test]
fn keys_move_from_one_server_to_another() {
    let scratch = Scratch::new("move");
    let (from, to) = (Agent::start_in_memory(&[]), Agent::start_in_memory(&[]));
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

    let archive = scratch.path("state.snap");
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
fn a_slash_before_a_key_is_none_of_it() {
    let agent = Agent::start_in_memory(&[]);
    agent.tell(&["kv", "put", "wk", "x"], b"");
    let watched = agent.tell(&["watch", "-type=key", "-key=wk"], b"");
    assert_eq!(agent.tell(&["watch", "-type=key", "-key=/wk"], b""), watched);
    assert_eq!(
        agent.tell(&["watch", "-type=keyprefix", "-prefix=/w"], b""),
        agent.tell(&["watch", "-type=keyprefix", "-prefix=w"], b"")
    );
    assert_eq!(agent.tell(&["kv", "get", "//wk"], b""), "x\n");
    assert_eq!(agent.outcome(&["kv", "get", "//x"]).2, "Error! No key exists at: /x\n");
    for (line, failed) in [
        (&["maint", "-enable", "-service=/x"][..], "Error enabling service maintenance"),
        (&["services", "deregister", "-id=/x"], "Error deregistering service \"\""),
    ] {
        let (code, _, said) = agent.outcome(line);
        let unknown = "Unexpected response code: 404 (Unknown service ID \"x\".";
        assert!(code == Some(1) && said.starts_with(&format!("{failed}: {unknown}")), "{said}");
    }
}

#[test]
fn a_command_whose_reader_is_gone_ends_in_order() {
    let agent = Agent::start_in_memory(&[]);
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
    let mut agent = Agent::start_in_memory(&[]);
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
    signal(&told, Signal::SIGTERM);
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
    let agent = Agent::start_in_memory(&[]);
    for script in [&[][..], &["true"]] {
        let (code, _, said) = agent.outcome(&[&["watch", "-type=nodes", "-datacenter=dc9"], script].concat());
        let expected = "Error querying Consul agent: Unexpected response code: 500 (No path to datacenter)\n";
        assert_eq!((code, said.as_str()), (Some(1), expected));
    }
    let (_, port) = agent.address().split_once(':').unwrap();
    assert_eq!(
        agent.tell(&["kv", "put", &format!("-http-addr=:{port}"), "k", "v"], b""),
        "Success! Data written to: k\n"
    );
    assert_eq!(agent.outcome(&["members", "-wan"]), (Some(2), String::new(), String::new()));

    let service = scratch.file("s.hcl", "service { name = \"from-file\" }");
    let (code, _, said) = agent.outcome(&["services", "register", "-name=x", &service]);
    assert_eq!((code, said.as_str()), (Some(1), "Service registration requires arguments or -name, not both.\n"));
    assert_eq!(agent.tell(&["catalog", "services"], b""), "consul\n");
    let text_file = scratch.file("s.txt", "service { name = \"from-file\" }");
    let passed_over = format!("{text_file}: passed over, since its name ends in neither .hcl nor .json\n");
    assert_eq!(agent.outcome(&["services", "register", &text_file]), (Some(0), String::new(), passed_over));
    let none = scratch.file("none.hcl", "");
    assert_eq!(agent.outcome(&["services", "register", &none]), (Some(0), String::new(), String::new()));
}

#[test]
fn a_watch_runs_its_command_once_for_each_other_content() {
    let scratch = Scratch::new("watch");
    let agent = Agent::start_in_memory(&[]);
    let marks = scratch.0.join("marks");
    let mut watch = Command::new(QUORATE)
        .args(["watch", "-type=key", "-key=k", &format!("cat >>{}", marks.display())])
        .env("CONSUL_HTTP_ADDR", agent.address())
        .spawn()
        .unwrap();
    let lines = |count: usize| {
        for _ in 0..1_000 {
            let text = std::fs::read_to_string(&marks).unwrap_or_default();
            if text.lines().count() >= count {
                return text;
            }
            std::thread::sleep(Duration::from_millis(20));
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
    let failing = run(QUORATE, &["watch", "-http-addr", agent.address(), "-type=nodes", "exit 3"]);
    assert_eq!(
        (failing.status.code(), text(&failing.stderr).as_str()),
        (Some(1), "Error executing handler: exit status 3\n")
    );
}
