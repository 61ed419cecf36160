//! Logs: one line for each event on standard output, and in a file and in syslog (see [`sinks`]), in the form that Consul's
//! logs have, so that what reads those reads these: `TIME [LEVEL] module: message: key=value`, or as JSON `@timestamp`,
//! `@level`, `@module`, `@message` and the fields. Those who follow the log get the same lines ([`followers`]).

use std::fmt::{Debug, Write as _};
use std::sync::Arc;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

use crate::config::settings::LogSettings;

mod file;
mod followers;
mod sinks;
mod syslog;

use self::followers::Followers;

/// A log that is being written.
#[derive(Clone)]
pub(crate) struct Log {
    targets: reload::Handle<Targets, Registry>,
    /// Those who follow it.
    pub(crate) followers: Arc<Followers>,
}

/// Starts logging.
pub(crate) fn start(settings: &LogSettings) -> Result<Log, String> {
    let (targets, handle) = reload::Layer::new(targets(settings.level));
    let lines = tracing_subscriber::fmt::layer().event_format(Lines { is_json: settings.is_json });
    let lines = lines.with_writer(sinks::Sinks::open(settings)?).with_filter(targets);
    let (followers, followed) = Followers::none();
    // It fails only if logging was started before, and then there is a log.
    let _ = tracing_subscriber::registry().with(vec![lines.boxed(), followed.boxed()]).try_init();
    Ok(Log { targets: handle, followers })
}

impl Log {
    /// Logs from another level up, from now on.
    pub(crate) fn set_level(&self, level: Level) {
        // It fails only if the log is gone.
        let _ = self.targets.reload(targets(level));
    }
}

/// What is heard. Other crates than our own are from the level WARN up, unless everything is asked for.
fn targets(level: Level) -> Targets {
    let of_others = if level == Level::TRACE { Level::TRACE } else { level.min(Level::WARN) };
    Targets::new()
        .with_default(LevelFilter::from_level(of_others))
        .with_target("quorate", LevelFilter::from_level(level))
}

/// How an event is written.
struct Lines {
    is_json: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = if self.is_json {
            json(&time, *metadata.level(), metadata.target(), fields)
        } else {
            text(&time, *metadata.level(), metadata.target(), &fields)
        };
        writeln!(writer, "{line}")
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    /// In the order given.
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

/// `quorate_node::leader` is `node.leader`; the program itself is `agent`, as in Consul.
fn module(target: &str) -> String {
    match target.strip_prefix("quorate_") {
        Some(own) => own.replace("::", "."),
        None if target == "quorate" || target.starts_with("quorate::") => "agent".to_owned(),
        None => target.replace("::", "."),
    }
}

fn text(time: &str, level: Level, target: &str, fields: &Fields) -> String {
    let level = format!("[{level}]");
    let mut line = format!("{time} {level:7} {}: {}", module(target), fields.message);
    for (position, (name, value)) in fields.others.iter().enumerate() {
        let before = if position == 0 { ": " } else { " " };
        let value = match value {
            Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '\n', '=']) => text.clone(),
            value => value.to_string(),
        };
        // Writing to a String can't fail.
        let _ = write!(line, "{before}{name}={value}");
    }
    line
}

fn json(time: &str, level: Level, target: &str, fields: Fields) -> String {
    let mut line = Map::new();
    line.extend(fields.others.into_iter().map(|(name, value)| (name.to_owned(), value)));
    line.insert("@timestamp".to_owned(), time.into());
    line.insert("@level".to_owned(), level.as_str().to_ascii_lowercase().into());
    line.insert("@module".to_owned(), module(target).into());
    line.insert("@message".to_owned(), fields.message.into());
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        Fields { message: "listening".to_owned(), others: vec![("address", "[::]:1".into()), ("why", "a b".into())] }
    }

    #[test]
    fn lines_have_the_form_of_consuls() {
        let line = text("2026-11-23T07:13:33.298Z", Level::INFO, "quorate_http::server", &fields());
        assert_eq!(line, "2026-11-23T07:13:33.298Z [INFO]  http.server: listening: address=[::]:1 why=\"a b\"");
        let line = text("T", Level::ERROR, "quorate::agent", &Fields::default());
        assert_eq!(line, "T [ERROR] agent: ");
        let line = json("T", Level::WARN, "openraft::core", fields());
        assert_eq!(
            line,
            r#"{"@level":"warn","@message":"listening","@module":"openraft.core","@timestamp":"T","address":"[::]:1","why":"a b"}"#
        );
    }
}
