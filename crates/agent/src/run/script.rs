//! Scripts: a command that passes with exit code 0 and warns with 1. It runs in a process group of its own, which is
//! killed as a whole when the time is over or the run is dropped.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use quorate_state::CheckStatus;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};

use super::output::Tail;
use super::{critical, dial, go_text};
use crate::definition::Script;
use crate::machine::RunResult;

pub(super) async fn run(script: &Script, timeout: Duration, bytes_max: usize) -> RunResult {
    let (mut group, mut pipe) = match start(&script.arguments) {
        Ok(started) => started,
        Err(problem) => return critical(problem),
    };
    let mut tail = Tail::new(bytes_max);
    let ended = tokio::time::timeout(timeout, group.end(&mut pipe, &mut tail)).await;
    match ended {
        Ok(Ok(status)) => RunResult { status, output: tail.told() },
        Ok(Err(error)) => critical(dial::words(&error)),
        Err(_) => {
            drop(group);
            let mut output = format!("Timed out ({}) running check", go_text(timeout));
            let told = tail.told();
            if !told.is_empty() {
                output += "\n\n";
                output += &told;
            }
            critical(output)
        }
    }
}

/// What is told of a command without a program, as in Go.
const NO_COMMAND: &str = "exec: no command";

/// Starts a command with both of its outputs going to one pipe.
fn start(arguments: &[String]) -> Result<(Group, Receiver), String> {
    let (program, rest) = arguments.split_first().ok_or(NO_COMMAND)?;
    if program.is_empty() {
        return Err(NO_COMMAND.to_owned());
    }
    let failed = |error: io::Error| match (error.kind(), program.contains('/')) {
        (io::ErrorKind::NotFound, false) => format!("exec: {program:?}: executable file not found in $PATH"),
        _ => format!("fork/exec {program}: {}", dial::words(&error)),
    };
    let pipes = || {
        let (reader, writer) = io::pipe()?;
        let copy = writer.try_clone()?;
        Ok::<_, io::Error>((Receiver::from_owned_fd(OwnedFd::from(reader))?, writer, copy))
    };
    let (reader, stdout, stderr) = pipes().map_err(|error| format!("a pipe can't be made: {}", dial::words(&error)))?;
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(failed)?;
    Ok((Group { child, has_ended: false }, reader))
}

/// A command with its children.
struct Group {
    child: Child,
    has_ended: bool,
}

impl Group {
    /// Reads the output until the command itself ends. Children that it left behind may hold the pipe open; they are
    /// their own affair.
    async fn end(&mut self, pipe: &mut Receiver, tail: &mut Tail) -> io::Result<CheckStatus> {
        let status = tail.read_until(self.child.wait(), pipe).await?;
        self.has_ended = true;
        Ok(match status.code() {
            Some(0) => CheckStatus::Passing,
            Some(1) => CheckStatus::Warning,
            _ => CheckStatus::Critical,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // The child has not been waited for, so its id, which is the group's, belongs to nobody else.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}
