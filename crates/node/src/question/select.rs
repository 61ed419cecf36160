//! What narrows a list: the filter of a question, its node's metadata, its tags.

use std::collections::BTreeMap;

use quorate_filter::{Budget, Filter, FilterError, OverBudget, Schema, Select};

/// A filter as it was asked for, as text: two are the same if their texts are. An empty one lets everything pass.
///
/// A question carries the text and not what it compiles to, which is larger by orders of magnitude; it is compiled once when a
/// question is evaluated ([`FilterText::compile`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FilterText(Box<[u8]>);

impl FilterText {
    /// A filter of this text.
    pub fn new(text: &[u8]) -> Self {
        Self(text.into())
    }

    /// Whether nothing is filtered out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it may have patterns, which take long to compile.
    pub(crate) fn may_have_patterns(&self) -> bool {
        Filter::may_have_patterns(&self.0)
    }

    /// The filter over elements of a schema, or why the text is none.
    pub(crate) fn compile(&self, schema: &Schema) -> Result<Compiled, FilterError> {
        let filter = if self.0.is_empty() { None } else { Some(Filter::parse(&self.0, schema)?) };
        Ok(Compiled { filter })
    }
}

/// A compiled filter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compiled {
    filter: Option<Filter>,
}

impl Compiled {
    /// One run of it over the elements of a list.
    pub(crate) fn run(&self) -> Run<'_> {
        Run { filter: self.filter.as_ref(), budget: Budget::default() }
    }

    /// How many bytes it holds.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.filter.as_ref().map_or(0, Filter::weight_bytes)
    }
}

/// A filter while it runs over the elements of one answer, with what it may still cost.
pub(crate) struct Run<'a> {
    filter: Option<&'a Filter>,
    budget: Budget,
}

impl Run<'_> {
    /// Whether an element passes.
    pub(crate) fn passes(&mut self, element: &impl Select) -> Result<bool, OverBudget> {
        match self.filter {
            None => Ok(true),
            Some(filter) => filter.matches(element, &mut self.budget),
        }
    }
}

/// What a node's metadata must have: all of these keys with these values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeMeta(pub BTreeMap<String, String>);

impl NodeMeta {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, meta: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, value)| meta.get(key) == Some(value))
    }
}

/// The most tags that one question may ask for. Each is looked for in every instance.
pub const TAGS_MAX: usize = 64;

/// The tags that an instance must have, all of them, without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags(Box<[Box<str>]>);

impl Tags {
    /// These tags. They are sorted and each is kept once, so that two questions for the same tags are the same.
    pub fn new<'a>(tags: impl Iterator<Item = &'a str>) -> Self {
        let mut tags: Vec<Box<str>> = tags.map(|tag| tag.to_lowercase().into()).collect();
        tags.sort_unstable();
        tags.dedup();
        Self(tags.into())
    }

    /// The tags, in lower case.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|tag| &**tag)
    }

    pub(crate) fn matches(&self, tags: &[String]) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let mut missing = vec![true; self.0.len()];
        let mut left = self.0.len();
        for tag in tags {
            if let Ok(place) = self.0.binary_search_by(|wanted| (**wanted).cmp(&*tag.to_lowercase()))
                && std::mem::take(&mut missing[place])
            {
                left -= 1;
            }
        }
        left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tags_must_be_there_whatever_their_case_and_order() {
        let tags = Tags::new(["B", "a", "b"].into_iter());
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(tags, Tags::new(["a", "B"].into_iter()));
        for (of_instance, matches) in
            [(&["A", "x", "b"][..], true), (&["a", "a"], false), (&[], false), (&["b", "A", "B"], true)]
        {
            let of_instance: Vec<String> = of_instance.iter().map(|tag| (*tag).to_owned()).collect();
            assert_eq!(tags.matches(&of_instance), matches, "{of_instance:?}");
        }
        assert!(Tags::default().matches(&[]));
    }
}
