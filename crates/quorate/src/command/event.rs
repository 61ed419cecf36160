//! `event`.

use quorate_api::UserEvent;
use regex::Regex;

use super::connect::client;
use super::output::{Failure, print};
use crate::flags::EventFlags;

/// Fires an event.
pub(super) async fn event(flags: EventFlags) -> Result<(), Failure> {
    if flags.name.is_empty() {
        return Err(Failure::new("Event name must be specified"));
    }
    for (pattern, what) in [(&flags.node, "node"), (&flags.service, "service"), (&flags.tag, "tag")] {
        Regex::new(pattern).map_err(Failure::of(&format!("Failed to compile {what} filter regexp")))?;
    }
    if !flags.tag.is_empty() && flags.service.is_empty() {
        return Err(Failure::new("Cannot provide tag filter without service filter."));
    }
    if flags.arguments.len() > 1 {
        return Err(Failure::new("Too many command line arguments."));
    }
    let payload = flags.arguments.into_iter().next().map(std::ffi::OsString::into_encoded_bytes);
    let event = UserEvent {
        name: flags.name.into(),
        payload: payload.filter(|payload| !payload.is_empty()).map(|payload| quorate_api::kv::Bytes64(payload.into())),
        node_filter: flags.node.into(),
        service_filter: flags.service.into(),
        tag_filter: flags.tag.into(),
        ..UserEvent::default()
    };
    let client = client(&flags.http, None)?;
    let fired = client.event_fire(&event).await.map_err(Failure::of("Error firing event"))?;
    print(format!("Event ID: {}", fired.id))
}
