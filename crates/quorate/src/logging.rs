//! Logs: one line for each event on standard output, and in a file and in syslog (see [`sinks`]), in the form that Consul's
//! logs have, so that what reads those reads these: `TIME [LEVEL] module: message: key=value`, or as JSON `@timestamp`,
//! `@level`, `@module`, `@message` and the fields. Those who follow the log get the same lines ([`followers`]).
//!
//! **Invariant:** logging never waits. A place that stalls loses lines ([`queue`]), counts them and says how many.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

use crate::config::settings::LogSettings;

mod file;
mod followers;
mod lost;
mod queue;
mod sinks;
mod stdout;
mod syslog;

use self::followers::{Followers, Line};
use self::lost::Lost;
use self::sinks::Sinks;

/// A log that is being written.
#[derive(Clone)]
pub(crate) struct Log {
    wanted: Arc<Wanted>,
    sinks: Arc<Sinks>,
    /// Those who follow it.
    pub(crate) followers: Arc<Followers>,
    /// How many lines were lost.
    pub(crate) lost: Lost,
}

/// Starts logging.
pub(crate) fn start(settings: &LogSettings) -> Result<Log, String> {
    let (filter, handle) = reload::Layer::new(targets(settings.level));
    let readers = Readers { own: Reader { level: settings.level, is_json: settings.is_json }, followers: Vec::new() };
    let wanted = Arc::new(Wanted { readers: RwLock::new(readers), filter: handle });
    let followers = Arc::new(Followers::new(wanted.clone()));
    let lost = Lost::default();
    let sinks = Arc::new(Sinks::open(settings, &lost)?);
    let output = Output { sinks: sinks.clone(), wanted: wanted.clone(), followers: followers.clone() };
    // It fails only if logging was started before, and then there is a log.
    let _ = tracing_subscriber::registry().with(filter).with(output).try_init();
    let log = Log { wanted, sinks, followers, lost };
    log.flush_on_panic();
    Ok(log)
}

impl Log {
    /// Logs from another level up, from now on.
    pub(crate) fn set_level(&self, level: Level) {
        self.wanted.change(|readers| readers.own.level = level);
    }

    /// Waits until all lines are written, but not for ever. Whatever ends the process does this last.
    pub(crate) fn flush(&self) {
        self.sinks.flush();
    }

    /// A panic ends the process: what was logged before it is what explains it.
    fn flush_on_panic(&self) {
        let (sinks, report) = (self.sinks.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            sinks.flush();
            report(panic);
        }));
    }
}

/// One who reads lines, and in which form.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reader {
    level: Level,
    is_json: bool,
}

/// The log's own places, and those who follow it.
struct Readers {
    own: Reader,
    followers: Vec<Reader>,
}

/// What is wanted of all events. One filter lets pass what anybody wants, and each gets its own part behind it: filters for
/// each reader would keep an event from one of them after `tracing::enabled!` has asked for another.
struct Wanted {
    readers: RwLock<Readers>,
    filter: reload::Handle<Targets, Registry>,
}

impl Wanted {
    fn change(&self, change: impl FnOnce(&mut Readers)) {
        let mut readers = self.readers.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut readers);
        let levels = readers.followers.iter().map(|follower| follower.level);
        // It fails only when logging has ended.
        let _ = self.filter.reload(targets(levels.fold(readers.own.level, Level::max)));
    }
}

/// What is heard from a level up. Other crates than our own are from the level WARN up, unless everything is asked for.
fn targets(level: Level) -> Targets {
    Targets::new()
        .with_default(LevelFilter::from_level(level_of_others(level)))
        .with_target(OWN, LevelFilter::from_level(level))
}

/// How the targets of our own crates begin.
const OWN: &str = "quorate";

fn level_of_others(level: Level) -> Level {
    if level == Level::TRACE { Level::TRACE } else { level.min(Level::WARN) }
}

impl Reader {
    /// Whether it wants an event, by the rule of [`targets`].
    fn wants(self, level: Level, target: &str) -> bool {
        level <= if target.starts_with(OWN) { self.level } else { level_of_others(self.level) }
    }
}

