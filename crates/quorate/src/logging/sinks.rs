//! Where lines go: standard output, and a file and syslog if they are asked for.
//!
//! Each has a queue or, as syslog, never waits: what one place does not take goes to the others all the same, and to log holds
//! up nobody.

use std::time::Duration;

use quorate_base::WallClock as _;
use quorate_base::host::RealWallClock;
use tracing::Level;

use super::file::LogFile;
use super::lost::Lost;
use super::lost_lines;
use super::queue::Queue;
use super::stdout::Stdout;
use super::syslog::Syslog;
use crate::config::settings::LogSettings;

/// How long the end of the process waits for each place to take the last lines.
const FLUSH_WAIT: Duration = Duration::from_secs(1);

/// All places that lines go to.
pub(super) struct Sinks {
    /// Of standard output, and of the file if there is one.
    queues: Vec<Queue>,
    syslog: Option<Syslog>,
}

impl Sinks {
    /// Opens what the settings ask for.
    pub(super) fn open(settings: &LogSettings, lost: &Lost) -> Result<Self, String> {
        let is_json = settings.is_json;
        let say_lost = move |count| lost_lines(count, is_json);
        let failed = |place: String| move |error: std::io::Error| format!("{place}: {error}");
        let stdout = Stdout::open().and_then(|stdout| Queue::start("log-stdout", stdout, lost.clone(), say_lost));
        let mut queues = vec![stdout.map_err(failed("standard output".to_owned()))?];
        if let Some(file) = settings.file.clone() {
            let place = format!("log file {}", file.path.display());
            let file = LogFile::open(file, Duration::from_millis(RealWallClock.now_ms()));
            let queue = file.and_then(|file| Queue::start("log-file", file, lost.clone(), say_lost));
            queues.push(queue.map_err(failed(place))?);
        }
        let syslog = settings.syslog.map(|facility| {
            Syslog::connect(facility, lost.clone())
                .map_err(|error| format!("syslog can't be reached at /dev/log: {error}"))
        });
        Ok(Self { queues, syslog: syslog.transpose()? })
    }

    /// Writes a line of a level.
    pub(super) fn write(&self, level: Level, line: &[u8]) {
        for queue in &self.queues {
            queue.put(line);
        }
        if let Some(syslog) = &self.syslog {
            syslog.write(level, line);
        }
    }

    /// Waits until all lines are written, but not for ever.
    pub(super) fn flush(&self) {
        for queue in &self.queues {
            queue.flush(FLUSH_WAIT);
        }
    }
}
