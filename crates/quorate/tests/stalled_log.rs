//! The real binary with a log that nobody reads: it loses lines, and nothing else.

mod running;

use std::io::{BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use running::requests::ask_at;
use running::{PATIENCE, QUORATE, free_port, signal, until};

/// How many requests are made while nobody reads, and how long their paths are: more than the pipe and the queue of the log take.
const REQUESTS: usize = 1_500;
const PATH_BYTES: usize = 1_000;

/// How often it is looked whether an agent has ended.
const POLL: Duration = Duration::from_millis(50);

/// An agent that logs each request into a pipe, of which no more is read than its first lines.
struct Unread {
    process: Child,
    address: String,
    log: BufReader<ChildStdout>,
}

impl Unread {
    fn start() -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let port = address.rsplit(':').next().unwrap();
        let flags = ["agent", "-dev", "-log-level=DEBUG", "-dns-port=-1", &format!("-http-port={port}")];
        let mut process = Command::new(QUORATE).args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stdout.take().unwrap());
        until(&mut log, "the agent is running");
        Self { process, address, log }
    }

    /// Has more logged than is taken, and is answered all the while.
    fn overflow(&self) {
        let path = format!("/v1/kv/{}", "x".repeat(PATH_BYTES));
        for _ in 0..REQUESTS {
            assert!(ask_at(&self.address, "GET", &path).starts_with("HTTP/1.1 404"));
        }
    }

    /// Its exit code, and all of its log that was not read yet.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.log.read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), said)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_pipe_that_nobody_reads_loses_lines_and_stops_nobody() {
    let mut agent = Unread::start();
    agent.overflow();
    let metrics = ask_at(&agent.address, "GET", "/v1/agent/metrics?format=prometheus");
    let lost = metrics.lines().find_map(|line| line.strip_prefix("quorate_log_lines_lost "));
    let lost: f64 = lost.expect("lost lines are counted").parse().unwrap();
    assert!(lost > 0.0, "nothing was lost: {metrics}");
    let line = until(&mut agent.log, "lines of the log were lost here");
    assert!(line.contains(" [WARN] "), "{line}");
}

#[test]
fn an_agent_ends_although_nobody_reads_its_log() {
    let mut agent = Unread::start();
    agent.overflow();
    signal(&agent.process, Signal::SIGTERM);
    let polls = PATIENCE.as_millis() / POLL.as_millis();
    let ended = (0..polls).find_map(|_| {
        std::thread::sleep(POLL);
        agent.process.try_wait().unwrap()
    });
    assert!(ended.expect("it waits for somebody to read").success());
}

#[test]
fn the_last_lines_get_out() {
    let agent = Unread::start();
    signal(&agent.process, Signal::SIGTERM);
    let (code, said) = agent.end();
    assert_eq!(code, Some(0));
    assert!(said.trim_end().ends_with("agent: stopped"), "{said}");
}
