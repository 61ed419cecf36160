//! A real agent that a test runs, and the directory in which it does so.
//!
//! What an agent is asked over HTTP is in [`requests`], what it is asked with the binary's own commands in
//! [`commands`].

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod commands;
pub(crate) mod requests;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// The binary under test.
pub(crate) const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// Nothing that a test waits for takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What an agent logs when it has begun all that it does.
const RUNNING: &str = "the agent is running";

/// What a server logs when the catalog has it.
const REGISTERED: &str = "registered this server";

/// An agent on a port of its own; killed with the test.
pub(crate) struct Agent {
    pub(crate) process: Child,
    address: String,
    /// The lines of its log from its start on.
    log: Receiver<String>,
}

impl Agent {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_until(&[RUNNING], flags)
    }

    /// One that keeps all in memory, and that the catalog has.
    pub(crate) fn start_in_memory(flags: &[&str]) -> Self {
        Self::start_until(&[RUNNING, REGISTERED], &[&["-dev"], flags].concat())
    }

    /// Waits until it has logged each of these words.
    fn start_until(words: &[&str], flags: &[&str]) -> Self {
        let port = free_port();
        let mut process = Command::new(QUORATE)
            .args(["agent", "-log-level=INFO", "-dns-port=-1", &format!("-http-port={port}")])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut missing = words.to_vec();
        let is_ready = lines.by_ref().any(|line| {
            missing.retain(|words| !line.contains(words));
            missing.is_empty()
        });
        assert!(is_ready, "the agent ended before it was ready");
        // Whoever logs to a closed pipe fails: the rest is read, wanted or not.
        let (sender, log) = std::sync::mpsc::channel();
        std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
        Self { process, address: format!("127.0.0.1:{port}"), log }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self::signal(&self.process, signal);
    }

    /// Sends a signal, and gives what is logged from there up to a line with these words.
    pub(crate) fn signal_and_wait(&self, signal: Signal, words: &str) -> String {
        while self.log.try_recv().is_ok() {}
        self.signal(signal);
        let mut said = String::new();
        while !said.contains(words) {
            let line = self.log.recv_timeout(PATIENCE);
            said.push_str(&line.unwrap_or_else(|_| panic!("{words:?} was not logged, but: {said}")));
            said.push('\n');
        }
        said
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.process.wait().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a signal to a process that the test started.
pub(crate) fn signal(process: &Child, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(process.id().try_into().unwrap()), signal).unwrap();
}

/// A port on which nobody listens.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Reads lines up to one with these words; gives that one.
pub(crate) fn until(reader: &mut impl BufRead, words: &str) -> String {
    lines_up_to(reader, words).split_inclusive('\n').next_back().unwrap().to_owned()
}

/// Reads lines up to one with these words; gives all of them.
pub(crate) fn lines_up_to(reader: &mut impl BufRead, words: &str) -> String {
    let mut said = String::new();
    loop {
        let line = said.len();
        assert_ne!(reader.read_line(&mut said).unwrap(), 0, "{words:?} was not said, but: {said}");
        if said[line..].contains(words) {
            return said;
        }
    }
}

/// A directory that goes with the test.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// Its name is one of its own among the tests of a program.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it, which may not be there yet.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a file; gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
