//! The way of one packet through the shell: from the published state at once, or later if it takes a wait.
//!
//! What takes a wait (a recursor, or a leader if `allow_stale` is off) is done by a task of the DNS runtime. How many of
//! those there may be at once is bounded ([`Waits`]); past the bound the client is told SERVFAIL.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_base::Host;
use quorate_base::metrics::Registry;
use quorate_node::{Caller, Consistency, Handle, View};

use crate::foreign::Foreign;
use crate::health::Health;
use crate::measure::Metrics;
use crate::random::Shuffle;
use crate::recursor::{Recursors, Way};
use crate::respond::{self, Asked, Outcome, Responder, Transport};
use crate::waits::{WaitPlace, Waits};
use crate::zone::{CurrentZone, Zone};

/// From which age on an answer counts as stale in the metrics; Consul's.
const STALE: Duration = Duration::from_secs(5);
/// How many names outside an answer may lead to that recursors are asked about.
const OUTSIDE_NAMES_MAX: usize = 8;
/// How often an answer may lead on to further names outside.
const ROUNDS_MAX: usize = 3;

/// What all threads and tasks share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    zone: CurrentZone,
    node: Handle,
    host: Host,
    metrics: Metrics,
    waits: Waits,
    /// Which recursors answer.
    health: Health,
    /// What answers questions that waited, one at a time and all on one thread.
    late: Mutex<Responder>,
    is_stopping: AtomicBool,
}

/// What one thread keeps between packets.
pub(crate) struct Worker {
    service: Service,
    responder: Responder,
    /// What is passed where nothing is known of names outside.
    nothing: Foreign,
}

/// What became of a packet.
pub(crate) enum Handled {
    /// The answer is written.
    Answered(Asked),
    Ignored,
    /// It takes a wait.
    Later(Wait),
}

/// A packet that waits. Its place is free for another when this is dropped.
pub(crate) struct Wait {
    /// The zone that it came to, by which it is answered also if there is another by then.
    zone: Zone,
    outcome: Option<Outcome>,
    _place: WaitPlace,
}

impl Service {
    pub(crate) fn new(zone: Zone, node: Handle, host: Host, registry: &Registry) -> Self {
        let metrics = Metrics::new(registry, &zone.settings.node_name);
        let late = Responder::new(zone.clone(), Shuffle::new(host.random.number()));
        Self(Arc::new(Inner {
            zone: CurrentZone::new(zone),
            node,
            host,
            metrics,
            waits: Waits::new(),
            health: Health::default(),
            late: Mutex::new(late),
            is_stopping: AtomicBool::new(false),
        }))
    }

    /// Has all questions from now on answered by another zone.
    pub(crate) fn set_zone(&self, zone: Zone) {
        self.0.zone.set(zone);
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Has all threads end soon.
    pub(crate) fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Relaxed)
    }

    /// What a thread needs to answer.
    pub(crate) fn worker(&self) -> Worker {
        let responder = Responder::new(self.0.zone.get(), Shuffle::new(self.0.host.random.number()));
        Worker { service: self.clone(), responder, nothing: Foreign::default() }
    }
}

impl Worker {
    /// Answers a client's packet into `out` if that can be done at once.
    pub(crate) fn handle(&mut self, packet: &[u8], transport: Transport, client: IpAddr, out: &mut Vec<u8>) -> Handled {
        self.follow_zone();
        let outcome = if let Some(state) = self.view() {
            let outcome = self.responder.respond(&state, packet, transport, &self.nothing, out);
            match outcome {
                Outcome::Answered(asked) => return Handled::Answered(asked),
                Outcome::Ignored => return Handled::Ignored,
                outcome => Some(outcome),
            }
        } else {
            None
        };
        let (inner, zone) = (&*self.service.0, self.responder.zone());
        let place = match outcome {
            Some(Outcome::Forward) => inner.waits.outside(client),
            _ => inner.waits.zone(client),
        };
        match place {
            Some(place) => Handled::Later(Wait { zone: zone.clone(), outcome, _place: place }),
            None => {
                inner.metrics.refused_waits.increment();
                respond::respond_failure(zone, packet, transport, out);
                if out.is_empty() { Handled::Ignored } else { Handled::Answered(Asked::Nothing) }
            }
        }
    }

