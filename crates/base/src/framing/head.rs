//! How a file begins, in every version of its format:
//!
//! ```text
//! magic    8 bytes
//! version  u32 LE
//! frame              the file's fields; its context are the 12 bytes before it
//! ```
//! The version decides what the fields and everything after them mean. It counts once the frame proves it: damage never
//! passes for a newer version.

use super::{Broken, FRAME_HEAD_BYTES, Framing};

/// Magic and version.
pub const PREFIX_BYTES: usize = 12;

/// What a file of one kind begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// Its first bytes.
    pub magic: [u8; 8],
    /// The newest version that this program reads. The first is 1.
    pub newest_version: u32,
    /// The longest fields that are believed.
    pub fields_bytes_max: usize,
}

/// The head of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The version of the file.
    pub version: u32,
    /// What is in the head.
    pub fields: &'a [u8],
    /// What it takes.
    pub bytes: usize,
    /// The checksum over it.
    pub checksum: u32,
}

/// Why a head can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// It is of something else.
    #[error("it does not begin with its mark")]
    Foreign,
    /// It was written in a version that this program does not read.
    #[error("it is of version {0}")]
    Version(u32),
    /// It is not what was written.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl FileKind {
    /// What a head with fields of this length takes.
    pub const fn head_bytes(fields_bytes: usize) -> usize {
        PREFIX_BYTES + FRAME_HEAD_BYTES + fields_bytes
    }

    fn framing(&self, prefix: &[u8]) -> Framing {
        Framing::new(self.fields_bytes_max).in_context(prefix)
    }

    /// Appends a head to `out`; gives its checksum.
    ///
    /// # Panics
    /// If the fields are longer than the bound.
    pub fn put_head(&self, version: u32, fields: &[u8], out: &mut Vec<u8>) -> u32 {
        let start = out.len();
        out.extend_from_slice(&self.magic);
        out.extend_from_slice(&version.to_le_bytes());
        let framing = self.framing(&out[start..]);
        framing.put(fields, out)
    }

    /// What the head takes at the front of `bytes`, if there are enough of them to tell.
    pub fn announced_bytes(&self, bytes: &[u8]) -> Result<usize, BadHead> {
        if !self.magic.starts_with(&bytes[..bytes.len().min(self.magic.len())]) {
            return Err(BadHead::Foreign);
        }
        let (_, frame) = bytes.split_at_checked(PREFIX_BYTES).ok_or(Broken::Torn)?;
        let frame_head = frame.first_chunk().ok_or(Broken::Torn)?;
        Ok(PREFIX_BYTES + Framing::new(self.fields_bytes_max).announced_bytes(frame_head)?)
    }

    /// Reads the head at the front of `bytes`.
    pub fn read_head<'a>(&self, bytes: &'a [u8]) -> Result<Head<'a>, BadHead> {
        self.announced_bytes(bytes)?;
        let (prefix, frame) = bytes.split_at_checked(PREFIX_BYTES).ok_or(Broken::Torn)?;
        let frame = self.framing(prefix).read(frame)?;
        let [.., a, b, c, d] = *prefix else { return Err(Broken::Torn.into()) };
        let version = u32::from_le_bytes([a, b, c, d]);
        if version == 0 || version > self.newest_version {
            return Err(BadHead::Version(version));
        }
        Ok(Head { version, fields: frame.payload, bytes: PREFIX_BYTES + frame.bytes, checksum: frame.checksum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: FileKind = FileKind { magic: *b"A-TEST\r\n", newest_version: 2, fields_bytes_max: 50 };

    fn head(version: u32) -> Vec<u8> {
        let mut out = Vec::new();
        KIND.put_head(version, b"fields", &mut out);
        out
    }

    #[test]
    fn a_head_comes_back_and_its_reader_sees_the_version() {
        for version in [1, 2] {
            let bytes = head(version);
            let read = KIND.read_head(&bytes).unwrap();
            assert_eq!((read.version, read.fields, read.bytes), (version, &b"fields"[..], bytes.len()));
            assert_eq!(bytes.len(), FileKind::head_bytes(6));
        }
        assert_eq!(KIND.read_head(&head(3)), Err(BadHead::Version(3)));
        assert_eq!(KIND.read_head(&head(0)), Err(BadHead::Version(0)));
    }

    #[test]
    fn no_damage_passes_for_a_version() {
        let bytes = head(1);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = KIND.read_head(&changed).unwrap_err();
            assert!(!matches!(error, BadHead::Version(_)), "bit {bit}: {error}");
        }
        for length in 0..bytes.len() {
            assert_eq!(KIND.read_head(&bytes[..length]), Err(Broken::Torn.into()));
        }
        assert_eq!(KIND.read_head(b"B"), Err(BadHead::Foreign));
    }
}
