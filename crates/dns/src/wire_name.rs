//! Names as they stand in messages: labels with their lengths, and a zero at the end.

/// The longest name in bytes, RFC 1035.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// The longest label in bytes, RFC 1035.
const LABEL_BYTES_MAX: usize = 63;

/// A name as it stands in a message, on the stack.
#[derive(Clone)]
pub(crate) struct WireName {
    bytes: [u8; NAME_BYTES_MAX],
    length: usize,
}

impl WireName {
    /// No labels and no end yet.
    pub(crate) fn empty() -> Self {
        Self { bytes: [0; NAME_BYTES_MAX], length: 0 }
    }

    /// Its bytes, with the end.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds the labels of a text that is joined by dots; `None` if one can't be.
    pub(crate) fn labels(&mut self, text: &str) -> Option<&mut Self> {
        for label in text.split('.') {
            self.label(label.as_bytes())?;
        }
        Some(self)
    }

    /// Adds a label.
    pub(crate) fn label(&mut self, label: &[u8]) -> Option<&mut Self> {
        if label.is_empty() || label.len() > LABEL_BYTES_MAX {
            return None;
        }
        self.append(&[label.len() as u8])?.append(label)
    }

    /// Adds bytes as they are.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Option<&mut Self> {
        self.bytes.get_mut(self.length..self.length + bytes.len())?.copy_from_slice(bytes);
        self.length += bytes.len();
        Some(self)
    }
}

/// The name of a text, joined by dots, as it stands in a message; `None` for one that DNS can't carry.
pub(crate) fn wire_of_text(text: &str) -> Option<Vec<u8>> {
    let mut name = WireName::empty();
    name.labels(text)?.append(&[0])?;
    Some(name.as_bytes().to_vec())
}
