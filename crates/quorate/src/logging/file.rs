//! The log file: replaced by a new one when it is large or old enough.
//!
//! As with Consul, each file has the time of its beginning in its name, `consul-1700000000000000000.log`, in nanoseconds
//! since 1970; the newest is written to. A line that can't be written is lost: the log goes on on standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_base::WallClock as _;
use quorate_base::host::RealWallClock;

use super::queue::Place;
use crate::config::settings::LogFileSettings;

/// A log file.
pub(super) struct LogFile {
    settings: LogFileSettings,
    file: File,
    /// When it was begun, in nanoseconds since 1970.
    begun_ns: u64,
    bytes: u64,
}

impl LogFile {
    /// Begins a file, and removes old ones past their number.
    pub(super) fn open(settings: LogFileSettings, now: Duration) -> io::Result<Self> {
        prune(&settings)?;
        let begun_ns = nanoseconds(now);
        let file = create(&settings.path, begun_ns)?;
        Ok(Self { settings, file, begun_ns, bytes: 0 })
    }

    /// Writes a line, to a new file if it is time for one.
    fn write_line(&mut self, line: &[u8], now: Duration) -> io::Result<()> {
        let is_full = self.settings.bytes_max > 0 && self.bytes >= self.settings.bytes_max;
        let age = Duration::from_nanos(nanoseconds(now).saturating_sub(self.begun_ns));
        if is_full || age >= self.settings.age_max {
            prune(&self.settings)?;
            // The clock may tell the same time twice, or go back; names must not.
            self.begun_ns = nanoseconds(now).max(self.begun_ns + 1);
            self.file = create(&self.settings.path, self.begun_ns)?;
            self.bytes = 0;
        }
        self.bytes += line.len() as u64;
        self.file.write_all(line)
    }
}

impl Place for LogFile {
    fn write(&mut self, lines: &[u8]) -> u64 {
        let now = Duration::from_millis(RealWallClock.now_ms());
        let lines = lines.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| u64::from(self.write_line(line, now).is_err())).sum()
    }
}

fn nanoseconds(since_1970: Duration) -> u64 {
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

/// What stands before and behind the time in the names of the files.
fn name_parts(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or("log".into(), |extension| extension.to_string_lossy());
    (format!("{stem}-"), format!(".{extension}"))
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create(path: &Path, begun_ns: u64) -> io::Result<File> {
    let (before, behind) = name_parts(path);
    let name = format!("{before}{begun_ns}{behind}");
    // The group may read it, as with Consul; nobody else, since lines can tell what clients do.
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o640).open(directory(path).join(name))
}

/// Removes the oldest files past the number that is kept.
fn prune(settings: &LogFileSettings) -> io::Result<()> {
    if settings.files_max == 0 {
        return Ok(());
    }
    let (before, behind) = name_parts(&settings.path);
    let mut old: Vec<(u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(directory(&settings.path))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let time = name.strip_prefix(&before).and_then(|rest| rest.strip_suffix(&behind));
        if let Some(time) = time.and_then(|time| time.parse().ok()) {
            old.push((time, entry.path()));
        }
    }
    old.sort();
    let kept = usize::try_from(settings.files_max).unwrap_or(0);
    for (_, path) in old.iter().take(old.len().saturating_sub(kept)) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_by_size_and_age_and_only_so_many_are_kept() {
        let directory = std::env::temp_dir().join(format!("quorate-log-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let settings = LogFileSettings {
            path: directory.join("agent.txt"),
            bytes_max: 10,
            age_max: Duration::from_secs(60),
            files_max: 2,
        };
        let second = Duration::from_secs(1);
        let mut log = LogFile::open(settings, second).unwrap();
        let names = || {
            let names = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        log.write_line(b"0123456789\n", second).unwrap();
        assert_eq!(names(), ["agent-1000000000.txt"]);
        // The size is reached: the next line begins another file, even within the same nanosecond.
        log.write_line(b"b\n", second).unwrap();
        log.write_line(b"c\n", 30 * second).unwrap();
        assert_eq!(names(), ["agent-1000000000.txt", "agent-1000000001.txt"]);
        // A minute is over.
        log.write_line(b"d\n", 62 * second).unwrap();
        log.write_line(b"e\n", 200 * second).unwrap();
        assert_eq!(names(), ["agent-1000000001.txt", "agent-200000000000.txt", "agent-62000000000.txt"]);
        assert_eq!(std::fs::read_to_string(directory.join("agent-1000000001.txt")).unwrap(), "b\nc\n");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
