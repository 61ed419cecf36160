//! Lists that the agent itself answers: their filter, and how they are sent.

use quorate_filter::{Budget, Filter, FilterError, Schema};
use serde::Serialize;

use crate::call::Call;
use crate::reply::{self, Outcome, Refused};
use crate::shared::Shared;

/// A filter while it runs over one list.
#[derive(Debug)]
pub(super) struct Filtering {
    filter: Option<Filter>,
    budget: Budget,
}

impl Filtering {
    /// The filter of a request, or why its text is none. One with patterns is compiled elsewhere, since that takes long.
    pub(super) async fn of(call: &Call, schema: &'static Schema) -> Result<Self, FilterError> {
        let text = call.parameters.first_bytes("filter");
        if text.is_empty() {
            return Ok(Self { filter: None, budget: Budget::default() });
        }
        let compiled = match Filter::may_have_patterns(text) {
            true => {
                let _turn = call.server.large.turn().await;
                let text = text.to_owned();
                call.server.elsewhere(move || Filter::parse(&text, schema)).await
            }
            false => None,
        };
        let filter = compiled.unwrap_or_else(|| Filter::parse(text, schema))?;
        Ok(Self { filter: Some(filter), budget: Budget::default() })
    }

    /// Whether an element passes. It is only converted if there is a filter.
    pub(super) fn passes<T: Serialize>(&mut self, element: &T) -> Result<bool, Refused> {
        let Some(filter) = &self.filter else { return Ok(true) };
        // What the wire shows always converts.
        let Ok(element) = serde_json::to_value(element) else { return Ok(false) };
        filter.matches(&element, &mut self.budget).map_err(|error| Refused::bad_request(error.to_string()))
    }
}

/// A list of more entries than this is encoded away from the thread that everything else needs: it takes some 3 ms.
const LONG_ENTRIES: usize = 1_000;

/// Answers with a list of so many entries that the agent itself has, as `encode` makes it.
pub(super) async fn own_list(
    call: Call,
    entries: usize,
    encode: impl FnOnce(&Shared, bool) -> Result<Vec<u8>, Refused> + Send + 'static,
) -> Result<Outcome, Refused> {
    let (server, pretty) = (call.server.clone(), call.pretty());
    if entries <= LONG_ENTRIES {
        return Ok(Outcome::Ready(reply::json(encode(&server, pretty)?)));
    }
    let turn = call.server.large.turn().await;
    server.large.check_room()?;
    let made = call.server.elsewhere(move || Ok(server.large.count(encode(&server, pretty)?.into()))).await;
    drop(turn);
    made.unwrap_or_else(|| Err(Refused::internal("the server is stopping")))
        .map(|body| Outcome::Ready(reply::json(body)))
}

impl From<FilterError> for Refused {
    fn from(error: FilterError) -> Self {
        Self::internal(error.to_string())
    }
}
