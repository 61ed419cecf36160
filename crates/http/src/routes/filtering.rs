//! The filter of a list that the agent itself answers.

use quorate_filter::{Budget, Filter, FilterError, Schema};
use serde::Serialize;

use crate::call::Call;
use crate::reply::Refused;

/// A filter while it runs over one list.
#[derive(Debug)]
pub(super) struct Filtering {
    filter: Option<Filter>,
    budget: Budget,
}

impl Filtering {
    /// The filter of a request, or why its text is none.
    pub(super) fn of(call: &Call, schema: &Schema) -> Result<Self, FilterError> {
        let text = call.parameters.first_bytes("filter");
        let filter = if text.is_empty() { None } else { Some(Filter::parse(text, schema)?) };
        Ok(Self { filter, budget: Budget::default() })
    }

    /// Whether an element passes. It is only converted if there is a filter.
    pub(super) fn passes<T: Serialize>(&mut self, element: &T) -> Result<bool, Refused> {
        let Some(filter) = &self.filter else { return Ok(true) };
        // What the wire shows always converts.
        let Ok(element) = serde_json::to_value(element) else { return Ok(false) };
        filter.matches(&element, &mut self.budget).map_err(|error| Refused::bad_request(error.to_string()))
    }
}

impl From<FilterError> for Refused {
    fn from(error: FilterError) -> Self {
        Self::internal(error.to_string())
    }
}
