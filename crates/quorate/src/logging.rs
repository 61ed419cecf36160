//! Logs: one line for each event on standard output, in the form that Consul's logs have, so that what reads those reads
//! these: `TIME [LEVEL] module: message: key=value`, or as JSON `@timestamp`, `@level`, `@module`, `@message` and the fields.

use std::fmt::{Debug, Write as _};

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use quorate_http::LogSource;
use serde_json::{Map, Value};
use tokio::sync::{broadcast, mpsc};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::settings::LogSettings;

/// How many lines wait for a slow follower; the oldest are dropped beyond that.
const LINES_WAITING: usize = 512;

/// Starts logging, and gives what those who follow the log ask. Other crates than our own are heard from the level WARN
/// up, unless everything is asked for.
pub(crate) fn start(settings: LogSettings) -> Arc<Followers> {
    let lines = tracing_subscriber::fmt::layer().event_format(Lines { is_json: settings.is_json });
    let lines = lines.with_filter(targets(settings.level));
    let sender = broadcast::Sender::new(LINES_WAITING);
    // Nobody follows yet, so nothing is written for followers.
    let (filter, handle) = reload::Layer::new(Targets::new());
    let followed = Followed { sender: sender.clone() }.with_filter(filter);
    // It fails only if logging was started before, and then there is a log.
    let _ = tracing_subscriber::registry().with(followed).with(lines).try_init();
    Arc::new(Followers { sender, filter: handle, levels: Arc::default() })
}

/// What is heard at a level.
fn targets(level: Level) -> Targets {
    let of_others = if level == Level::TRACE { Level::TRACE } else { level.min(Level::WARN) };
    Targets::new()
        .with_default(LevelFilter::from_level(of_others))
        .with_target("quorate", LevelFilter::from_level(level))
}

/// A line for followers, in both forms.
struct Line {
    level: Level,
    text: Bytes,
    json: Bytes,
}

/// Writes lines for those who follow the log.
struct Followed {
    sender: broadcast::Sender<Arc<Line>>,
}

impl<S: Subscriber> Layer<S> for Followed {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let time = now();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let text = text(&time, level, target, &fields) + "\n";
        let json = json(&time, level, target, fields) + "\n";
        // It fails if the last follower has just gone.
        let _ = self.sender.send(Arc::new(Line { level, text: text.into(), json: json.into() }));
    }
}

/// Those who follow the log.
pub(crate) struct Followers {
    sender: broadcast::Sender<Arc<Line>>,
    filter: reload::Handle<Targets, Registry>,
    /// The level of each.
    levels: Arc<Mutex<Vec<Level>>>,
}

/// How many lines are handed over at once.
const LINES_HANDED: usize = 16;

impl LogSource for Followers {
    fn follow(&self, level: Level, as_json: bool) -> mpsc::Receiver<Bytes> {
        let mut lines = self.sender.subscribe();
        let (sender, receiver) = mpsc::channel(LINES_HANDED);
        let place = Following::enter(self, level);
        #[allow(clippy::disallowed_methods, reason = "the log is the process's and belongs to no host")]
        tokio::spawn(async move {
            let _place = place;
            loop {
                let line = tokio::select! {
                    line = lines.recv() => line,
                    () = sender.closed() => return,
                };
                let bytes = match line {
                    Ok(line) if line.level > level => continue,
                    Ok(line) if as_json => line.json.clone(),
                    Ok(line) => line.text.clone(),
                    Err(broadcast::error::RecvError::Lagged(count)) => {
                        Bytes::from(format!("{} [WARN]  agent: {count} lines were dropped for this reader\n", now()))
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                if sender.send(bytes).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }
}

/// One follower's part in what is written for all of them, for as long as it follows.
struct Following {
    level: Level,
    levels: Arc<Mutex<Vec<Level>>>,
    filter: reload::Handle<Targets, Registry>,
}

impl Following {
    fn enter(followers: &Followers, level: Level) -> Self {
        let following = Self { level, levels: followers.levels.clone(), filter: followers.filter.clone() };
        following.change(|levels| levels.push(level));
        following
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Level>)) {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut levels);
        let wanted = levels.iter().max().map_or_else(Targets::new, |level| targets(*level));
        // It fails only when logging has ended.
        let _ = self.filter.reload(wanted);
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.change(|levels| {
            if let Some(place) = levels.iter().position(|level| *level == self.level) {
                levels.swap_remove(place);
            }
        });
    }
}

/// The time as lines begin with it.
fn now() -> String {
    let mut time = String::new();
    // Writing to a String can't fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
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
