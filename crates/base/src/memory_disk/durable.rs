//! What of a disk survives a crash: what was synced, and of the rest any part in any order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::faults::Dice;
use super::lock;
use super::pages::Pages;

/// The durable side of a file, shared by the names that it has.
pub(super) type SharedCopy = Arc<Mutex<DurableCopy>>;

/// What is durable of a file, and what is written since.
#[derive(Default)]
pub(super) struct DurableCopy {
    content: Pages,
    unsynced: Vec<Change>,
}

/// A change of content since the last sync.
pub(super) enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

impl DurableCopy {
    pub(super) fn of(content: Pages) -> SharedCopy {
        Arc::new(Mutex::new(Self { content, unsynced: Vec::new() }))
    }

    pub(super) fn note(&mut self, change: Change) {
        self.unsynced.push(change);
    }

    /// Makes all changes durable, in their order.
    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Write { offset, bytes } => self.content.write(&bytes, offset),
                Change::Length(length) => self.content.set_length(length),
            }
        }
    }

    /// Any subset of the changes becomes durable, in any order and torn at any byte; the others are lost for good.
    pub(super) fn tear(&mut self, dice: &mut Dice) {
        while !self.unsynced.is_empty() {
            let next = dice.below(self.unsynced.len());
            match self.unsynced.swap_remove(next) {
                Change::Length(length) if dice.below(2) == 0 => self.content.set_length(length),
                Change::Length(_) => {}
                Change::Write { offset, bytes } => {
                    let (from, to) = match dice.below(4) {
                        0 => continue,
                        1 => (0, bytes.len()),
                        _ => {
                            let from = dice.below(bytes.len() + 1);
                            (from, from + dice.below(bytes.len() - from + 1))
                        }
                    };
                    // A part of no length makes no file longer.
                    if from < to {
                        self.content.write(&bytes[from..to], offset + from as u64);
                    }
                }
            }
        }
    }

    pub(super) fn forget_unsynced(&mut self) {
        self.unsynced.clear();
    }

    pub(super) fn content(&self) -> Pages {
        self.content.clone()
    }
}

/// The names of a disk that can crash.
#[derive(Default)]
pub(super) struct DurableNames {
    pub(super) names: BTreeMap<PathBuf, SharedCopy>,
    /// Changed since their directory was last synced, in order.
    unsynced: Vec<NameChange>,
}

/// A change of a name, made as a whole or not at all.
pub(super) struct NameChange {
    pub(super) path: PathBuf,
    pub(super) to: Option<SharedCopy>,
    /// The other half of a rename.
    pub(super) from: Option<PathBuf>,
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, SharedCopy>) {
        match self.to {
            Some(file) => names.insert(self.path, file),
            None => names.remove(&self.path),
        };
        if let Some(from) = self.from {
            names.remove(&from);
        }
    }
}

impl DurableNames {
    pub(super) fn note(&mut self, change: NameChange) {
        self.unsynced.push(change);
    }

    /// Makes the names of a directory durable.
    pub(super) fn sync(&mut self, directory: &Path) {
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unsynced).into_iter().partition(|change| change.path.parent() == Some(directory));
        self.unsynced = elsewhere;
        here.into_iter().for_each(|change| change.apply(&mut self.names));
    }

    /// What names and contents a crash leaves.
    pub(super) fn crash(&mut self, dice: &mut Dice, lies: bool) -> BTreeMap<PathBuf, Pages> {
        for change in std::mem::take(&mut self.unsynced) {
            if !lies && dice.below(2) == 0 {
                change.apply(&mut self.names);
            }
        }
        let left = self.names.iter().map(|(path, file)| {
            let mut file = lock(file);
            if lies {
                file.forget_unsynced();
            }
            file.tear(dice);
            (path.clone(), file.content())
        });
        left.collect()
    }
}
