//! `/v1/acl/`: there are no ACLs yet, and clients that ask learn so in Consul's words.

use hyper::StatusCode;

use super::{Action, Doing};
use crate::reply::Refused;

/// A route of the ACL system.
pub(super) const DISABLED: Action = Action::Do(|_| {
    Box::pin(async { Err(Refused { status: StatusCode::UNAUTHORIZED, text: "ACL support disabled".into() }) }) as Doing
});