    /// Answers by the zone that there is now.
    fn follow_zone(&mut self) {
        let current = &self.service.0.zone;
        if !current.is(self.responder.zone()) {
            self.responder.set_zone(current.get());
        }
    }

    /// What may be shown now; `None` if that takes a wait.
    fn view(&self) -> Option<View> {
        let (inner, settings) = (&*self.service.0, &self.responder.zone().settings);
        if !settings.allow_stale {
            return inner.node.view_now(&Caller::anonymous(), Consistency::Default);
        }
        let view = inner.node.view_now(&Caller::anonymous(), Consistency::Stale(Some(settings.max_stale)))?;
        if Duration::from_millis(view.freshness().last_contact_ms) > STALE {
            inner.metrics.stale_queries.increment();
        }
        Some(view)
    }
}

impl Service {
    /// Answers a packet that takes a wait. The answer is empty if there is to be none.
    pub(crate) async fn answer_later(&self, packet: &[u8], transport: Transport, wait: &mut Wait) -> Vec<u8> {
        let inner = &*self.0;
        let mut out = Vec::new();
        let mut outcome = wait.outcome.take();
        let zone = &wait.zone;
        let mut foreign = Foreign::default();
        // What was found before led outside of the zone; the leader need not be asked for the rest.
        let mut consistency = Consistency::STALE;
        for _ in 0..ROUNDS_MAX {
            match outcome {
                None => {
                    consistency = Consistency::Default;
                }
                Some(Outcome::Forward) => return self.forward(zone, packet, transport).await,
                Some(Outcome::Resolve(names)) => self.resolve(zone, &names, packet, &mut foreign).await,
                Some(Outcome::Answered(_) | Outcome::Ignored) => return out,
            }
            let Ok(state) = inner.node.view(&Caller::anonymous(), consistency).await else {
                respond::respond_failure(zone, packet, transport, &mut out);
                return out;
            };
            let mut responder = inner.late.lock().unwrap_or_else(PoisonError::into_inner);
            if !responder.zone().is(zone) {
                responder.set_zone(zone.clone());
            }
            outcome = Some(responder.respond(&state, packet, transport, &foreign, &mut out));
        }
        // What is written is the answer as far as it is known.
        out
    }

    fn recursors<'a>(&'a self, zone: &'a Zone) -> Recursors<'a> {
        Recursors::new(&zone.settings, &*self.0.host.random, &self.0.health)
    }

    async fn forward(&self, zone: &Zone, packet: &[u8], transport: Transport) -> Vec<u8> {
        let mut out = Vec::new();
        let way = match transport {
            Transport::Udp => Way::Datagram,
            Transport::Tcp => Way::Connection,
        };
        match self.recursors(zone).ask(packet, way).await {
            Some(answer) if answer.len() <= respond::answer_bytes_max(zone, packet, transport) => answer,
            Some(_) => {
                respond::respond_cut(zone, packet, &mut out);
                out
            }
            None => {
                respond::respond_failure(zone, packet, transport, &mut out);
                out
            }
        }
    }

    /// Asks recursors for what an answer leads to.
    async fn resolve(&self, zone: &Zone, names: &[String], packet: &[u8], foreign: &mut Foreign) {
        let kinds = respond::outside_kinds(packet);
        for name in names {
            foreign.note_asked(name);
        }
        let wanted = names.iter().take(OUTSIDE_NAMES_MAX).flat_map(|name| kinds.iter().map(move |kind| (name, *kind)));
        let answers = wanted.map(|(name, kind)| async move {
            let query = respond::outside_query(name, kind)?;
            Some((name, self.recursors(zone).ask(&query, Way::Whole).await?))
        });
        for (name, answer) in futures_util::future::join_all(answers).await.into_iter().flatten() {
            foreign.note(name, &answer);
        }
    }
}
