//! What can be set, with the unit, the bounds and the cost of each choice.

use std::path::PathBuf;

use quorate_base::metrics::Registry;

use crate::protocol::NodeId;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogWriter {
    /// Write and sync inside the task that appends. Needs no thread, so the simulator uses it; while the disk syncs,
    /// nothing else on that runtime goes on.
    Inline,
    /// Write and sync on a thread of its own: what arrives during one sync shares the next.
    Thread,
    /// `Inline` while entries come one at a time and the disk is quick, `Thread` otherwise. One client is answered
    /// without a change of thread, and many still share syncs.
    Adaptive,
}

/// What can be set. Lengths of time are in milliseconds, sizes in bytes.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server's identity. No default makes sense: [`Config::new`] asks for it.
    pub id: NodeId,

    /// Where the log and the snapshots are kept; made if absent, locked while in use. [`Config::new`] asks for it.
    pub directory: PathBuf,

    /// How often a leader tells the others that it lives. Above 0, below `election_ms_min`; typically a fifth of it, and
    /// well above a round trip. Too short wakes idle machines; too long lets one lost message start an election.
    pub heartbeat_ms: u64,

    /// The shortest silence after which a follower stands for election. Above `heartbeat_ms`, below `election_ms_max`;
    /// typically ten times a round trip and more than the longest sync of the disk. Too short, and a busy leader is
    /// deposed; too long, and a dead one is missed for longer.
    pub election_ms_min: u64,

    /// The end of the range from which each wait is drawn; also the length of a leader's lease, which followers honour.
    /// At least a few round trips above `election_ms_min`, or two candidates split the vote again and again.
    pub election_ms_max: u64,

    /// The size of a log file, preallocated. 64 KiB to 2 GiB, typically 64 MiB: the log gives space back in such pieces.
    /// Small ones cost a file switch often; large ones keep space and lengthen the check at start. The first files are
    /// smaller and double up to this.
    pub segment_bytes: u64,

    /// How much log may gather after a snapshot before the next is taken. At least 64 KiB; typically two segments. Small
    /// values write the whole state often; large ones lengthen a start and take disk.
    pub snapshot_after_log_bytes: u64,

    /// How many entries before a snapshot's end stay in the log, so that a follower a little behind is not sent the
    /// whole snapshot. 0 is allowed. A server that is alone keeps none, and no server does on a full disk.
    pub log_kept_entries: u64,

    /// The most bytes of log that stay before a snapshot's end, for the same followers. 0 is allowed; typically a quarter
    /// of `snapshot_after_log_bytes`. Large values take disk, small ones send more snapshots.
    pub log_kept_bytes: u64,

    /// See [`LogWriter`].
    pub log_writer: LogWriter,

    /// The most memory for the newest entries, from which followers and the application are fed without reading the
    /// disk. An entry larger than this is still kept while it is the newest. Small values read the disk for each batch
    /// applied; large ones only take memory.
    pub tail_bytes_max: usize,

    /// The most proposals under way at once; at least 1. Past it a proposal is refused as overloaded. Small values refuse
    /// bursts; large ones let answers take long before anyone is told.
    pub proposals_max: usize,

    /// The most bytes of proposals under way at once; at least `proposal_bytes_max`, at most a quarter of
    /// `segment_bytes`, because as much log space is set aside. Past it a proposal is refused as overloaded.
    pub proposals_bytes_max: usize,

    /// The largest command; at most an eighth of `segment_bytes`, because an entry never spans two log files.
    pub proposal_bytes_max: usize,

    /// How long a proposal waits for its answer before the proposer is told that the outcome is unknown. Above
    /// `election_ms_max`; typically a few elections. A leader that lost its majority holds proposals for this long.
    pub proposal_timeout_ms: u64,

    /// How long one request to another server may take, a piece of a snapshot included. Above a round trip plus a sync;
    /// below `election_ms_min` a slow follower cannot hold up the detection of a lost majority.
    pub rpc_timeout_ms: u64,

    /// The most entries in one request to a follower; at least 1.
    pub replication_entries_max: u64,

    /// About the most bytes of entries in one request to a follower; at most a quarter of `segment_bytes`, because the
    /// follower sets as much log space aside. A single larger entry still travels alone.
    pub replication_bytes_max: usize,

    /// The size of a piece of a snapshot on its way to a follower: what either side holds of it in memory. 4 KiB to
    /// 16 MiB. Small pieces cost round trips; large ones hold up heartbeats on a slow connection.
    pub snapshot_chunk_bytes: usize,

    /// Where measurements go; by default to a registry that nobody reads.
    pub metrics: Registry,
}

