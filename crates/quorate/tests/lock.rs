//! `quorate lock`: who holds it, how it is lost and given back, and how its flags are read.

mod running;

use std::io::BufReader;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use running::commands::{run, text};
use running::{Agent, PATIENCE, QUORATE, Scratch, lines_up_to, signal};

#[test]
fn a_lock_ends_its_command_when_it_is_lost() {
    let scratch = Scratch::new("lock");
    let agent = Agent::start_in_memory(&[]);
    let marks = scratch.path("marks");
    let script = format!(
        "exec 2>&-; trap 'echo told >>{marks}; exit 0' TERM; echo held >>{marks}; while :; do sleep 0.05; done"
    );
    let holder = agent.spawn(&["lock", "job", &script], Stdio::inherit(), Stdio::piped());
    let mark = |wanted: &str| {
        let found = std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(20));
            std::fs::read_to_string(&marks).unwrap_or_default()
        });
        let tries = PATIENCE.as_millis() / 20;
        assert!(found.take(tries as usize).any(|marks| marks.contains(wanted)), "{wanted} was not reached");
    };
    mark("held");
    let impatient = run(QUORATE, &["lock", "-http-addr", agent.address(), "-try=100ms", "job", "true"]);
    assert_eq!(impatient.status.code(), Some(1));
    // A semaphore can't be had there, and leaves nothing behind.
    let other = run(QUORATE, &["lock", "-http-addr", agent.address(), "-n=2", "job", "true"]);
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

#[test]
fn a_lock_is_given_back_at_any_signal() {
    let agent = Agent::start_in_memory(&[]);
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
    signal(&waiting, Signal::SIGTERM);
    let waiting = waiting.wait_with_output().unwrap();
    assert_eq!(waiting.status.code(), Some(1));
    assert_eq!(text(&waiting.stderr), "Shutdown triggered or timeout during lock acquisition\n");

    signal(&holder, Signal::SIGTERM);
    let said = lines_up_to(&mut held, "Cleanup succeeded");
    let holder = holder.wait_with_output().unwrap();
    assert!(said.starts_with("Shutdown triggered, killing child\nTerminating child pid "), "{said}");
    assert!(said.ends_with("Child terminated\nCleanup succeeded\n"), "{said}");
    assert_eq!(holder.status.code(), Some(0));
    assert_eq!(text(&holder.stderr), "Error running handler: exit status 7\n");

    // No session is left, and each had a name that tells whose it is.
    let listed = "curl -sf http://$CONSUL_HTTP_ADDR/v1/session/list | grep '\"Name\"'";
    let (code, names, said) = agent.outcome(&["lock", "/named/", listed]);
    if Command::new("curl").arg("-V").output().is_ok() {
        assert_eq!((code, names.matches("\"Name\"").count()), (Some(0), 1), "{names}{said}");
        assert!(names.contains("Consul lock for 'curl ") && names.contains("' at 'named'"), "{names}");
    }
}

#[test]
fn a_locks_flags_are_read_as_consul_reads_them() {
    let agent = Agent::start_in_memory(&[]);
    let held = (Some(0), "true\n".to_owned(), String::new());
    let show = "echo $CONSUL_LOCK_HELD";
    for line in [&["-try=0", "p"][..], &["-timeout=0s", "p"], &["-n=0x1", "p"], &["/p/sl/"], &[""], &["a//b"]] {
        assert_eq!(agent.outcome(&[&["lock"], line, &[show]].concat()), held, "{line:?}");
    }
    assert_eq!(agent.tell(&["kv", "get", "-keys", ""], b""), "");
    for (line, said) in [
        (&["-try=-1s", "p", "true"][..], "Timeout must be positive\n"),
        (&["-monitor-retry=-1", "p", "true"], "Number for 'monitor-retry' must be >= 0\n"),
        (&["-n=2", "/", "true"], "Lock setup failed: a semaphore needs a prefix for its keys\n"),
    ] {
        assert_eq!(agent.outcome(&[&["lock"], line].concat()), (Some(1), String::new(), said.to_owned()), "{line:?}");
    }
    let said = "Error starting handler: exec: \"no_such_program\": executable file not found in $PATH\n";
    let nothing = ["-shell=false", "p", "no_such_program"];
    assert_eq!(agent.outcome(&[&["lock"], &nothing[..]].concat()), (Some(0), String::new(), said.to_owned()));
    let coded = agent.outcome(&[&["lock", "-child-exit-code"], &nothing[..]].concat());
    assert_eq!(coded, (Some(2), String::new(), said.to_owned()));
}
