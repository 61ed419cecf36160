//! The bytes of commands and records: what a log entry, a snapshot file and an archive hold.
//!
//! Layout: a command starts with [`COMMAND_VERSION`]; a record's version is that of the file around it. Numbers are
//! LEB128 varints, texts and byte strings carry their length, lists their count, enums one tag byte. Fields follow each
//! other in the order given in `layout.rs`; tags and orders are never reused, a change is a new version.
//!
//! These bytes come from a disk or a network: decoding never panics, allocates no more than the input justifies and
//! nests no deeper than one level.

mod layout;
pub(crate) mod wire;

use bytes::Bytes;
use quorate_state::{Command, Operation, Record};

pub use wire::Malformed;
use wire::{Reader, Wire};

/// The version of the command layout that this code writes, and the only one so far that it reads.
pub(crate) const COMMAND_VERSION: u8 = 1;

/// A command as the log carries it.
pub fn encode_command(command: &Command) -> Bytes {
    // Room for a small write; longer ones grow it once.
    let mut out = Vec::with_capacity(256);
    out.push(COMMAND_VERSION);
    command.put(&mut out);
    out.into()
}

/// An operation with its time, as a command.
pub fn encode_operation(now_ms: u64, operation: &Operation) -> Bytes {
    let mut out = Vec::with_capacity(256);
    out.push(COMMAND_VERSION);
    now_ms.put(&mut out);
    operation.put(&mut out);
    out.into()
}

/// The command that the log carries as `bytes`.
pub fn decode_command(bytes: &[u8]) -> Result<Command, Malformed> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        COMMAND_VERSION => reader.last(),
        version => Err(Malformed::Version(version)),
    }
}

/// Appends a record's bytes to `out`.
pub fn encode_record(record: &Record, out: &mut Vec<u8>) {
    record.put(out);
}

/// The record that `bytes` hold.
pub fn decode_record(bytes: &[u8]) -> Result<Record, Malformed> {
    Reader::new(bytes).last()
}

#[cfg(test)]
mod tests;
