//! Waiting for user events.

use std::net::IpAddr;

use quorate_state::{Key, Topic};
use tokio::time::Instant;

use crate::error::Refusal;
use crate::events::EventList;
use crate::handle::Handle;
use crate::request::{AskEvents, Wait};
use crate::watch::Woken;

impl Handle {
    /// Waits until the list of events is a different one, the whole state is replaced, or the time is over.
    pub(crate) async fn wait_for_events(
        &self,
        client: Option<IpAddr>,
        ask: &AskEvents,
        wait: Wait,
    ) -> Result<EventList, Refusal> {
        let _place = self.parked().take_place(client)?;
        let deadline = Instant::now() + wait.at_most;
        let mut news = self.events().news.subscribe();
        let nudges = news.borrow_and_update().nudges;
        // No command writes the empty key: only the replacement of the whole state wakes this.
        let mut restores = self.watch(&[Topic::Key(Key::from(""))])?;
        loop {
            let list = self.events().list(&ask.name);
            if list.index != wait.seen || news.borrow_and_update().nudges != nudges {
                return Ok(list);
            }
            let is_over = tokio::select! {
                changed = news.changed() => changed.is_err(),
                woken = restores.changed() => woken == Woken::Replaced,
                () = tokio::time::sleep_until(deadline) => true,
            };
            if is_over {
                return Ok(self.events().list(&ask.name));
            }
        }
    }
}
