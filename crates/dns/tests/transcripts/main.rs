//! Transcripts: text files of a catalog, settings and questions, each question with its whole answer.
//!
//! Answers are taken apart by the `domain` crate, not by what wrote them. Every question starts with the same random numbers.
//!
//! `UPDATE=1 cargo test -p quorate-dns --test transcripts` writes the output into the files; read the diff.

mod machine;
mod print;

use std::path::Path;

use machine::Machine;

quorate_transcript::transcripts!(play: addresses, messages, names_as_addresses, nodes, services, settings, sizes, zone);

fn play(path: &Path) {
    let mut machine = Machine::default();
    // Only questions have an output.
    quorate_transcript::play(path, |line, _| machine.run(line));
}
