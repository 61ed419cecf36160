//! `/v1/acl/`: there are no ACLs yet, and clients that ask learn so in Consul's words.

use hyper::StatusCode;

use super::{Action, Doing};
use crate::reply::Refused;
use crate::request::Call;

/// A route of the ACL system.
pub(super) const DISABLED: Action = Action::Do(|_| {
    Box::pin(async { Err(Refused { status: StatusCode::UNAUTHORIZED, text: "ACL support disabled".into() }) }) as Doing
});

/// A route of the ACL system before Consul 1.4, which 1.11 took away.
pub(super) const LEGACY: Action = Action::Do(|call| Box::pin(async move { Err(legacy(&call)) }) as Doing);

fn legacy(call: &Call) -> Refused {
    let path = call.head.uri.path();
    let text = format!("Endpoint {path} for the legacy ACL system was removed in Consul 1.11.");
    Refused { status: StatusCode::GONE, text: text.into() }
}
