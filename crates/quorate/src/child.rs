//! Commands that are run for their user: by a shell or as they are, in a group of processes of their own, so that they end
//! with all that they started.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, PipeWriter};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

/// How long a command has to end by itself once it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// What a command is run from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    words: Vec<OsString>,
    by_shell: bool,
}

impl Script {
    /// Words as they were typed; the first is the program, unless a shell is to read them.
    pub(crate) fn new(words: Vec<OsString>, by_shell: bool) -> Self {
        Self { words, by_shell }
    }

    fn command(&self) -> Command {
        if self.by_shell {
            let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or("/bin/sh".into());
            let mut command = Command::new(shell);
            command.arg("-c").arg(self.words.join(OsString::from(" ").as_os_str()));
            return command;
        }
        let mut command = Command::new(self.words.first().cloned().unwrap_or_default());
        command.args(self.words.iter().skip(1));
        command
    }

    /// Starts it with a variable more in its environment.
    pub(crate) fn start(&self, variable: (&str, String), stdin: Stdio, output: Output) -> std::io::Result<Running> {
        let mut command = self.command();
        command.env(variable.0, variable.1).stdin(stdin).process_group(0).kill_on_drop(true);
        if let Output::Pipe(pipe) = output {
            command.stdout(pipe.try_clone()?).stderr(pipe);
        }
        command.spawn().map(Running).map_err(|error| named(command.as_std().get_program(), &error))
    }

    /// Its words, for messages.
    pub(crate) fn name(&self) -> String {
        self.words.join(OsString::from(" ").as_os_str()).to_string_lossy().into_owned()
    }
}

/// Why a program does not start, with its name: as Go writes it where it is not found.
fn named(program: &OsStr, error: &std::io::Error) -> std::io::Error {
    let name = program.to_string_lossy();
    let message = match error.kind() {
        ErrorKind::NotFound if !name.contains('/') => format!("exec: {name:?}: executable file not found in $PATH"),
        _ => format!("{name}: {error}"),
    };
    std::io::Error::new(error.kind(), message)
}

/// Where both outputs of a command go.
pub(crate) enum Output {
    /// Where this program's go.
    Inherited,
    Pipe(PipeWriter),
}

/// A command that runs. One that is dropped before its end was seen is killed with all it started.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.0.wait().await
    }

    /// Writes to its standard input, and closes that. A command need not read all of it.
    pub(crate) fn write(&mut self, text: String) -> impl Future<Output = ()> + use<> {
        let stdin = self.0.stdin.take();
        async move {
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(text.as_bytes()).await;
            }
        }
    }

    /// Asks it and all it started to end, and after a while makes them. Gives how it ended, if it had not before.
    pub(crate) async fn kill(&mut self) -> Option<ExitStatus> {
        let group = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()))?;
        // Each fails only if they are gone already.
        let _ = kill_process_group(group, Signal::TERM);
        let _ = tokio::time::timeout(GRACE, self.0.wait()).await;
        let _ = kill_process_group(group, Signal::KILL);
        self.0.wait().await.ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has an id only while it has not been waited for, so the id, which is the group's, is nobody else's.
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Waits for a command's end while its input is written, which a child that it left behind may never read.
pub(crate) async fn end_beside<T>(ended: impl Future<Output = T>, writing: impl Future<Output = ()>) -> T {
    let mut ended = std::pin::pin!(ended);
    tokio::select! {
        biased;
        outcome = &mut ended => outcome,
        () = writing => ended.await,
    }
}

/// How a command ended, if not well: as Go writes it.
pub(crate) fn failure(status: ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.success(), status.code(), status.signal()) {
        (true, ..) => None,
        (_, Some(code), _) => Some(format!("exit status {code}")),
        (_, _, Some(2)) => Some("signal: interrupt".to_owned()),
        (_, _, Some(9)) => Some("signal: killed".to_owned()),
        (_, _, Some(15)) => Some("signal: terminated".to_owned()),
        (_, _, signal) => Some(format!("signal: {}", signal.unwrap_or_default())),
    }
}

/// Whether this program is told to end, by SIGINT or SIGTERM.
///
/// It is one for the life of a command, made before anything that must be undone: a signal that comes while nobody waits for
/// one is told to the next who does.
pub(crate) struct Shutdown {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Shutdown {
    /// From here on, signals do not end this program.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let interrupt = unix::signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: unix::signal(SignalKind::terminate())? })
    }

    /// Resolves when it is told to.
    pub(crate) async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