/// Writes each event for those who want it, in the forms in which they want it.
struct Output {
    sinks: Arc<Sinks>,
    wanted: Arc<Wanted>,
    followers: Arc<Followers>,
}

impl<S: Subscriber> Layer<S> for Output {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let (own, as_text, as_json) = {
            let readers = self.wanted.readers.read().unwrap_or_else(PoisonError::into_inner);
            let wants = |reader: &Reader| reader.wants(level, target);
            let follows = |is_json| readers.followers.iter().any(|reader| reader.is_json == is_json && wants(reader));
            (Some(readers.own).filter(wants), follows(false), follows(true))
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let entry = Entry { time: now(), level, target, fields };
        if let Some(own) = own {
            self.sinks.write(level, entry.line(own.is_json).as_bytes());
        }
        if as_text || as_json {
            let line = |is_wanted: bool, is_json| if is_wanted { entry.line(is_json) } else { String::new() };
            let (text, json) = (line(as_text, false).into(), line(as_json, true).into());
            self.followers.tell(Line { level, target, text, json });
        }
    }
}

/// The level of what is said about lost lines.
const WARNS_OF_LOSS: Level = Level::WARN;

/// What is said about lost lines.
fn lost_message(count: u64) -> String {
    format!("{count} lines of the log were lost here: they came faster than they were taken")
}

/// The same as a line.
fn lost_lines(count: u64, is_json: bool) -> String {
    let fields = Fields { message: lost_message(count), others: Vec::new() };
    Entry { time: now(), level: WARNS_OF_LOSS, target: OWN, fields }.line(is_json)
}

/// The time as lines begin with it.
fn now() -> String {
    let mut time = String::new();
    // Writing to a String can't fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

/// An event as it is written.
struct Entry<'a> {
    time: String,
    level: Level,
    target: &'a str,
    fields: Fields,
}

impl Entry<'_> {
    /// Its line, with the end of it.
    fn line(&self, is_json: bool) -> String {
        let mut line = if is_json { self.json() } else { self.text() };
        line.push('\n');
        line
    }

    fn text(&self) -> String {
        let level = format!("[{}]", self.level);
        let mut line = format!("{} {level:7} {}: {}", self.time, module(self.target), self.fields.message);
        for (position, (name, value)) in self.fields.others.iter().enumerate() {
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

    fn json(&self) -> String {
        let mut line = Map::new();
        line.extend(self.fields.others.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        line.insert("@timestamp".to_owned(), self.time.as_str().into());
        line.insert("@level".to_owned(), self.level.as_str().to_ascii_lowercase().into());
        line.insert("@module".to_owned(), module(self.target).into());
        line.insert("@message".to_owned(), self.fields.message.as_str().into());
        Value::Object(line).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: &str, level: Level, target: &'static str) -> Entry<'static> {
        let others = vec![("address", "[::]:1".into()), ("why", "a b".into())];
        Entry { time: time.to_owned(), level, target, fields: Fields { message: "listening".to_owned(), others } }
    }

    #[test]
    fn lines_have_the_form_of_consuls() {
        let line = entry("2026-11-23T07:13:33.298Z", Level::INFO, "quorate_http::server").line(false);
        assert_eq!(line, "2026-11-23T07:13:33.298Z [INFO]  http.server: listening: address=[::]:1 why=\"a b\"\n");
        let line = Entry { fields: Fields::default(), ..entry("T", Level::ERROR, "quorate::agent") }.line(false);
        assert_eq!(line, "T [ERROR] agent: \n");
        let line = entry("T", Level::WARN, "openraft::core").line(true);
        assert_eq!(
            line,
            r#"{"@level":"warn","@message":"listening","@module":"openraft.core","@timestamp":"T","address":"[::]:1","why":"a b"}"#
                .to_owned()
                + "\n"
        );
    }

    #[test]
    fn a_reader_wants_what_its_filter_lets_pass() {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        for asked in levels {
            for (level, target) in levels.iter().flat_map(|level| [(level, "quorate_dns::udp"), (level, "openraft")]) {
                let wants = Reader { level: asked, is_json: false }.wants(*level, target);
                assert_eq!(wants, targets(asked).would_enable(target, level), "{asked} {level} {target}");
            }
        }
    }
}
