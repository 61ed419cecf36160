//! What is not served: refused where it asks for protection, else warned about.

use quorate_base::duration::GoDuration;
use serde_json::Value;

use super::Resolver;
use crate::config::{ConfigError, Kind, Treatment, Warning};

impl Resolver<'_> {
    /// Refuses what is no duration, also where it would have no effect. Files were checked when they were read.
    pub(super) fn check_durations(&self) -> Result<(), ConfigError> {
        for (path, entry) in self.merged {
            if let (Kind::Duration, Some(text)) = (entry.key.kind, entry.value.as_str()) {
                GoDuration::parse(text).map_err(|error| self.wrong(path, error))?;
            }
        }
        Ok(())
    }

    /// Refuses what asks for protection that is not there, and warns of old names and of what has no effect.
    pub(super) fn treat_unserved(&mut self) -> Result<(), ConfigError> {
        for entry in self.merged.values() {
            let no_effect = match entry.key.treatment {
                Treatment::Refused(reason) if asks(&entry.value) => {
                    return Err(ConfigError(format!("{}: {reason}", entry.culprit())));
                }
                Treatment::MootIf(value, _) if is_json(&entry.value, value) => None,
                Treatment::MootIf(_, why) | Treatment::WarnedThat(why) => Some(why),
                Treatment::Served | Treatment::Moot | Treatment::Refused(_) | Treatment::Renamed(_) => None,
            };
            let now = entry.key.path;
            let problem = match (no_effect, entry.old_name()) {
                (None, None) => continue,
                (None, Some(_)) => format!("it is an old name; write {now:?}"),
                (Some(why), None) => format!("it has no effect: {why}"),
                (Some(why), Some(_)) => format!("it is an old name of {now:?}, which has no effect: {why}"),
            };
            self.warnings.push(Warning::of(entry, problem));
        }
        Ok(())
    }
}

/// Whether a value asks for something: false, zero, empty and negative numbers, which mean off, do not.
fn asks(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_on) => *is_on,
        Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => map.values().any(asks),
    }
}

/// Whether a value is the one of this JSON text.
fn is_json(value: &Value, text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|expected| expected == *value)
}
