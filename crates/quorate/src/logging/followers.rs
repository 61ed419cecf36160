//! Those who follow the log over HTTP (`monitor`): each gets the lines from its level on, and one that is too slow is told
//! how many it missed.

use std::sync::Arc;

use bytes::Bytes;
use quorate_http::LogSource;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;
use tracing::Level;

use super::{Entry, Fields, Reader, Wanted, now};

/// How many lines wait for a slow follower; the oldest are dropped beyond that.
const LINES_WAITING: usize = 512;

/// How many lines are handed over at once.
const LINES_HANDED: usize = 16;

/// A line for followers; a form that none of them wants is empty.
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) target: &'static str,
    pub(super) text: Bytes,
    pub(super) json: Bytes,
}

/// Those who follow the log.
pub(crate) struct Followers {
    sender: broadcast::Sender<Arc<Line>>,
    wanted: Arc<Wanted>,
}

impl Followers {
    /// Nobody yet.
    pub(super) fn new(wanted: Arc<Wanted>) -> Self {
        Self { sender: broadcast::Sender::new(LINES_WAITING), wanted }
    }

    /// Tells all of them a line.
    pub(super) fn tell(&self, line: Line) {
        // It fails if the last follower has just gone.
        let _ = self.sender.send(Arc::new(line));
    }
}

impl LogSource for Followers {
    fn follow(&self, level: Level, as_json: bool) -> mpsc::Receiver<Bytes> {
        let mut lines = self.sender.subscribe();
        let (sender, receiver) = mpsc::channel(LINES_HANDED);
        let following = Following::begin(&self.wanted, Reader { level, is_json: as_json });
        #[allow(clippy::disallowed_methods, reason = "the log is the process's and belongs to no host")]
        tokio::spawn(async move {
            // All of it, not the one field that is read: its end is the reader's.
            let following = following;
            loop {
                let line = tokio::select! {
                    line = lines.recv() => line,
                    () = sender.closed() => return,
                };
                let bytes = match line {
                    Ok(line) if !following.reader.wants(line.level, line.target) => continue,
                    Ok(line) if as_json => line.json.clone(),
                    Ok(line) => line.text.clone(),
                    Err(RecvError::Lagged(count)) => dropped(count).line(as_json).into(),
                    Err(RecvError::Closed) => return,
                };
                // One that was made before this reader came may lack its form.
                if !bytes.is_empty() && sender.send(bytes).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }
}

/// The line for a reader that was too slow.
fn dropped(count: u64) -> Entry<'static> {
    let message = format!("{count} lines were dropped for this reader");
    Entry { time: now(), level: Level::WARN, target: super::OWN, fields: Fields { message, others: Vec::new() } }
}

/// One follower's part in what is written for all of them, for as long as it follows.
struct Following {
    reader: Reader,
    wanted: Arc<Wanted>,
}

impl Following {
    fn begin(wanted: &Arc<Wanted>, reader: Reader) -> Self {
        wanted.change(|readers| readers.followers.push(reader));
        Self { reader, wanted: wanted.clone() }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.wanted.change(|readers| {
            if let Some(place) = readers.followers.iter().position(|reader| *reader == self.reader) {
                readers.followers.swap_remove(place);
            }
        });
    }
}
