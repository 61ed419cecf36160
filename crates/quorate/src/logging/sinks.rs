//! Where lines go: standard output, and a file and syslog if they are asked for.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quorate_base::WallClock as _;
use quorate_base::host::RealWallClock;
use tracing::Level;

use super::file::LogFile;
use super::syslog::Syslog;
use crate::config::settings::LogSettings;

/// All places that lines go to.
pub(super) struct Sinks {
    file: Option<Mutex<LogFile>>,
    syslog: Option<Syslog>,
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
        Ok(Self { file: file.transpose()?.map(Mutex::new), syslog: syslog.transpose()? })
    }
}

fn now() -> Duration {
    Duration::from_millis(RealWallClock.now_ms())
}

impl Sinks {
    /// Writes a line of a level. What one place does not take goes to the others all the same: a full disk, or a reader of
    /// standard output that has left, must not end the log.
    pub(super) fn write(&self, level: Level, line: &[u8]) {
        if let Some(file) = &self.file {
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write(line, now());
        }
        if let Some(syslog) = &self.syslog {
            syslog.write(level, line);
        }
        let _ = io::stdout().write_all(line);
    }
}
