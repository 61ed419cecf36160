//! Transcripts: text files of commands, each with the whole output it brings.
//!
//! A block is one command, indented lines that belong to it, a line of dashes and the output up to an empty line. A
//! command that changes the state prints its answer, the index if it rose, and the topics it touched. After each command
//! the state is taken apart into records and built again, and both must be equal.
//!
//! `UPDATE=1 cargo test -p quorate-state --test transcripts` writes the output into the files; read the diff.

mod arguments;
mod machine;
mod print;

use std::fmt::Write;
use std::path::Path;

use machine::Machine;

const DASHES: &str = "----";

macro_rules! transcripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                run(concat!(stringify!($name), ".txt"));
            }
        )*

        /// A file without a test would be a transcript that nobody reads.
        #[test]
        fn every_file_has_its_test() {
            let mut files: Vec<String> = std::fs::read_dir(folder())
                .expect("the folder of transcripts")
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| name.ends_with(".txt"))
                .collect();
            files.sort();
            let mut tests = vec![$(concat!(stringify!($name), ".txt")),*];
            tests.sort();
            assert_eq!(files, tests);
        }
    };
}

transcripts!(
    addresses,
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
    txn_catalog
);

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn run(name: &str) {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).expect("a transcript");
    let mut machine = Machine::default();
    let mut actual = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let _infallible = writeln!(actual, "{line}");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut more = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with(' ')) {
            let _infallible = writeln!(actual, "{line}");
            more.push(line);
        }
        let output = machine.run(line, &more);
        let _infallible = write!(actual, "{DASHES}\n{output}");
        if lines.next_if(|line| *line == DASHES).is_some() {
            while lines.next_if(|line| !line.is_empty()).is_some() {}
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, actual).expect("the transcript can be written");
        return;
    }
    if let Some((number, (expected, found))) =
        text.lines().zip(actual.lines()).enumerate().find(|(_, (expected, found))| expected != found)
    {
        panic!("{name}:{}: expected {expected:?}, found {found:?}\n\n{actual}", number + 1);
    }
    assert_eq!(text.lines().count(), actual.lines().count(), "{name}: the output ends elsewhere\n\n{actual}");
}
