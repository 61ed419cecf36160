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

/// Events seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventList {
    /// Made from the id of the last one, so that it is a different number for different lists, and no order. At least 1.
    pub index: u64,
    /// The events, oldest first.
    pub events: Vec<Event>,
}

/// The two halves of an id, one upon the other.
fn index_of(id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    (high ^ low).max(1)
}

/// The events seen.
pub(crate) struct Events {
    seen: Mutex<VecDeque<Event>>,
    pub(crate) news: watch::Sender<News>,
}

/// Wakes those who wait for events.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct News {
    /// How often all waits were ended.
    pub(crate) nudges: u64,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { seen: Mutex::default(), news: watch::Sender::new(News::default()) }
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
        self.news.send_modify(|_| ());
    }

    /// The events of a name, or all if it is empty; oldest first.
    pub(crate) fn list(&self, name: &str) -> EventList {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let events: Vec<Event> = seen.iter().filter(|event| name.is_empty() || event.name == name).cloned().collect();
        EventList { index: events.last().map_or(1, |event| index_of(event.id)), events }
    }

    /// Ends all waits.
    pub(crate) fn nudge_all(&self) {
        self.news.send_modify(|news| news.nudges += 1);
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
        assert!(events.list("none").events.is_empty());
        let list = events.list("").events;
        assert_eq!(list.len(), EVENTS_MAX);
        assert_eq!(list[0].id, Uuid::from_u128(44));
        assert!(list.windows(2).all(|pair| pair[0].lamport_time < pair[1].lamport_time));
    }
}
