//! Acknowledged writes are durable: whatever was crashed, each is on every server once the cluster has settled.

use super::{Property, View};

#[derive(Default)]
pub(super) struct AcknowledgedWrites;

impl Property for AcknowledgedWrites {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        if !view.settled {
            return Ok(());
        }
        for server in view.servers {
            for (key, value) in view.accounts.journal() {
                let found = server.state.key(key.as_bytes()).map(|entry| entry.value.to_vec());
                if found.as_deref() != Some(value.as_bytes()) {
                    return Err(format!("{} lost the acknowledged {key}: it has {found:?}", server.status.id));
                }
            }
        }
        Ok(())
    }
}
