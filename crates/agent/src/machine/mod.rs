//! The local state as a machine: fed with requests, results of runs and the time, drained of [`Effect`]s.
//!
//! - `services`: what is registered and removed, and when that disturbs a check;
//! - `checks`: when a check runs, what a result does to its status, and when a critical service is given up;
//! - `aliases`: checks that take over the health of others;
//! - `sync`: what the catalog still has to be told;
//! - `compare`: what of that a look at the catalog finds;
//! - `turns`: how many runs may be under way, and who waits;
//! - `timers`: the one table of deadlines.
//!
//! Times are milliseconds since the agent started. Whoever feeds the machine drains its effects afterwards and looks at
//! [`Machine::next_deadline`].

mod aliases;
mod checks;
mod compare;
mod services;
mod sync;
mod timers;
mod turns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use imbl::OrdMap;
use quorate_state::{CheckStatus, Service};

use crate::definition::{CheckDefinition, ServiceDefinition, Source};
use crate::settings::Settings;
use timers::{Timer, Timers};
use turns::Turns;

pub(crate) use aliases::health_of;
pub use services::Changed;
pub(crate) use services::maintenance_of;
pub use sync::{Extent, NodeView, Step, Told};

/// The id of a service or check.
pub type Id = Arc<str>;

/// What is to be done outside of the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Start a run of a check; its end is told with [`Machine::run_ended`].
    Run {
        /// The run, numbered from 1.
        run: u64,
        /// What is to be done.
        check: Arc<CheckDefinition>,
    },
    /// Look at whom an alias of another node stands for, again for each change there, until this is cancelled. What is found
    /// is told with [`Machine::followed`].
    Follow {
        /// The run.
        run: u64,
        /// The alias.
        check: Arc<CheckDefinition>,
        /// How long to wait for a change before looking again, in milliseconds.
        interval_ms: u64,
    },
    /// End a run whose result nobody wants any more. Its end is told all the same, but not that of following.
    Cancel {
        /// The run.
        run: u64,
    },
    /// Keep on disk what a TTL check was told.
    KeepState(Id, TtlState),
    /// Forget what is kept on disk of this.
    Forget(StoreKey),
    /// There is something for the catalog.
    Sync,
    /// A service changed; whoever waits for that looks again.
    ServicesChanged,
}

/// What is kept on disk, each in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreKey {
    /// The definition of a service.
    Service(Id),
    /// The definition of a check that is no part of a service's.
    Check(Id),
    /// What a TTL check was told.
    State(Id),
}

/// What a TTL check was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtlState {
    /// Its status.
    pub status: CheckStatus,
    /// What it said.
    pub output: String,
    /// For how long that holds from now, in milliseconds.
    pub left_ms: u64,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunResult {
    /// The status that it found.
    pub status: CheckStatus,
    /// What it said.
    pub output: String,
}

/// A service as it is now.
#[derive(Clone, Debug)]
pub struct ServiceEntry {
    /// The service; its tags are the catalog's where others may change them.
    pub service: Service,
    /// Where it came from.
    pub source: Source,
    /// What a file defined, to be compared when files are read again. Of what came by requests nothing is kept twice.
    of_file: Option<Box<ServiceDefinition>>,
}

/// A check as it is now.
#[derive(Clone, Debug)]
pub struct CheckEntry {
    /// What was registered.
    pub definition: Arc<CheckDefinition>,
    /// Where it came from.
    pub source: Source,
    /// Whether it came with the definition of its service.
    pub is_of_service: bool,
    /// Its status.
    pub status: CheckStatus,
    /// What it last said.
    pub output: String,
    /// How many results in a row did not fail.
    successes: u32,
    /// How many results in a row failed.
    failures: u32,
    /// The run that is under way.
    run: Option<u64>,
    /// Whether it waits for its turn to run.
    is_queued: bool,
}

/// Services by id. A copy costs nothing, and stays as it is.
pub type Services = OrdMap<Id, ServiceEntry>;
/// Checks by id. A copy costs nothing, and stays as it is.
pub type Checks = OrdMap<Id, CheckEntry>;

/// The local state.
pub struct Machine {
    settings: Arc<Settings>,
    services: Services,
    checks: Checks,
    /// The checks of each service; those of the node under the empty id.
    checks_of: BTreeMap<Id, BTreeSet<Id>>,
    /// The alias checks of each service of this node; those of the node itself under the empty id.
    aliases_of: BTreeMap<Id, BTreeSet<Id>>,
    timers: Timers,
    turns: Turns,
    runs_started: u64,
    sync: sync::SyncState,
    effects: VecDeque<Effect>,
    random: SplitMix,
}

impl Machine {
    /// An empty local state. Entries are compared with the catalog at once.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Self {
        let mut machine = Self {
            settings,
            services: OrdMap::new(),
            checks: OrdMap::new(),
            checks_of: BTreeMap::new(),
            aliases_of: BTreeMap::new(),
            timers: Timers::default(),
            turns: Turns::default(),
            runs_started: 0,
            sync: sync::SyncState::default(),
            effects: VecDeque::new(),
            random: SplitMix(seed),
        };
        machine.timers.set(Timer::FullSync, 0);
        machine
    }

    /// Goes by other settings from now on. The node's name stays.
    pub fn set_settings(&mut self, settings: Arc<Settings>) {
        self.settings = settings;
    }

    /// The services by id.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The checks by id.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The checks of a service, or of the node for the empty id.
    pub fn checks_of<'a>(&'a self, service_id: &str) -> impl Iterator<Item = &'a CheckEntry> {
        self.checks_of.get(service_id).into_iter().flatten().filter_map(|id| self.checks.get(id))
    }

    /// When [`Self::handle_timeout`] is wanted next.
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.next()
    }

    /// The next thing to do, in order.
    pub fn take_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Acts on every deadline that has come.
    pub fn handle_timeout(&mut self, now: u64) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Run(id) => self.run_is_due(&id),
                Timer::Ttl(id) => self.ttl_expired(now, &id),
                Timer::GiveUp(id) => self.give_up(now, &id),
                Timer::Output(id) => self.check_is_dirty(&id),
                Timer::FullSync => self.full_sync_is_due(now),
                Timer::SyncRetry => self.retry_is_due(),
            }
        }
        self.start_runs();
    }

    fn emit(&mut self, effect: Effect) {
        // Several in a row say no more than one.
        let says_the_same = matches!(effect, Effect::Sync | Effect::ServicesChanged);
        if !says_the_same || !self.effects.contains(&effect) {
            self.effects.push_back(effect);
        }
    }
}

/// A small generator of random numbers (SplitMix64), for spreading work over time.
struct SplitMix(u64);

impl SplitMix {
    /// A number below `limit`; 0 if that is 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

/// A duration in the machine's milliseconds.
fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
