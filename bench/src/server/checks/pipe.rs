//! What script checks write to: a named pipe that the bench reads, with the number of a check in each line. So the runs of
//! commands, which leave no other trace, are counted as well.

use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Witness;
use super::runs::Runs;

/// The line that ends the reader.
const END: &str = "end";

/// A named pipe; it goes when this is dropped.
pub(super) struct Pipe {
    path: PathBuf,
    runs: Runs,
}

impl Pipe {
    /// Makes one below `root` and reads it.
    pub(super) fn open(root: &Path, role: &str) -> Result<Self> {
        let path = root.join(format!("quorate-bench-{}-{role}.pipe", std::process::id()));
        let made = Command::new("mkfifo").arg(&path).status().context("mkfifo")?;
        ensure!(made.success(), "mkfifo {}: {made}", path.display());
        let pipe = Self { path, runs: Runs::default() };
        // Open for writing too, so that it does not end whenever no script has it open.
        let file = File::options().read(true).write(true).open(&pipe.path)?;
        let runs = pipe.runs.clone();
        std::thread::Builder::new().name("pipe".into()).spawn(move || {
            for line in BufReader::new(file).lines() {
                match line.as_deref() {
                    Ok(END) | Err(_) => return,
                    Ok(number) => runs.note(number.parse().ok(), false),
                }
            }
        })?;
        Ok(pipe)
    }

    /// The command of a check: a shell, since most scripts are one, that writes one line. Not where the pipe has gone: that
    /// would make a file in its place.
    pub(super) fn command(&self, check: u32) -> [String; 3] {
        let path = self.path.display();
        ["/bin/sh".to_owned(), "-c".to_owned(), format!("test -p '{path}' && echo {check} > '{path}'")]
    }
}

impl Witness for Pipe {
    fn runs(&self) -> &Runs {
        &self.runs
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Where this fails the thread waits on, which costs nothing and ends with the process.
        let _ = fs::write(&self.path, format!("{END}\n"));
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_counted() {
        let pipe = Pipe::open(&std::env::temp_dir(), "test").unwrap();
        let [program, rest @ ..] = pipe.command(7);
        assert!(Command::new(program).args(rest).status().unwrap().success());
        while pipe.runs().count() == 0 {
            std::thread::yield_now();
        }
        let path = pipe.path.clone();
        drop(pipe);
        assert!(!path.exists());
    }
}
