//! What requests may ask, and how long they may wait.

use std::time::Duration;

use quorate_base::duration::GoDuration;

use super::{ConfigError, Resolver, SIZE_LIMIT_MAX};

/// What requests may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many connections each client, by its address, may have at once; 200 by default. The processes on one machine
    /// share them.
    pub(crate) connections_per_client_max: usize,
    /// How long a client may take to begin TLS; 5 s by default.
    pub(crate) handshake_timeout: Duration,
    /// The largest value of a key in bytes; 512 KiB by default. Each is one entry of the log: megabytes delay heartbeats.
    pub(crate) kv_value_bytes_max: usize,
    /// The largest body of a transaction in bytes; 512 KiB by default, never below the above.
    pub(crate) txn_body_bytes_max: usize,
    /// The most operations of a transaction; 128 by default.
    pub(crate) txn_operations_max: usize,
    /// The shortest time-to-live of a session; 10 s by default. Shorter ones cost a write each renewal.
    pub(crate) session_ttl_min: Duration,
    /// How long a blocking query waits that names no time; 5 min by default, never above the next.
    pub(crate) wait_default: Duration,
    /// The longest that a blocking query may wait; 10 min by default.
    pub(crate) wait_max: Duration,
    /// How long a deleted key is remembered for those who watch; 15 min by default. Shorter than a watcher's absence, and
    /// it gets one answer too many; longer, and mass deletes hold memory.
    pub(crate) tombstone_ttl: Duration,
}

/// The most operations that a transaction may be allowed: each is applied while nothing else is.
const TXN_OPERATIONS_LIMIT_MAX: i64 = 65_536;

/// How many connections a client may have unless the configuration says; Consul's default.
const CONNECTIONS_PER_CLIENT: i64 = 200;

impl Resolver<'_> {
    pub(super) fn limits(&self) -> Result<Limits, ConfigError> {
        let size = |path| self.number(path, 512 * 1024, 1..=SIZE_LIMIT_MAX).map(|bytes| bytes as usize);
        let seconds = |count: i64| GoDuration(count * GoDuration::SECOND.0);
        let kv_value_bytes_max = size("limits.kv_max_value_size")?;
        let session_ttl_min = match self.duration("session_ttl_min", GoDuration(0))? {
            GoDuration(0) => seconds(10),
            given => given,
        };
        let wait_max = self.duration("max_query_time", seconds(600))?;
        let wait_default = self.duration("default_query_time", seconds(300))?.min(wait_max);
        let per_client =
            self.number("limits.http_max_conns_per_client", CONNECTIONS_PER_CLIENT, i64::MIN..=i64::MAX)?;
        Ok(Limits {
            // As in Consul, there is no limit without a positive one.
            connections_per_client_max: usize::try_from(per_client).ok().filter(|max| *max > 0).unwrap_or(usize::MAX),
            handshake_timeout: self.duration("limits.https_handshake_timeout", seconds(5))?.to_std(),
            kv_value_bytes_max,
            txn_body_bytes_max: size("limits.txn_max_req_len")?.max(kv_value_bytes_max),
            txn_operations_max: self.number("limits.txn_max_ops", 128, 1..=TXN_OPERATIONS_LIMIT_MAX)? as usize,
            session_ttl_min: session_ttl_min.to_std(),
            wait_default: wait_default.to_std(),
            wait_max: wait_max.to_std(),
            tombstone_ttl: self.duration("tombstone_ttl", seconds(15 * 60))?.to_std(),
        })
    }
}
