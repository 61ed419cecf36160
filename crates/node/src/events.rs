//! User events: the last ones that this agent saw, in memory, oldest first. They are news, not state: nothing is lost
//! that the log promised when a restart forgets them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

/// How many events are kept, as in Consul.
const EVENTS_MAX: usize = 256;

/// A user event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What the sender attached.
    pub payload: Vec<u8>,
    /// A regular expression for the names of the nodes it is meant for; empty for all.
    pub node_filter: String,
    /// A regular expression for the services it is meant for; empty for all.
    pub service_filter: String,
    /// A regular expression for the tags of those services; empty for all.
    pub tag_filter: String,
    /// Its Lamport time, given when it is seen.
    pub lamport_time: u64,
}

/// The events seen.
pub(crate) struct Events {
    seen: Mutex<VecDeque<Event>>,
    /// How many events were ever seen.
    count: watch::Sender<u64>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { seen: Mutex::default(), count: watch::Sender::new(0) }
    }

    /// Keeps an event, forgetting the oldest if there are too many, and gives it its Lamport time.
    pub(crate) fn push(&self, mut event: Event) {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            event.lamport_time = seen.back().map_or(2, |last| last.lamport_time + 1);
            if seen.len() == EVENTS_MAX {
                seen.pop_front();
            }
            seen.push_back(event);
        }
        self.count.send_modify(|count| *count += 1);
    }

    pub(crate) fn list(&self) -> Vec<Event> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_are_forgotten_and_times_rise() {
        let events = Events::new();
        for number in 0..300u128 {
            events.push(Event {
                id: Uuid::from_u128(number),
                name: String::new(),
                payload: Vec::new(),
                node_filter: String::new(),
                service_filter: String::new(),
                tag_filter: String::new(),
                lamport_time: 0,
            });
        }
        let list = events.list();
        assert_eq!(list.len(), EVENTS_MAX);
        assert_eq!(list[0].id, Uuid::from_u128(44));
        assert!(list.windows(2).all(|pair| pair[0].lamport_time < pair[1].lamport_time));
    }
}
