//! A real agent that a test runs.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// Nothing that a test waits for takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An agent on a port of its own; killed with the test.
pub(crate) struct Agent {
    pub(crate) process: Child,
    address: String,
}

impl Agent {
    pub(crate) fn start(flags: &[&str]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new(QUORATE)
            .args(["agent", "-log-level=INFO", "-dns-port=-1", &format!("-http-port={port}")])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = log.by_ref().map_while(Result::ok).any(|line| line.contains("the agent is running"));
        assert!(ready, "the agent ended before it was ready");
        // Whoever logs to a closed pipe fails: the rest is read, and thrown away.
        std::thread::spawn(move || log.count());
        Self { process, address: format!("127.0.0.1:{port}") }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request; the answer is read by the caller, who gets no end of it where there is none.
    pub(crate) fn send(&self, method: &str, target: &str, body: &str) -> BufReader<TcpStream> {
        let length = body.len();
        let head = format!("Connection: close\r\nContent-Length: {length}\r\n");
        self.write(&format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{head}\r\n{body}"))
    }

    /// Sends a request on a connection that stays open behind it.
    #[allow(dead_code, reason = "one test program uses it")]
    pub(crate) fn keep(&self, method: &str, target: &str) -> BufReader<TcpStream> {
        self.write(&format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    fn write(&self, request: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// The whole answer to a request.
    pub(crate) fn ask(&self, method: &str, target: &str, body: &str) -> String {
        let mut answer = String::new();
        self.send(method, target, body).read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads lines until one has the text.
#[allow(dead_code, reason = "not every test program reads lines")]
pub(crate) fn until(reader: &mut impl BufRead, text: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "it ended before {text:?}");
        if line.contains(text) {
            return line;
        }
    }
}

/// A directory that goes with the test.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
