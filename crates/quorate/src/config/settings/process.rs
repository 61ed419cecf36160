//! The process: what it logs and where to, how it leaves, where it sends measurements.

use std::path::PathBuf;
use std::time::Duration;

use quorate_base::duration::GoDuration;

use super::{ConfigError, Resolver};

/// How the process lives with its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessSettings {
    /// The file that its id is written to.
    pub(crate) pid_file: Option<PathBuf>,
    /// Whether SIGTERM makes it leave the cluster before it stops; not by default for a server.
    pub(crate) leave_on_terminate: bool,
    /// Whether SIGINT makes it stop without leaving; so by default for a server.
    pub(crate) skip_leave_on_interrupt: bool,
    /// Where measurements are sent.
    pub(crate) telemetry: TelemetrySettings,
}

/// What is logged, and where to beside standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// The least important level that is logged.
    pub(crate) level: tracing::Level,
    /// Whether each line is a JSON object.
    pub(crate) is_json: bool,
    /// The file it is also written to.
    pub(crate) file: Option<LogFileSettings>,
    /// The facility of syslog that it is also sent to.
    pub(crate) syslog: Option<SyslogFacility>,
}

/// A log file that is replaced by a new one now and then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFileSettings {
    /// The file; the time it was begun is put before its extension. A directory, by its `/`, stands for `consul.log` there.
    pub(crate) path: PathBuf,
    /// How large it may get in bytes; any size with 0.
    pub(crate) bytes_max: u64,
    /// How long it may be written to; a day by default.
    pub(crate) age_max: Duration,
    /// How many old ones are kept; all with 0, none below.
    pub(crate) files_max: i64,
}

/// A facility of syslog, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyslogFacility(pub(crate) u8);

/// Where measurements are sent, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TelemetrySettings {
    /// `host:port` of a statsd, over UDP.
    pub(crate) statsd: Option<String>,
    /// The same of a DogStatsD, which takes tags.
    pub(crate) dogstatsd: Option<String>,
    /// What each measurement has for tags, `name:value`, with DogStatsD.
    pub(crate) dogstatsd_tags: Vec<String>,
    /// What every name begins with; `consul` by default.
    pub(crate) prefix: String,
    /// Whether the host's name stands in the names of gauges; it does by default.
    pub(crate) has_hostname: bool,
    /// Whether a name that no rule speaks of is sent; it is by default.
    pub(crate) sends_by_default: bool,
    /// Beginnings of names, and whether they are sent; the longest one counts.
    pub(crate) rules: Vec<(String, bool)>,
}

impl TelemetrySettings {
    /// Whether measurements are sent anywhere.
    pub(crate) fn has_target(&self) -> bool {
        self.statsd.is_some() || self.dogstatsd.is_some()
    }
}

/// The names of facilities, each at the place of its number.
const FACILITIES: &[&str] = &[
    "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP", "", "", "",
    "", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
];

impl Resolver<'_> {
    pub(super) fn process(&mut self) -> Result<ProcessSettings, ConfigError> {
        let leave_on_terminate = self.flag("leave_on_terminate").unwrap_or(false);
        let skip_leave_on_interrupt = self.flag("skip_leave_on_interrupt").unwrap_or(true);
        Ok(ProcessSettings {
            pid_file: self.text("pid_file").filter(|path| !path.is_empty()).map(PathBuf::from),
            leave_on_terminate,
            skip_leave_on_interrupt,
            telemetry: self.telemetry(),
        })
    }

    pub(super) fn log(&self) -> Result<LogSettings, ConfigError> {
        let default = if self.is_dev { "DEBUG" } else { "INFO" };
        let level = self.text("log_level").filter(|text| !text.is_empty()).unwrap_or(default);
        let level = level_by_name(level)
            .ok_or_else(|| self.wrong("log_level", "it must be TRACE, DEBUG, INFO, WARN or ERR"))?;
        Ok(LogSettings {
            level,
            is_json: self.flag("log_json").unwrap_or(false),
            file: self.log_file()?,
            syslog: self.syslog()?,
        })
    }

    fn log_file(&self) -> Result<Option<LogFileSettings>, ConfigError> {
        let Some(path) = self.text("log_file").filter(|path| !path.is_empty()) else { return Ok(None) };
        let path = if path.ends_with('/') { format!("{path}consul.log") } else { path.to_owned() };
        let day = GoDuration(24 * 3_600 * GoDuration::SECOND.0);
        let age_max = match self.text("log_rotate_duration") {
            None => day,
            // Any length will do here: months of a log are no harm.
            Some(text) => GoDuration::parse(text).map_err(|error| self.wrong("log_rotate_duration", error))?,
        };
        let age_max = if age_max.0 <= 0 { day } else { age_max };
        let bytes_max = self.number("log_rotate_bytes", 0, i64::MIN..=i64::MAX)?;
        Ok(Some(LogFileSettings {
            path: PathBuf::from(path),
            bytes_max: u64::try_from(bytes_max).unwrap_or(0),
            age_max: age_max.to_std(),
            files_max: self.number("log_rotate_max_files", 0, i64::MIN..=i64::MAX)?,
        }))
    }

    fn syslog(&self) -> Result<Option<SyslogFacility>, ConfigError> {
        let name = self.text("syslog_facility").filter(|name| !name.is_empty()).unwrap_or("LOCAL0");
        let known = FACILITIES.iter().position(|known| known.eq_ignore_ascii_case(name));
        let facility = known.and_then(|number| u8::try_from(number).ok());
        let facility =
            facility.ok_or_else(|| self.wrong("syslog_facility", format_args!("there is no facility {name:?}")))?;
        Ok(self.flag("enable_syslog").unwrap_or(false).then_some(SyslogFacility(facility)))
    }

    fn telemetry(&mut self) -> TelemetrySettings {
        let address = |path| {
            let text = self.text(path).filter(|address| !address.is_empty())?;
            // StatsD's own port stands where none does.
            Some(if text.contains(':') { text.to_owned() } else { format!("{text}:8125") })
        };
        let (statsd, dogstatsd) = (address("telemetry.statsd_address"), address("telemetry.dogstatsd_addr"));
        let mut rules = Vec::new();
        for rule in self.texts("telemetry.prefix_filter") {
            match rule.split_at_checked(1) {
                Some(("+", prefix)) => rules.push((prefix.to_owned(), true)),
                Some(("-", prefix)) => rules.push((prefix.to_owned(), false)),
                _ => {
                    let problem = format_args!("{rule:?} has no effect: a rule begins with + or -");
                    self.warn("telemetry.prefix_filter", problem);
                }
            }
        }
        TelemetrySettings {
            statsd,
            dogstatsd,
            dogstatsd_tags: self.texts("telemetry.dogstatsd_tags"),
            prefix: self.text("telemetry.metrics_prefix").unwrap_or("consul").to_owned(),
            has_hostname: !self.flag("telemetry.disable_hostname").unwrap_or(false),
            sends_by_default: self.flag("telemetry.filter_default").unwrap_or(true),
            rules,
        }
    }
}

/// A level by one of its names.
fn level_by_name(name: &str) -> Option<tracing::Level> {
    match name.to_ascii_uppercase().as_str() {
        "TRACE" => Some(tracing::Level::TRACE),
        "DEBUG" => Some(tracing::Level::DEBUG),
        "INFO" => Some(tracing::Level::INFO),
        "WARN" => Some(tracing::Level::WARN),
        "ERR" | "ERROR" => Some(tracing::Level::ERROR),
        _ => None,
    }
}
