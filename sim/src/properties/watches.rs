//! A watch never misses the last change: once the cluster has settled, what each watcher was told last is what is there.

use super::{Property, View};
use crate::clients::watched;

#[derive(Default)]
pub(super) struct Watches;

impl Property for Watches {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        let Some(server) = view.servers.first().filter(|_| view.settled) else {
            return Ok(());
        };
        for (prefix, told) in view.accounts.told() {
            let present = watched(&server.state, &prefix);
            if told != present {
                return Err(format!("a watcher of {prefix:?} was told {told:?} last, but there is {present:?}"));
            }
        }
        Ok(())
    }
}
