//! One file of the log: a header that never changes, and room for records, reserved before the file gets its name.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_base::disk::write_zeroes;
use quorate_base::framing::head::{BadHead, FileKind};
use quorate_base::{Disk, File, OpenMode};

use crate::codec::{Reader, put_u64};
use crate::log::record::{ALIGNMENT, Place};

/// Where the first record begins.
pub(crate) const HEADER_BYTES: u64 = 64;

/// The version of the format. A reader refuses a newer one.
pub(crate) const VERSION: u32 = 1;

/// How each log file begins. The fields fill the header up, with zeroes after them.
const KIND: FileKind = FileKind { magic: *b"QRLOG\r\n\0", newest_version: VERSION, fields_bytes_max: FIELDS_BYTES };

const FIELDS_BYTES: usize = HEADER_BYTES as usize - FileKind::head_bytes(0);

/// An open log file.
pub(crate) struct Segment {
    /// Its bytes.
    pub(crate) file: Arc<dyn File>,
    /// Its place among the files: one more than that of the file before.
    pub(crate) sequence: u64,
    /// How long it may become; all of it is reserved.
    pub(crate) capacity: u64,
    /// A random number of its own, part of each record's checksum.
    pub(crate) salt: u64,
    /// Its path.
    pub(crate) path: PathBuf,
}

/// A log file's header, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// See [`Segment::sequence`].
    pub sequence: u64,
    /// See [`Segment::capacity`].
    pub capacity: u64,
    /// See [`Segment::salt`].
    pub salt: u64,
}

/// Why a header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// It is not what was written.
    Damaged,
    /// It was written in this newer version of the format.
    Version(u32),
}

/// The name of the file with this sequence number.
pub(crate) fn name(sequence: u64) -> String {
    format!("{sequence:016x}.log")
}

/// The sequence number in a log file's name, if it is one.
pub(crate) fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Whether this is the name that a file has while it is being prepared: see [`Segment::prepare`].
pub(crate) fn is_unfinished(name: &str) -> bool {
    let numbers = name.strip_suffix(".new").and_then(|stem| stem.split_once('.'));
    let is_number = |digits: &str| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    numbers.is_some_and(|(sequence, salt)| is_number(sequence) && is_number(salt))
}

fn encode_header(header: Header) -> Vec<u8> {
    let mut fields = Vec::with_capacity(FIELDS_BYTES);
    put_u64(&mut fields, header.sequence);
    put_u64(&mut fields, header.capacity);
    put_u64(&mut fields, header.salt);
    fields.resize(FIELDS_BYTES, 0);
    let mut out = Vec::with_capacity(HEADER_BYTES as usize);
    KIND.put_head(VERSION, &fields, &mut out);
    out
}

/// Reads the header of a log file. Never panics, whatever the bytes.
pub fn decode_header(bytes: &[u8]) -> Result<Header, BadHeader> {
    let head = KIND.read_head(bytes).map_err(|bad| match bad {
        BadHead::Version(version) => BadHeader::Version(version),
        BadHead::Foreign | BadHead::Broken(_) => BadHeader::Damaged,
    })?;
    let mut reader = Reader::new(head.fields);
    let mut fields = || Some(Header { sequence: reader.u64()?, capacity: reader.u64()?, salt: reader.u64()? });
    let header = fields().filter(|_| head.bytes as u64 == HEADER_BYTES).ok_or(BadHeader::Damaged)?;
    let capacity = header.capacity;
    if capacity < HEADER_BYTES || capacity > u64::from(u32::MAX) || !capacity.is_multiple_of(ALIGNMENT as u64) {
        return Err(BadHeader::Damaged);
    }
    Ok(header)
}

impl Segment {
    /// Makes a file under a name of its own, with all its space reserved and zeroed, durable but for its name: see
    /// [`Segment::name_it`]. `StorageFull` if there is no room; nothing is left behind then.
    pub(crate) fn prepare(disk: &dyn Disk, directory: &Path, header: Header, zero: bool) -> io::Result<Self> {
        let path = directory.join(format!("{:016x}.{:016x}.new", header.sequence, header.salt));
        let file = disk.open(&path, OpenMode::CreateNew)?;
        let filled = file
            .reserve(header.capacity)
            .and_then(|()| if zero { write_zeroes(&*file, 0, header.capacity) } else { Ok(()) })
            .and_then(|()| file.write_at(&encode_header(header), 0))
            .and_then(|()| file.sync());
        if let Err(error) = filled {
            // Best effort: what stays is removed at the next start.
            let _ = disk.remove(&path);
            return Err(error);
        }
        let Header { sequence, capacity, salt } = header;
        Ok(Self { file, sequence, capacity, salt, path })
    }

    /// Gives a prepared file its name in the log, durably. On failure it is removed, so that its room is not missing at the
    /// next attempt.
    pub(crate) fn name_it(mut self, disk: &dyn Disk, directory: &Path) -> io::Result<Self> {
        let unnamed = std::mem::replace(&mut self.path, directory.join(name(self.sequence)));
        let named = disk.rename(&unnamed, &self.path).map_err(|error| (&unnamed, error));
        match named.and_then(|()| disk.sync_directory(directory).map_err(|error| (&self.path, error))) {
            Ok(()) => Ok(self),
            Err((present, error)) => {
                // Best effort: should it stay, the next start takes it for a prepared one or removes it.
                let _ = disk.remove(present);
                Err(error)
            }
        }
    }

    /// Where a record at `offset` is.
    pub(crate) fn place(&self, offset: u64) -> Place {
        Place { salt: self.salt, offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_changes_are_noticed() {
        let header = Header { sequence: 3, capacity: 1 << 20, salt: 99 };
        let bytes = encode_header(header);
        assert_eq!(bytes.len() as u64, HEADER_BYTES);
        assert_eq!(decode_header(&bytes), Ok(header));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_header(&changed), Err(BadHeader::Damaged), "bit {bit}");
        }
        assert_eq!(decode_header(&bytes[..63]), Err(BadHeader::Damaged));
    }

    #[test]
    fn a_newer_version_is_not_taken_for_damage() {
        let mut bytes = Vec::new();
        KIND.put_head(2, &[0; FIELDS_BYTES], &mut bytes);
        assert_eq!(decode_header(&bytes), Err(BadHeader::Version(2)));
    }

    #[test]
    fn names_carry_sequence_numbers() {
        assert_eq!(name(0x1f), "000000000000001f.log");
        assert_eq!(sequence_of("000000000000001f.log"), Some(0x1f));
        for other in ["1f.log", "000000000000001f.log.new", "00000000000000zz.log", "lock"] {
            assert_eq!(sequence_of(other), None);
        }
    }
}
