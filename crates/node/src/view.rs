//! The state as it may be shown to a caller, for those who find an answer by many small looks: DNS.
//!
//! A view is taken by the same rules as an answer: the state must be fresh enough, and what the caller may not see will
//! not be in it. Unlike an answer it can't be sent, so a view is always of the server's own state.

use std::ops::Deref;
use std::sync::Arc;

use quorate_state::State;

use crate::error::Refusal;
use crate::freshness::{Consistency, Freshness};
use crate::handle::Handle;
use crate::request::Caller;

/// The state of one moment, for one caller.
#[derive(Clone)]
pub struct View {
    state: Arc<State>,
    freshness: Freshness,
}

impl View {
    /// How fresh it is.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }
}

impl Deref for View {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl Handle {
    /// What `caller` may see, if the state is fresh enough and it takes no wait to know so. Costs some nanoseconds.
    pub fn view_now(&self, caller: &Caller, consistency: Consistency) -> Option<View> {
        let freshness = self.ready_now(consistency)?;
        Some(self.view_of(caller, freshness))
    }

    /// The same, after a wait until the state is fresh enough.
    pub async fn view(&self, caller: &Caller, consistency: Consistency) -> Result<View, Refusal> {
        let freshness = self.ready(consistency).await?;
        Ok(self.view_of(caller, freshness))
    }

    /// The one place that will leave out what the caller has no right to.
    fn view_of(&self, _caller: &Caller, freshness: Freshness) -> View {
        View { state: self.snapshot(), freshness }
    }
}
