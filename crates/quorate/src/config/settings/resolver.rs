//! The values of keys as settings take them: each of its type and within its bounds, or an error that names the culprit.

use std::net::IpAddr;

use quorate_base::duration::GoDuration;

use crate::config::merge::Merged;
use crate::config::{ConfigError, Entry, Warning, network};

/// The longest duration that a setting takes: a day.
const DURATION_MAX: GoDuration = GoDuration(24 * 3_600 * GoDuration::SECOND.0);

/// What holds by key, and the warnings so far.
pub(super) struct Resolver<'a> {
    pub(super) merged: &'a Merged,
    pub(super) is_dev: bool,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Resolver<'a> {
    pub(super) fn entry(&self, path: &str) -> Option<&'a Entry> {
        self.merged.get(path)
    }

    /// An error about the value of a key.
    pub(super) fn wrong(&self, path: &str, problem: impl std::fmt::Display) -> ConfigError {
        let culprit = self.entry(path).map_or_else(|| path.to_owned(), Entry::culprit);
        ConfigError(format!("{culprit}: {problem}"))
    }

    /// The same about an element of its list or a member of its map.
    pub(super) fn wrong_part(&self, path: &str, part: &str, problem: impl std::fmt::Display) -> ConfigError {
        let culprit = self.entry(path).map_or_else(|| path.to_owned(), |entry| entry.culprit_of(part));
        ConfigError(format!("{culprit}: {problem}"))
    }

    /// A warning about the value of a key.
    pub(super) fn warn(&mut self, path: &str, problem: impl std::fmt::Display) {
        let warning = match self.entry(path) {
            Some(entry) => Warning::of(entry, problem),
            None => Warning::new(format!("{path:?}: {problem}")),
        };
        self.warnings.push(warning);
    }

    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        self.entry(path)?.value.as_str()
    }

    pub(super) fn flag(&self, path: &str) -> Option<bool> {
        self.entry(path)?.value.as_bool()
    }

    pub(super) fn number(
        &self,
        path: &str,
        default: i64,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Result<i64, ConfigError> {
        let Some(entry) = self.entry(path) else { return Ok(default) };
        match entry.value.as_i64() {
            Some(number) if bounds.contains(&number) => Ok(number),
            _ => {
                let (low, high) = bounds.into_inner();
                Err(self.wrong(path, format_args!("{} is not between {low} and {high}", entry.value)))
            }
        }
    }

    /// A duration that is neither negative nor longer than a day.
    pub(super) fn duration(&self, path: &str, default: GoDuration) -> Result<GoDuration, ConfigError> {
        let Some(text) = self.text(path) else { return Ok(default) };
        let duration = GoDuration::parse(text).map_err(|error| self.wrong(path, error))?;
        if (GoDuration(0)..=DURATION_MAX).contains(&duration) {
            Ok(duration)
        } else {
            Err(self.wrong(path, format_args!("{text} is not between 0s and {DURATION_MAX}")))
        }
    }

    /// An address; `None` if none is given.
    pub(super) fn ip(&self, path: &str) -> Result<Option<IpAddr>, ConfigError> {
        let text = self.text(path).filter(|text| !text.trim().is_empty());
        text.map(|text| network::parse_ip(text).map_err(|problem| self.wrong(path, problem))).transpose()
    }

    /// A port; `None` if it is disabled, as anything below 1 says.
    pub(super) fn port(&self, path: &str, default: u16) -> Result<Option<u16>, ConfigError> {
        let port = self.number(path, default.into(), i64::MIN..=i64::MAX)?;
        if port < 1 {
            return Ok(None);
        }
        u16::try_from(port).map(Some).map_err(|_| self.wrong(path, format_args!("{port} is no port")))
    }

    /// The texts of a list.
    pub(super) fn texts(&self, path: &str) -> Vec<String> {
        let list = self.entry(path).and_then(|entry| entry.value.as_array());
        list.into_iter().flatten().filter_map(|text| text.as_str()).map(str::to_owned).collect()
    }
}
