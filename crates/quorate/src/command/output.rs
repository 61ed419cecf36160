//! What commands print, and how they fail.
//!
//! Nothing here panics when nobody reads, or the disk is full: a command that holds a lock must live to give it back. SIGPIPE
//! stays ignored for the same reason; whose reader is gone ends in order, without a word, and with the code of one whom that
//! signal ended.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// What a shell answers for a program that wrote to a closed pipe: 128 and the number of SIGPIPE.
const PIPE_CLOSED: u8 = 128 + 13;

/// Why a command failed: what it prints to standard error, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure(String, u8);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into(), 1)
    }

    /// One that says nothing.
    pub(super) fn silent(code: u8) -> Self {
        Self(String::new(), code)
    }

    /// One with an exit code of its own.
    pub(crate) fn with_code(text: impl Into<String>, code: u8) -> Self {
        Self(text.into(), code)
    }

    /// Prints it, if it says something, and gives the exit code.
    pub(crate) fn tell(&self) -> ExitCode {
        if !self.0.is_empty() {
            note(&self.0);
        }
        ExitCode::from(self.1)
    }

    /// For `map_err`: what was done, and why it failed.
    pub(crate) fn of<E: Display>(what: &str) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{what}: {error}"), 1)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prints bytes and an end of line.
pub(crate) fn print(line: impl AsRef<[u8]>) -> Result<(), Failure> {
    write(&[line.as_ref(), b"\n"])
}

/// Prints bytes as they are.
pub(super) fn write(parts: &[&[u8]]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = parts.iter().try_for_each(|part| output.write_all(part));
    written.and_then(|()| output.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::silent(PIPE_CLOSED),
        _ => Failure::of("Error writing the output")(error),
    })
}

/// Tells something beside the output, on standard error. Nothing fails because nobody reads it.
pub(super) fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The one argument of a command, if there is one.
pub(super) fn at_most_one(arguments: Vec<OsString>) -> Result<Option<OsString>, Failure> {
    let count = arguments.len();
    if count > 1 {
        return Err(Failure::new(format!("Too many arguments (expected 1, got {count})")));
    }
    Ok(arguments.into_iter().next())
}

/// Refuses arguments where none is taken.
pub(super) fn no_arguments(arguments: &[OsString]) -> Result<(), Failure> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("Too many arguments (expected 0, got {})", arguments.len())))
}

/// An argument that must be text.
pub(super) fn text(argument: OsString) -> Result<String, Failure> {
    argument.into_string().map_err(|argument| Failure::new(format!("Error! {argument:?} is not UTF-8")))
}

/// What an argument says: itself, the content of a file (`@FILE`), or standard input (`-`).
pub(super) fn data(argument: OsString) -> Result<Vec<u8>, Failure> {
    let bytes = argument.into_encoded_bytes();
    match bytes.split_first() {
        Some((b'@', path)) => {
            let path = String::from_utf8_lossy(path).into_owned();
            std::fs::read(&path)
                .map_err(|error| Failure::new(format!("Error! Failed to read file: open {path}: {error}")))
        }
        Some((b'-', [])) => {
            let mut data = Vec::new();
            let read = std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut data);
            read.map(|_| data).map_err(Failure::of("Error! Failed to read stdin"))
        }
        _ => Ok(bytes),
    }
}

/// Rows as columns with spaces in between; the last column is not filled up.
pub(super) fn columns(rows: &[Vec<String>], indent: &str, gap: usize) -> String {
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0))
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let lines = rows.iter().map(|row| {
        let mut line = indent.to_owned();
        for (column, cell) in row.iter().enumerate() {
            let is_last = column + 1 == row.len();
            let width = if is_last { 0 } else { widths[column] + gap };
            line.push_str(&format!("{cell:width$}"));
        }
        line
    });
    lines.collect::<Vec<_>>().join("\n")
}
