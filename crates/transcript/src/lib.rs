//! Tests that are text files: what went in, and beside it all that came out.
//!
//! [`settle`] compares a file with what it should say now. With `UPDATE=1` in the environment it writes the file instead,
//! and the change is read as a diff. Every such file of the workspace goes through it, whatever its form.
//!
//! [`play`] is the form of most: blocks of one command, indented lines that belong to it, and if the command has an output,
//! a line of dashes and the output up to an empty line. Lines that begin with `#` are comments. [`transcripts`] makes a test
//! of each file of a folder.
//!
//! [`frozen`] is for files in a format that people's disks hold: such a fixture is written once and then read for ever.

use std::path::{Path, PathBuf};

const DASHES: &str = "----";

/// The folder `tests/transcripts` of the crate with this manifest, where the files of [`transcripts`] are.
pub fn folder(manifest_dir: &str) -> PathBuf {
    Path::new(manifest_dir).join("tests/transcripts")
}

/// Compares a file with what it should say, or writes it if `UPDATE` is set.
///
/// # Panics
/// If they differ; the message names the first line that does, and has the new text whole.
pub fn settle(path: &Path, now: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, now).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let before = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if let Some(difference) = difference(&before, now) {
        panic!("{}:{difference}\n(UPDATE=1 writes what is found)\n\n{now}", path.display());
    }
}

/// Where a crate keeps the files of one version of its formats: what that version's own code wrote.
pub fn fixtures(manifest_dir: &str, version: u32) -> PathBuf {
    Path::new(manifest_dir).join(format!("fixtures/v{version}"))
}

/// Compares what is written now with a file that is never written again: people's disks hold the like.
///
/// With `FREEZE=1` in the environment, a file that is not there is written: that is how the fixtures of a new format come to
/// be. One that is there is never overwritten.
///
/// # Panics
/// If they differ, or there is no file.
pub fn frozen(path: &Path, now: &[u8]) {
    if !path.exists() && std::env::var_os("FREEZE").is_some() {
        let folder = path.parent().unwrap_or(path);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, now));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let frozen = std::fs::read(path)
        .unwrap_or_else(|error| panic!("{}: {error} (FREEZE=1 writes files that are missing)", path.display()));
    if let Some(at) = first_difference(&frozen, now) {
        panic!(
            "{}: what is written differs from byte {at} on, so it could not be read by those who read this; a change of the \
             format is a new version with fixtures of its own",
            path.display()
        );
    }
}

fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    (same < one.len().max(other.len())).then_some(same)
}

/// The names and contents of a folder's files, in order.
pub fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let unreadable = |error| -> ! { panic!("{}: {error}", folder.display()) };
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| unreadable(error));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let entry = entry.unwrap_or_else(|error| unreadable(error));
            let bytes = std::fs::read(entry.path()).unwrap_or_else(|error| unreadable(error));
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    files.sort();
    files
}

/// The first line in which two texts differ, and how.
fn difference(before: &str, now: &str) -> Option<String> {
    if before == now {
        return None;
    }
    let mut lines = before.lines().zip(now.lines()).enumerate();
    Some(match lines.find(|(_, (expected, found))| expected != found) {
        Some((number, (expected, found))) => format!("{}: expected {expected:?}, found {found:?}", number + 1),
        None => format!(" expected {} lines and found {}", before.lines().count(), now.lines().count()),
    })
}

/// Runs the commands of a transcript and settles what it says.
///
/// `run` is given a command and the lines that belong to it, without their indentation's line ends, and returns the output,
/// each line ended; `None` for a command that has none.
pub fn play(path: &Path, run: impl FnMut(&str, &[&str]) -> Option<String>) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    settle(path, &replay(&text, run));
}

fn replay(text: &str, mut run: impl FnMut(&str, &[&str]) -> Option<String>) -> String {
    let mut now = String::new();
    let mut say = |line: &str| {
        now.push_str(line);
        now.push('\n');
    };
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        say(line);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut more = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with(' ')) {
            say(line);
            more.push(line);
        }
        let Some(output) = run(line, &more) else { continue };
        say(DASHES);
        output.lines().for_each(&mut say);
        // What it said before.
        if lines.next_if(|line| *line == DASHES).is_some() {
            while lines.next_if(|line| !line.is_empty()).is_some() {}
        }
    }
    now
}

/// The files of a folder of transcripts, in order.
pub fn files(folder: &Path) -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".txt"))
        .collect();
    files.sort();
    files
}

/// `transcripts!(play: first, second)` makes a test of `tests/transcripts/first.txt` and of `second.txt`, which calls `play` with its
/// path, and one that fails if there is a file that is not named.
#[macro_export]
macro_rules! transcripts {
    ($play:path: $($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                $play(&$crate::folder(env!("CARGO_MANIFEST_DIR")).join(concat!(stringify!($name), ".txt")));
            }
        )*

        /// A file without a test would be a transcript that nobody reads.
        #[test]
        fn every_file_has_its_test() {
            let mut tests = vec![$(concat!(stringify!($name), ".txt")),*];
            tests.sort_unstable();
            assert_eq!($crate::files(&$crate::folder(env!("CARGO_MANIFEST_DIR"))), tests);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::{difference, first_difference, replay};

    fn run(line: &str, more: &[&str]) -> Option<String> {
        match line {
            "quiet" => None,
            "add" => Some(format!("{}\n", more.iter().map(|line| line.trim().parse::<u32>().unwrap()).sum::<u32>())),
            _ => Some(String::new()),
        }
    }

    #[test]
    fn output_stands_below_its_command() {
        let text = "# a comment\nquiet\nadd\n  1\n  2\n";
        let played = "# a comment\nquiet\nadd\n  1\n  2\n----\n3\n";
        assert_eq!(replay(text, run), played);
        assert_eq!(replay(played, run), played);
    }

    #[test]
    fn output_that_was_wrong_is_replaced() {
        assert_eq!(
            replay("add\n  1\n----\n2\n3\n\nnothing\n----\nsome\n", run),
            "add\n  1\n----\n1\n\nnothing\n----\n"
        );
    }

    #[test]
    fn bytes_differ_where_one_ends_as_well() {
        assert_eq!(first_difference(b"abc", b"abc"), None);
        assert_eq!(first_difference(b"abc", b"abd"), Some(2));
        assert_eq!(first_difference(b"abc", b"ab"), Some(2));
        assert_eq!(first_difference(b"", b"a"), Some(0));
    }

    #[test]
    fn a_difference_is_found_wherever_it_is() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n"), Some("2: expected \"b\", found \"c\"".to_owned()));
        assert_eq!(difference("a\nb\n", "a\n"), Some(" expected 2 lines and found 1".to_owned()));
    }
}
