//! Transcripts: text files of commands to the machine, each with the whole output it brings.
//!
//! Indented lines are JSON as requests and files give it. The output is the answer, the effects in their order, and the
//! next deadline if it is another one. A catalog in memory takes what `sync` tells it.
//!
//! `UPDATE=1 cargo test -p quorate-agent --test transcripts` writes the output into the files; read the diff.

mod machine;

use std::path::Path;

use machine::Stage;

quorate_transcript::transcripts!(
    play: aliases,
    files,
    give_up,
    maintenance,
    outputs,
    registering,
    runs,
    scripts,
    sync,
    thresholds,
    ttl,
    turns,
);

fn play(path: &Path) {
    let mut stage = Stage::default();
    quorate_transcript::play(path, |line, more| Some(stage.run(line, &more.concat())));
}
