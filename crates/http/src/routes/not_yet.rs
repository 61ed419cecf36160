//! Routes of Consul that Quorate does not serve yet: the answer names the route, so that nobody takes it for a wrong path
//! or an empty result.

use hyper::StatusCode;

use super::{Action, Doing};
use crate::reply::Refused;

/// A route that is not served yet.
pub(super) const NOT_YET: Action = Action::Do(|call| {
    Box::pin(async move {
        let text = format!(
            "{} {} is a route of Consul that this version of Quorate does not serve yet",
            call.head.method,
            call.head.uri.path()
        );
        Err(Refused { status: StatusCode::NOT_IMPLEMENTED, text: text.into() })
    }) as Doing
});
