//! The options that most requests understand: how fresh an answer must be, and how long to wait for a newer one.

use std::borrow::Cow;
use std::time::Duration;

use hyper::header::CACHE_CONTROL;
use quorate_base::duration::GoDuration;
use quorate_node::Consistency;

use crate::go::{go_quoted, parse_unsigned};
use crate::query::Parameters;
use crate::reply::Refused;

/// What most reads understand.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// The index that the client has seen; 0 to be answered immediately.
    pub(crate) index: u64,
    /// How long to wait for a newer answer.
    pub(crate) wait: Option<GoDuration>,
    /// How fresh the answer must be.
    pub(crate) consistency: Consistency,
    /// Whether an answer kept for others will do, and the client is to know whether it was one.
    pub(crate) cached: bool,
}

impl Options {
    /// Reads all of them. The order decides which of several errors the client sees, as in Consul.
    pub(crate) fn of(parameters: &Parameters, headers: &hyper::HeaderMap) -> Result<Self, Refused> {
        let given = Given::of(parameters);
        let waiting = given.waiting();
        let freshness = given.freshness(headers)?;
        let waiting = waiting?;
        Ok(Self { index: waiting.index, wait: waiting.wait, ..freshness })
    }

    /// Reads only those that say how long to wait, where the others are passed over.
    pub(crate) fn of_waiting(parameters: &Parameters) -> Result<Self, Refused> {
        Given::of(parameters).waiting()
    }

    /// Reads only those that say how fresh the answer must be, where the others are passed over.
    pub(crate) fn of_freshness(parameters: &Parameters, headers: &hyper::HeaderMap) -> Result<Self, Refused> {
        Given::of(parameters).freshness(headers)
    }

    /// The word for the consistency in effect.
    pub(crate) fn consistency_word(&self) -> &'static str {
        match self.consistency {
            Consistency::Default => "leader",
            Consistency::Consistent => "consistent",
            Consistency::Stale(_) => "stale",
        }
    }
}

/// The first value of each option, as text.
#[derive(Default)]
struct Given<'a> {
    stale: bool,
    consistent: bool,
    cached: bool,
    max_stale: Option<Cow<'a, str>>,
    wait: Option<Cow<'a, str>>,
    index: Option<Cow<'a, str>>,
}

impl<'a> Given<'a> {
    fn of(parameters: &'a Parameters) -> Self {
        let mut given = Self::default();
        for (name, value) in parameters.iter() {
            let slot = match &*name {
                "stale" => {
                    given.stale = true;
                    continue;
                }
                "consistent" => {
                    given.consistent = true;
                    continue;
                }
                "cached" => {
                    given.cached = true;
                    continue;
                }
                "max_stale" => &mut given.max_stale,
                "wait" => &mut given.wait,
                "index" => &mut given.index,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        for slot in [&mut given.max_stale, &mut given.wait, &mut given.index] {
            // An empty value is as good as none, but hides the values after it.
            slot.take_if(|value| value.is_empty());
        }
        given
    }

    fn waiting(&self) -> Result<Options, Refused> {
        let mut options = Options::default();
        if let Some(text) = &self.wait {
            options.wait = Some(GoDuration::parse(text).map_err(|_| Refused::bad_request("Invalid wait time"))?);
        }
        if let Some(text) = &self.index {
            options.index = parse_unsigned(text).map_err(|_| Refused::bad_request("Invalid index"))?;
        }
        Ok(options)
    }

    fn freshness(&self, headers: &hyper::HeaderMap) -> Result<Options, Refused> {
        let mut stale_max: Option<Duration> = None;
        if let Some(text) = &self.max_stale {
            let age = GoDuration::parse(text)
                .map_err(|_| Refused::bad_request(format!("Invalid max_stale value {}", go_quoted(text))))?;
            stale_max = (age > GoDuration(0)).then(|| age.to_std());
        }
        let conflict = "Cannot specify ?stale with ?consistent, conflicting semantics.";
        let consistency = match (self.stale || stale_max.is_some(), self.consistent) {
            (true, true) => return Err(Refused::bad_request(conflict)),
            (true, false) => Consistency::Stale(stale_max),
            (false, true) => Consistency::Consistent,
            (false, false) => Consistency::Default,
        };
        if self.cached && self.consistent {
            let conflict = "Cannot specify ?cached with ?consistent, conflicting semantics.";
            return Err(Refused::bad_request(conflict));
        }
        check_cache_control(headers)?;
        Ok(Options { consistency, cached: self.cached, ..Options::default() })
    }
}

/// The header says how old a kept answer may be. Kept answers here are never old, so it is only checked.
fn check_cache_control(headers: &hyper::HeaderMap) -> Result<(), Refused> {
    let Some(value) = headers.get(CACHE_CONTROL) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
    for directive in text.split(',').map(str::trim) {
        let seconds = directive.strip_prefix("max-age=").or_else(|| directive.strip_prefix("stale-if-error="));
        if seconds.is_some_and(|seconds| seconds.parse::<i64>().is_err()) {
            return Err(Refused::bad_request("Invalid Cache-Control header."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_value_of_an_option_counts() {
        let parameters = Parameters::parse("index=&index=5&wait=1s&wait=2s&stale").unwrap();
        let given = Given::of(&parameters);
        assert_eq!((given.index.clone(), given.wait.as_deref(), given.stale), (None, Some("1s"), true));
    }
}
