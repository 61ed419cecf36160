//! The content of one file, of which only pages that hold something take memory.

use std::collections::BTreeMap;

/// The unit in which memory is taken. Small enough that a short file wastes little.
pub(super) const PAGE_BYTES: usize = 16 << 10;

/// A file's bytes.
#[derive(Clone, Default)]
pub(super) struct Pages {
    length: u64,
    /// By number; one that was never written with anything but zeroes is absent.
    pages: BTreeMap<u64, Box<[u8]>>,
}

/// The parts of `[offset, offset + length)` page by page: page number, start within it, length.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = offset;
    let end = offset + length as u64;
    std::iter::from_fn(move || {
        if at == end {
            return None;
        }
        let within = (at % PAGE_BYTES as u64) as usize;
        let length = (end - at).min((PAGE_BYTES - within) as u64) as usize;
        let part = (at / PAGE_BYTES as u64, within, length);
        at += length as u64;
        Some(part)
    })
}

impl Pages {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Cuts or grows (with zeroes).
    pub(super) fn set_length(&mut self, length: u64) {
        if length < self.length {
            self.pages.split_off(&length.div_ceil(PAGE_BYTES as u64));
            let within = (length % PAGE_BYTES as u64) as usize;
            if let Some(page) = self.pages.get_mut(&(length / PAGE_BYTES as u64)) {
                page[within..].fill(0);
            }
        }
        self.length = length;
    }

    /// Reads up to `buffer.len()` bytes; gives how many there are.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let available = self.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut done = 0;
        for (number, within, length) in parts(offset, available) {
            let target = &mut buffer[done..done + length];
            match self.pages.get(&number) {
                Some(page) => target.copy_from_slice(&page[within..within + length]),
                None => target.fill(0),
            }
            done += length;
        }
        available
    }

    /// Writes, and grows if needed.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        self.length = self.length.max(offset + bytes.len() as u64);
        let mut done = 0;
        for (number, within, length) in parts(offset, bytes.len()) {
            let source = &bytes[done..done + length];
            done += length;
            if !self.pages.contains_key(&number) && source.iter().all(|byte| *byte == 0) {
                continue;
            }
            let page = self.pages.entry(number).or_insert_with(|| vec![0; PAGE_BYTES].into_boxed_slice());
            page[within..within + length].copy_from_slice(source);
        }
    }

    /// All of it.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length as usize];
        self.read(&mut bytes, 0);
        bytes
    }
}

impl From<&[u8]> for Pages {
    fn from(bytes: &[u8]) -> Self {
        let mut pages = Self::default();
        pages.write(bytes, 0);
        pages
    }
}
