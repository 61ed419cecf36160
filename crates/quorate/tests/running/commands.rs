//! The binary's own commands, alone and against an agent.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::{Agent, QUORATE};

/// Runs a command to its end, which knows of no agent but by its arguments.
pub(crate) fn run(binary: impl AsRef<Path>, arguments: &[&str]) -> Output {
    Command::new(binary.as_ref()).args(arguments).env_remove("CONSUL_HTTP_ADDR").output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl Agent {
    /// Runs a command against it, which succeeds; gives its output.
    pub(crate) fn tell(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut command = Command::new(QUORATE);
        command.args(arguments).env("CONSUL_HTTP_ADDR", self.address());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(input).unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Starts a command against it.
    pub(crate) fn spawn(&self, arguments: &[&str], output: Stdio, errors: Stdio) -> Child {
        let mut command = Command::new(QUORATE);
        command.args(arguments).env("CONSUL_HTTP_ADDR", self.address()).env("SHELL", "/bin/sh");
        command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().unwrap()
    }

    /// Runs a command against it to its end; gives its exit code, its output and what it complained of.
    pub(crate) fn outcome(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.spawn(arguments, Stdio::piped(), Stdio::piped()).wait_with_output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }
}
