//! Transcripts: text files of commands, each with the whole output it brings.
//!
//! A command that changes the state prints its answer, the index if it rose, and the topics it touched. After each command
//! the state is taken apart into records and built again, and both must be equal.
//!
//! `UPDATE=1 cargo test -p quorate-state --test transcripts` writes the output into the files; read the diff.

mod arguments;
mod machine;
mod print;

use std::path::Path;

use machine::Machine;

quorate_transcript::transcripts!(
    play: addresses,
    catalog,
    health,
    indices,
    keys,
    lock_delay,
    locks,
    nodes,
    restore,
    sessions,
    tombstones,
    txn,
    txn_catalog,
);

fn play(path: &Path) {
    let mut machine = Machine::default();
    quorate_transcript::play(path, |line, more| Some(machine.run(line, more)));
}
