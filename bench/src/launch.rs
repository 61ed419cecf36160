//! Starts the servers to be measured, each in a directory of its own, and ends them.
//!
//! A server is given as a command line of the shell in which `{data}` stands for its data directory. The directory is
//! made empty here and removed with the last user of it. Servers are ended by SIGKILL: what they hold is thrown away, and
//! the restart figure is about exactly that end.

use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::Process;

/// What a command line says in place of its data directory.
const DATA_PLACEHOLDER: &str = "{data}";
/// How much of a dead server's output an error shows.
const SHOWN_OUTPUT_BYTES: usize = 2000;

/// How to start a server.
#[derive(Clone, Debug)]
pub(crate) struct StartCommand {
    text: String,
    /// Where data directories are made.
    root: PathBuf,
}

impl StartCommand {
    /// Takes a command line that names its data directory as `{data}`.
    pub(crate) fn new(text: &str, root: &Path) -> Result<Self> {
        ensure!(
            text.contains(DATA_PLACEHOLDER),
            "the command {text:?} must say {DATA_PLACEHOLDER} for its data directory"
        );
        Ok(Self { text: text.to_owned(), root: root.to_owned() })
    }

    /// Starts a server on an empty directory.
    pub(crate) fn launch(&self) -> Result<Launched> {
        let directory = DataDirectory::new(&self.root)?;
        let child = spawn(&self.text, &directory)?;
        Ok(Launched { text: self.text.clone(), directory, child })
    }
}

/// A server started here; dropping it ends the server and removes its data.
#[derive(Debug)]
pub(crate) struct Launched {
    text: String,
    directory: DataDirectory,
    child: Child,
}

impl Launched {
    /// The server's process.
    pub(crate) fn process(&self) -> Process {
        Process { pid: self.child.id() }
    }

    /// Ends the server as a crash would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing a server")?;
        self.child.wait().context("waiting for a killed server")?;
        Ok(())
    }

    /// Starts the server again on the data that it left.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.child = spawn(&self.text, &self.directory)?;
        Ok(())
    }

    /// Fails, with the end of its output, when the server is no more.
    pub(crate) fn expect_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait().context("looking for a server")? {
            let output = fs::read(self.directory.output()).unwrap_or_default();
            let shown = &output[output.len().saturating_sub(SHOWN_OUTPUT_BYTES)..];
            bail!("`{}` ended ({status}); its output:\n{}", self.text, String::from_utf8_lossy(shown));
        }
        Ok(())
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        // The server may be gone already, and then there is nothing left to end.
        let _ = self.kill();
    }
}

fn spawn(text: &str, directory: &DataDirectory) -> Result<Child> {
    let data = directory.data();
    let data = data.to_str().context("the data directory's name is not text")?;
    let output = File::options().create(true).append(true).open(directory.output())?;
    // `exec`, so that the process that is measured and killed is the server and not its shell.
    let line = format!("exec {}", text.replace(DATA_PLACEHOLDER, data));
    Command::new("/bin/sh")
        .args(["-c", &line])
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("starting `{line}`"))
}

/// A directory that is removed at the end.
#[derive(Debug)]
struct DataDirectory {
    path: PathBuf,
}

impl DataDirectory {
    fn new(root: &Path) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!("quorate-bench-{}-{count}", std::process::id()));
        fs::create_dir_all(root).with_context(|| format!("creating {}", root.display()))?;
        fs::create_dir(&path).with_context(|| format!("creating {}", path.display()))?;
        let directory = Self { path };
        fs::create_dir(directory.data())?;
        Ok(directory)
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    fn output(&self) -> PathBuf {
        self.path.join("output.log")
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("{} is left behind: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        std::env::temp_dir()
    }

    #[test]
    fn a_command_must_name_its_data_directory() {
        assert!(StartCommand::new("server -data-dir=/tmp/mine", &root()).is_err());
    }

    #[test]
    fn data_outlives_a_kill_and_goes_with_the_server() {
        let command = StartCommand::new("sh -c 'echo x >> {data}/lives; exec sleep 1000'", &root()).unwrap();
        let mut launched = command.launch().unwrap();
        let data = launched.directory.data();
        let lives = || fs::read_to_string(data.join("lives")).unwrap_or_default();
        let wait_for = |expected: &str| {
            while lives() != expected {
                std::thread::yield_now();
            }
        };
        wait_for("x\n");
        launched.expect_running().unwrap();
        launched.kill().unwrap();
        assert!(launched.expect_running().is_err());
        launched.start_again().unwrap();
        wait_for("x\nx\n");
        let pid = launched.process().pid;
        drop(launched);
        assert!(!data.exists());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_dead_server_is_shown_with_its_output() {
        let mut launched =
            StartCommand::new("sh -c 'echo bad flag; exit 3' {data}", &root()).unwrap().launch().unwrap();
        launched.child.wait().unwrap();
        let error = launched.expect_running().unwrap_err().to_string();
        assert!(error.contains("bad flag") && error.contains('3'), "{error}");
    }
}
