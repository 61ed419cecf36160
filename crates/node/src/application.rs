//! The state as consensus drives it: decode, apply, publish, wake.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use quorate_consensus::{Application, RestoreError, SnapshotRecords, SnapshotSink, SnapshotSource};
use quorate_state::{Changes, Response, State, StateBuilder};
use tokio::time::Instant;

use crate::codec;
use crate::leader::{LeaderClock, SessionClock};
use crate::metrics::Metrics;
use crate::watch::WatchTable;

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
    shared: Arc<Shared>,
    #[cfg(feature = "sabotage")]
    sabotage: crate::sabotage::Running,
}

impl Replicated {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            state: State::default(),
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
        self.shared.published.store(Arc::new(self.state.clone()));
        if !changes.is_empty() {
            self.shared.watches.wake(changes);
            self.shared.sessions.follow(&self.state, changes);
        }
    }
}

impl Application for Replicated {
    type Response = Response;

    fn apply(&mut self, commands: &mut dyn Iterator<Item = (u64, Bytes)>, responses: &mut Vec<Response>) {
        let mut changes = Changes::default();
        for (index, bytes) in commands {
            // Skipping what it can't read would make this server's state another one than its peers'.
            let command = codec::decode_command(&bytes)
                .unwrap_or_else(|error| panic!("entry {index} of the log can't be applied: it holds {error}"));
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
        self.publish(&Changes { everything: true, ..Changes::default() });
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