impl Config {
    /// The defaults for a server.
    pub fn new(id: NodeId, directory: impl Into<PathBuf>) -> Self {
        Self { id, directory: directory.into(), ..Self::default() }
    }

    /// The same with log files of this size, and what depends on it within bounds: for small disks and for simulations.
    pub fn with_segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self.snapshot_after_log_bytes = self.snapshot_after_log_bytes.min(2 * segment_bytes);
        self.log_kept_bytes = self.log_kept_bytes.min(self.snapshot_after_log_bytes / 4);
        self.proposal_bytes_max = self.proposal_bytes_max.min(segment_bytes as usize / 8);
        self.proposals_bytes_max = self.proposals_bytes_max.min(segment_bytes as usize / 4);
        self.replication_bytes_max = self.replication_bytes_max.min(segment_bytes as usize / 4);
        self
    }

    /// Says which setting is out of bounds, if any.
    pub fn check(&self) -> Result<(), String> {
        let rules: [(bool, &str); 13] = [
            (!self.id.is_nil(), "id must be set"),
            (self.heartbeat_ms > 0, "heartbeat_ms must be above 0"),
            (self.heartbeat_ms < self.election_ms_min, "heartbeat_ms must be below election_ms_min"),
            (self.election_ms_min < self.election_ms_max, "election_ms_min must be below election_ms_max"),
            ((64 << 10..=2 << 30).contains(&self.segment_bytes), "segment_bytes must be from 64 KiB to 2 GiB"),
            (self.snapshot_after_log_bytes >= 64 << 10, "snapshot_after_log_bytes must be at least 64 KiB"),
            (
                self.proposal_bytes_max as u64 <= self.segment_bytes / 8,
                "proposal_bytes_max must be at most an eighth of segment_bytes",
            ),
            (
                self.proposals_bytes_max as u64 <= self.segment_bytes / 4
                    && self.proposals_bytes_max >= self.proposal_bytes_max,
                "proposals_bytes_max must be from proposal_bytes_max to a quarter of segment_bytes",
            ),
            (
                self.replication_bytes_max as u64 <= self.segment_bytes / 4,
                "replication_bytes_max must be at most a quarter of segment_bytes",
            ),
            (self.proposals_max > 0, "proposals_max must be above 0"),
            (self.proposal_timeout_ms > self.election_ms_max, "proposal_timeout_ms must be above election_ms_max"),
            (
                self.rpc_timeout_ms > 0 && self.replication_entries_max > 0,
                "rpc_timeout_ms and replication_entries_max must be above 0",
            ),
            (
                (4 << 10..=16 << 20).contains(&self.snapshot_chunk_bytes),
                "snapshot_chunk_bytes must be from 4 KiB to 16 MiB",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: NodeId::nil(),
            directory: PathBuf::new(),
            heartbeat_ms: 100,
            election_ms_min: 500,
            election_ms_max: 1000,
            segment_bytes: 64 << 20,
            snapshot_after_log_bytes: 128 << 20,
            log_kept_entries: 10_000,
            log_kept_bytes: 32 << 20,
            log_writer: LogWriter::Adaptive,
            tail_bytes_max: 4 << 20,
            proposals_max: 16_384,
            proposals_bytes_max: 16 << 20,
            proposal_bytes_max: 4 << 20,
            proposal_timeout_ms: 10_000,
            rpc_timeout_ms: 2_000,
            replication_entries_max: 1024,
            replication_bytes_max: 1 << 20,
            snapshot_chunk_bytes: 1 << 20,
            metrics: Registry::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_at_every_size_of_files() {
        let config = Config::new(NodeId::from_u128(1), "/data");
        assert_eq!(config.check(), Ok(()));
        for shift in 16..=31 {
            assert_eq!(config.clone().with_segment_bytes(1 << shift).check(), Ok(()), "{shift}");
        }
        assert!(config.with_segment_bytes(1 << 15).check().unwrap_err().contains("segment_bytes"));
        assert!(Config::default().check().unwrap_err().contains("id"));
    }
}
