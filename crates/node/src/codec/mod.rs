//! The bytes of commands and records: what a log entry, a snapshot file and an archive hold.
//!
//! Layout: numbers are LEB128 varints, texts and byte strings carry their length, lists their count, enums one tag byte.
//! Fields follow each other in the order given in `layout.rs`; tags and orders are never reused, an addition is a new
//! format.
//!
//! Whoever decodes knows the format: a command starts with it; a record's is that of the file around it. An archive names
//! it in its head, a snapshot in its first record, and one that does not is of [`FORMAT_FIRST`]. All formats up to
//! [`FORMAT_NEWEST`] are read for ever; the cluster's active one ([`quorate_state::State::format`]) is written, so that
//! its oldest member understands it.
//!
//! These bytes come from a disk or a network: decoding never panics, allocates no more than the input justifies and
//! nests no deeper than one level.

mod layout;
pub(crate) mod wire;

use bytes::Bytes;
use quorate_state::{Command, Operation, Record};

pub use quorate_state::{FORMAT_FIRST, FORMAT_NEWEST, Format};
pub use wire::{Inexpressible, Malformed};
use wire::{Reader, Wire, Writer};

/// What a snapshot's first record starts with if it names the format. No record has this tag.
const FORMAT_MARK: u8 = 0;

/// A command as the log carries it, in the active format.
pub fn encode_command(command: &Command, active: Format) -> Result<Bytes, Inexpressible> {
    encode_operation(command.now_ms, &command.operation, active)
}

/// An operation with its time as the log carries it, in the active format. One that activates a newer format is written
/// in that: those who do not know it must stop here and not go on without it.
pub fn encode_operation(now_ms: u64, operation: &Operation, active: Format) -> Result<Bytes, Inexpressible> {
    let format = match operation {
        Operation::ActivateFormat(format) => active.max(*format),
        _ => active,
    };
    if format > FORMAT_NEWEST {
        return Err(Inexpressible { needed: format, format: FORMAT_NEWEST });
    }
    // Room for a small write; longer ones grow it once.
    let mut bytes = Vec::with_capacity(256);
    bytes.push(format);
    let mut writer = Writer::new(&mut bytes, format);
    // The fields of a command, in their order.
    now_ms.put(&mut writer);
    operation.put(&mut writer);
    writer.finish()?;
    Ok(bytes.into())
}

/// The command that the log carries as `bytes`.
pub fn decode_command(bytes: &[u8]) -> Result<Command, Malformed> {
    let (format, rest) = bytes.split_first().ok_or(Malformed::Short)?;
    Reader::new(rest, known(*format)?).last()
}

/// Appends a record's bytes to `out`.
pub fn encode_record(record: &Record, format: Format, out: &mut Vec<u8>) -> Result<(), Inexpressible> {
    let mut writer = Writer::new(out, format);
    record.put(&mut writer);
    writer.finish()
}

/// The record that `bytes` of that format hold.
pub fn decode_record(bytes: &[u8], format: Format) -> Result<Record, Malformed> {
    Reader::new(bytes, known(format)?).last()
}

/// What a snapshot starts with so that its readers know the format; nothing for the first, which needs no mark.
pub fn encode_format(format: Format) -> Option<[u8; 2]> {
    (format > FORMAT_FIRST).then_some([FORMAT_MARK, format])
}

/// Reads the records of a snapshot, whose first one may name the format.
pub struct SnapshotReader {
    format: Format,
}

impl Default for SnapshotReader {
    fn default() -> Self {
        Self { format: FORMAT_FIRST }
    }
}

impl SnapshotReader {
    /// The next record; `None` for one that names the format.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Option<Record>, Malformed> {
        if let [FORMAT_MARK, format] = *bytes {
            self.format = known(format)?;
            return Ok(None);
        }
        decode_record(bytes, self.format).map(Some)
    }
}

/// The format, if this Quorate knows it.
pub fn known(format: Format) -> Result<Format, Malformed> {
    match format {
        FORMAT_FIRST..=FORMAT_NEWEST => Ok(format),
        0 => Err(Malformed::Tag(0)),
        found => Err(Malformed::Newer { found }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
