//! The state as consensus drives it: decode, apply, publish, wake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use quorate_base::Host;
use quorate_consensus::{
    Application, Commands, RestoreError, SnapshotRecords, SnapshotSink, SnapshotSource, UnreadableCommand,
};
use quorate_state::{Changes, Command, Response, State, StateBuilder};
use tokio::time::Instant;

use crate::clocks::{LeaderClock, SessionClock};
use crate::codec::{self, Malformed};
use crate::metrics::Metrics;
use crate::watch::WatchTable;

/// From this many topics on a batch has changed so much that letting go of the state before it may take long.
const TOPICS_MANY: usize = 1024;

/// How often an old state is looked at that readers still have. It only costs memory meanwhile.
const RETIRED_POLL: Duration = Duration::from_millis(100);

/// What the apply task shares with everyone who reads.
pub(crate) struct Shared {
    /// The state after the last batch.
    pub(crate) published: ArcSwap<State>,
    /// Who waits for changes of it.
    pub(crate) watches: Arc<WatchTable>,
    /// The leader's deadlines for sessions.
    pub(crate) sessions: SessionClock,
    /// What the leader stamps commands with.
    pub(crate) clock: LeaderClock,
    pub(crate) metrics: Metrics,
}

/// The replicated state.
pub(crate) struct Replicated {
    state: State,
    host: Host,
    shared: Arc<Shared>,
    #[cfg(feature = "sabotage")]
    sabotage: crate::sabotage::Running,
}

impl Replicated {
    pub(crate) fn new(host: Host, shared: Arc<Shared>) -> Self {
        Self {
            state: State::default(),
            host,
            shared,
            #[cfg(feature = "sabotage")]
            sabotage: crate::Sabotage::default().into(),
        }
    }

    /// The same, broken.
    #[cfg(feature = "sabotage")]
    pub(crate) fn broken(self, how: crate::Sabotage) -> Self {
        Self { sabotage: how.into(), ..self }
    }

    /// Shows a batch to readers, then wakes those it concerns.
    fn publish(&self, changes: &Changes) {
        let before = self.shared.published.swap(Arc::new(self.state.clone()));
        if changes.everything || changes.topics.len() >= TOPICS_MANY {
            retire(&self.host, before);
        }
        if !changes.is_empty() {
            self.shared.watches.wake(changes);
            self.shared.sessions.follow(&self.state, changes);
        }
    }
}

/// Lets go of a state that a long batch replaced, once its last reader is done with it: it may be the last to hold a
/// million entries, and a reader on the runtime's thread must not be the one who frees them.
fn retire(host: &Host, state: Arc<State>) {
    let tasks = host.tasks.clone();
    host.spawn(async move {
        while Arc::strong_count(&state) > 1 {
            tokio::time::sleep(RETIRED_POLL).await;
        }
        tasks.spawn_blocking(Box::new(move || drop(state)));
    });
}

/// What a command is that can't be read, and what to do.
fn unreadable(error: Malformed) -> UnreadableCommand {
    UnreadableCommand(match error {
        // Its text names both formats and what to do.
        Malformed::Newer { .. } => format!("a command of {error}"),
        error => format!("a command that this Quorate can't read: {error}; start the Quorate that wrote it"),
    })
}

impl Application for Replicated {
    type Command = Command;
    type Response = Response;

    fn decode(bytes: Bytes) -> Result<Command, UnreadableCommand> {
        codec::decode_command(&bytes).map_err(unreadable)
    }

    fn is_long(&self, commands: &[(u64, Command)]) -> bool {
        self.state.is_long(commands.iter().map(|(_, command)| &command.operation))
    }

    fn apply(&mut self, commands: Commands<'_, Command>, responses: &mut Vec<Response>) {
        let mut changes = Changes::default();
        for (index, command) in commands {
            let kind = self.shared.metrics.kind_of(&command.operation);
            let started = Instant::now();
            #[cfg(feature = "sabotage")]
            self.sabotage.spoil_state(&mut self.state, index, &command, &mut changes);
            responses.push(self.state.apply(index, command, &mut changes));
            self.shared.metrics.applied(kind, started.elapsed());
        }
        #[cfg(feature = "sabotage")]
        self.sabotage.spoil_changes(&mut changes);
        self.publish(&changes);
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Copy(self.state.clone()))
    }

    fn restore(&mut self, _last_index: u64, records: &mut dyn SnapshotRecords) -> Result<(), RestoreError> {
        let mut builder = StateBuilder::default();
        let mut reader = codec::SnapshotReader::default();
        while let Some(bytes) = records.next()? {
            let record =
                reader.read(bytes).map_err(|error| RestoreError::Unacceptable(format!("a record: {error}")))?;
            if let Some(record) = record {
                builder.push(record);
            }
        }
        self.state = builder.finish();
        self.publish(&Changes::everything());
        Ok(())
    }
}

/// A copy of the state on its way to a snapshot file.
struct Copy(State);

impl SnapshotSource for Copy {
    fn write(self: Box<Self>, sink: &mut dyn SnapshotSink) -> io::Result<()> {
        let format = self.0.format();
        if let Some(mark) = codec::encode_format(format) {
            sink.record(&mark)?;
        }
        let mut bytes = Vec::new();
        for record in self.0.records() {
            bytes.clear();
            codec::encode_record(&record, format, &mut bytes).map_err(io::Error::other)?;
            sink.record(&bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_a_later_format_names_both_formats_and_what_to_do() {
        let error = Replicated::decode(Bytes::from_static(&[200])).unwrap_err().to_string();
        let newest = codec::FORMAT_NEWEST;
        assert_eq!(
            error,
            format!(
                "a command of format 200, and this Quorate reads formats up to {newest}; start the version of Quorate \
                 that wrote it, or a later one"
            )
        );
        let error = Replicated::decode(Bytes::from_static(&[1, 1, 255])).unwrap_err().to_string();
        assert!(error.contains("the unknown tag 255") && error.contains("start the Quorate that wrote it"), "{error}");
    }
}
