//! What the zone and its servers are told when they start, or by a reload. Parsing flags and files is the binary's affair.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Everything that the operator can say about DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The zone that is answered, such as `consul`; a trailing dot and case make no difference.
    pub domain: String,
    /// A second name of the same zone; answers to questions in it name it and not the first.
    pub alt_domain: Option<String>,
    /// The datacenter, as it may follow `node`, `service` and `addr`.
    pub datacenter: String,
    /// How long an answer about a node may be kept, in seconds. 0, Consul's, has every resolver ask again each time.
    pub node_ttl_seconds: u32,
    /// The same for services by name. A key may end in `*` for all names that begin so; the longest beginning wins, and
    /// a whole name before any. What matches none has 0.
    pub service_ttl_seconds: BTreeMap<String, u32>,
    /// Whether instances with warnings are left out, too. Critical ones always are.
    pub only_passing: bool,
    /// Whether a server that is not the leader answers from what it has. Without it each question waits for the leader's
    /// lease, and there is no answer while there is no leader.
    pub allow_stale: bool,
    /// How old what it has may be for that; older, and it answers as if `allow_stale` were off. Consul's ten years mean
    /// that it answers through any outage.
    pub max_stale: Duration,
    /// The most records in an answer over UDP to a client that takes no more than 512 bytes; 0 for as many as fit.
    /// Clients that balance over few records want few, others want none of this.
    pub udp_answer_limit: usize,
    /// The most addresses in an answer for a service, over UDP and TCP; 0 for no limit.
    pub a_record_limit: usize,
    /// Whether an answer that was cut says so, whereupon the client asks again over TCP. An answer of which nothing fits
    /// always says it.
    pub enable_truncate: bool,
    /// Whether names are written out each time they appear, for clients that can't follow pointers.
    pub disable_compression: bool,
    /// Whether answers that name a node carry its metadata as TXT records beside them.
    pub node_meta_txt: bool,
    /// The numbers of the zone's SOA record.
    pub soa: Soa,
    /// Where questions about the rest of the world go; without any they are refused.
    pub recursors: Vec<SocketAddr>,
    /// In which order they are asked.
    pub recursor_strategy: RecursorStrategy,
    /// How long each is waited for. Clients give up after some 5 s, so two of them must fit into that.
    pub recursor_timeout: Duration,
    /// This node's name, the label of the metrics.
    pub node_name: String,
    /// How many sockets and threads serve UDP on each address; 0 for one per processor.
    pub udp_sockets: usize,
}

/// The numbers of the zone's SOA record, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// How often a secondary server would look for changes.
    pub refresh: u32,
    /// How soon it would try again.
    pub retry: u32,
    /// When it would give up.
    pub expire: u32,
    /// How long a resolver may keep the answer that there is nothing. 0, Consul's, has a service seen as soon as it comes.
    pub min_ttl: u32,
}

impl Default for Soa {
    fn default() -> Self {
        Self { refresh: 3_600, retry: 600, expire: 86_400, min_ttl: 0 }
    }
}

/// In which order recursors are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecursorStrategy {
    /// As they were given.
    #[default]
    Sequential,
    /// At random, anew for each question.
    Random,
}

impl Default for Settings {
    /// Consul's defaults.
    fn default() -> Self {
        const HOUR: u64 = 3_600;
        Self {
            domain: "consul".into(),
            alt_domain: None,
            datacenter: "dc1".into(),
            node_ttl_seconds: 0,
            service_ttl_seconds: BTreeMap::new(),
            only_passing: false,
            allow_stale: true,
            max_stale: Duration::from_secs(87_600 * HOUR),
            udp_answer_limit: 3,
            a_record_limit: 0,
            enable_truncate: false,
            disable_compression: false,
            node_meta_txt: true,
            soa: Soa::default(),
            recursors: Vec::new(),
            recursor_strategy: RecursorStrategy::default(),
            recursor_timeout: Duration::from_secs(2),
            node_name: String::new(),
            udp_sockets: 0,
        }
    }
}
