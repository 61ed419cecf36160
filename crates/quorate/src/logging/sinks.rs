//! Where lines go: standard output, and a file and syslog if they are asked for.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_base::WallClock as _;
use quorate_base::host::RealWallClock;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::file::LogFile;
use super::syslog::Syslog;
use crate::config::settings::LogSettings;

/// All places that lines go to. Clones share them.
#[derive(Clone)]
pub(super) struct Sinks {
    file: Option<Arc<Mutex<LogFile>>>,
    syslog: Option<Arc<Syslog>>,
}

impl Sinks {
    /// Opens what the settings ask for.
    pub(super) fn open(settings: &LogSettings) -> Result<Self, String> {
        let file = settings.file.clone().map(|file| {
            let path = file.path.display().to_string();
            LogFile::open(file, now()).map_err(|error| format!("log file {path}: {error}"))
        });
        let syslog = settings.syslog.map(|facility| {
            Syslog::connect(facility).map_err(|error| format!("syslog can't be reached at /dev/log: {error}"))
        });
        Ok(Self { file: file.transpose()?.map(Mutex::new).map(Arc::new), syslog: syslog.transpose()?.map(Arc::new) })
    }
}

fn now() -> Duration {
    Duration::from_millis(RealWallClock.now_ms())
}

/// Writes one line of a level.
pub(super) struct Line<'a> {
    sinks: &'a Sinks,
    level: Level,
}

impl<'a> MakeWriter<'a> for Sinks {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { sinks: self, level: Level::INFO }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line { sinks: self, level: *metadata.level() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(file) = &self.sinks.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // The line is on standard output, too; a full disk must not end the log there.
            let _ = file.write(line, now());
        }
        if let Some(syslog) = &self.sinks.syslog {
            syslog.write(self.level, line);
        }
        io::stdout().write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
