//! Standard output as a place of the log.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

use super::queue::Place;

/// Standard output, past the buffer and the lock of the standard library: a write that stalls holds up nobody else.
pub(super) struct Stdout(File);

impl Stdout {
    /// The standard output of the process.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self(io::stdout().as_fd().try_clone_to_owned()?.into()))
    }
}

impl Place for Stdout {
    fn write(&mut self, lines: &[u8]) -> u64 {
        let failed = self.0.write_all(lines).is_err();
        // How far it came is not known.
        if failed { lines.iter().filter(|byte| **byte == b'\n').count() as u64 } else { 0 }
    }
}
