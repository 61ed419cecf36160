//! Those who follow the log over HTTP (`monitor`): each gets the lines from its level on, and one that is too slow is told
//! how many it missed.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use quorate_http::LogSource;
use tokio::sync::{broadcast, mpsc};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

use super::{Fields, json, targets, text};

/// How many lines wait for a slow follower; the oldest are dropped beyond that.
const LINES_WAITING: usize = 512;

impl Followers {
    /// Nobody yet, so nothing is written for them; and the layer that writes it.
    pub(super) fn none() -> (Arc<Self>, impl Layer<Registry> + Send + Sync) {
        let sender = broadcast::Sender::new(LINES_WAITING);
        let (filter, handle) = reload::Layer::new(Targets::new());
        let layer = Followed { sender: sender.clone() }.with_filter(filter);
        (Arc::new(Self { sender, filter: handle, levels: Arc::default() }), layer)
    }
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
