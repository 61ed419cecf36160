//! Answers that are kept for the next asker, for as long as nothing that they depend on has changed.
//!
//! Each kept answer has a watch on its topics. As long as the watch is quiet the answer is that of this moment, and it
//! takes one look-up to know so, however large the answer is. What was not asked for since the last time the table was
//! half full is forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::asked::Asked;
use crate::question::Indexed;
use crate::watch::Watch;

/// How much memory an entry of an answer counts for: its place in the list, and a part of what it keeps alive after the
/// state has let go of it.
const ENTRY_BYTES: usize = 96;
/// How much an answer counts for in addition to its entries: question, watch and table.
const ANSWER_BYTES: usize = 512;

/// The table of kept answers.
pub(crate) struct Kept {
    bytes_max: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Asked, Entry>,
    young_bytes: usize,
    old: HashMap<Asked, Entry>,
}

struct Entry {
    answer: Arc<Indexed>,
    watch: Watch,
}

impl Entry {
    fn weight(&self) -> usize {
        weight(&self.answer)
    }
}

fn weight(answer: &Indexed) -> usize {
    ANSWER_BYTES + answer.answer.entries() * ENTRY_BYTES
}

impl Kept {
    /// A table of at most about so many bytes; with 0 it keeps nothing.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, generations: Mutex::default() }
    }

    /// The kept answer to a question, if nothing has touched it.
    pub(crate) fn get(&self, asked: &Asked) -> Option<Arc<Indexed>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = generations.young.get(asked) {
            if entry.watch.is_quiet() {
                return Some(entry.answer.clone());
            }
            let weight = entry.weight();
            generations.young.remove(asked);
            generations.young_bytes -= weight;
            return None;
        }
        let (asked, entry) = generations.old.remove_entry(asked)?;
        if !entry.watch.is_quiet() {
            return None;
        }
        let answer = entry.answer.clone();
        self.insert(&mut generations, asked, entry);
        Some(answer)
    }

    /// Keeps an answer, unless it was touched since `watch` was begun, which was before it was made. Whether it is kept.
    pub(crate) fn keep(&self, asked: Asked, answer: Arc<Indexed>, watch: Watch) -> bool {
        // One that alone fills a generation would push out all others.
        let is_kept = weight(&answer) < self.bytes_max / 4 && watch.is_quiet();
        if is_kept {
            let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
            self.insert(&mut generations, asked, Entry { answer, watch });
        }
        is_kept
    }

    fn insert(&self, generations: &mut Generations, asked: Asked, entry: Entry) {
        generations.young_bytes += entry.weight();
        if let Some(before) = generations.young.insert(asked, entry) {
            generations.young_bytes -= before.weight();
        }
        if generations.young_bytes > self.bytes_max / 2 {
            generations.old = std::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use quorate_state::{Changes, Topic};

    use super::*;
    use crate::question::{Answer, Question};
    use crate::request::Caller;
    use crate::watch::WatchTable;

    fn asked(prefix: &str) -> Asked {
        Asked { caller: Caller::anonymous(), question: Question::Keys(prefix.into()) }
    }

    fn answer() -> Arc<Indexed> {
        Arc::new(Indexed { index: 1, answer: Answer::Keys(Vec::new()) })
    }

    #[test]
    fn an_answer_is_kept_until_it_is_touched() {
        let (table, kept) = (WatchTable::new(10), Kept::new(1 << 20));
        let keep = |prefix: &str| {
            let watch = table.register(&[Topic::KeysUnder(prefix.into())]).unwrap();
            kept.keep(asked(prefix), answer(), watch);
        };
        keep("a/");
        keep("b/");
        assert!(kept.get(&asked("a/")).is_some() && kept.get(&asked("b/")).is_some());
        let token = Asked { caller: Caller::with_token("secret"), ..asked("a/") };
        assert!(kept.get(&token).is_none(), "answers never cross callers");
        table.wake(&Changes::of([Topic::Key("a/1".into())]));
        assert!(kept.get(&asked("a/")).is_none() && kept.get(&asked("b/")).is_some());
        assert_eq!(table.count(), 1, "the watch of a forgotten answer is gone");
    }

    #[test]
    fn the_bound_holds_and_what_is_asked_for_stays() {
        const ANSWERS: usize = 40;
        let (table, kept) = (WatchTable::new(10_000), Kept::new(ANSWERS * ANSWER_BYTES));
        let keep = |prefix: &str| {
            kept.keep(asked(prefix), answer(), table.register(&[Topic::KeysUnder(prefix.into())]).unwrap());
        };
        keep("hot");
        for number in 0..1_000 {
            keep(&number.to_string());
            assert!(kept.get(&asked("hot")).is_some(), "{number}");
            assert!(table.count() <= ANSWERS + 2, "{number}: {}", table.count());
        }
        assert!(kept.get(&asked("0")).is_none());
    }

    #[test]
    fn nothing_is_kept_with_a_bound_of_nothing() {
        let (table, kept) = (WatchTable::new(10), Kept::new(0));
        kept.keep(asked("a"), answer(), table.register(&[Topic::Nodes]).unwrap());
        assert!(kept.get(&asked("a")).is_none() && table.count() == 0);
    }
}
