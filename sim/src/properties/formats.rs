//! No server has anything in its state of a format that it does not read: the leader goes over to a newer one only when
//! every member reads it.

use super::{Property, View};

#[derive(Default)]
pub(super) struct Formats;

impl Property for Formats {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        for server in view.servers {
            let (active, newest) = (server.state.format(), server.status.format_newest);
            if active > newest {
                return Err(format!("format {active} is active on {}, which reads {newest}", server.status.name));
            }
        }
        Ok(())
    }
}
