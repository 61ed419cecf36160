//! A question with everything that decides its answer.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use quorate_state::KeyEntry;

use crate::error::Refusal;
use crate::message;
use crate::question::{Answer, Evaluator, Indexed, Question};
use crate::request::Caller;

/// Everything that decides an answer on a given state: what answers are shared by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    /// Who asks.
    pub(crate) caller: Caller,
    /// What.
    pub(crate) question: Question,
}

/// The same, with the question's filter compiled.
pub(crate) struct Evaluated {
    pub(crate) asked: Asked,
    pub(crate) evaluator: Arc<Evaluator>,
}

impl Evaluated {
    pub(crate) fn new(asked: Asked) -> Result<Self, Refusal> {
        let evaluator =
            Arc::new(Evaluator::new(asked.question.clone()).map_err(|error| Refusal::Filter(error.to_string()))?);
        Ok(Self { asked, evaluator })
    }

    /// About how many bytes it takes to keep: the question is there twice, as what is asked and to be evaluated.
    pub(crate) fn weight_bytes(&self) -> usize {
        2 * message::question_bytes(self.question()) + self.evaluator.weight_bytes()
    }

    pub(crate) fn question(&self) -> &Question {
        &self.evaluator.question
    }
}

impl Indexed {
    /// A number that tells two answers to one question apart, whatever their index.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.answer.hash_content(&mut hasher);
        hasher.finish()
    }
}

impl Answer {
    fn hash_content(&self, hasher: &mut impl Hasher) {
        // An entry's stamp changes with anything else of it, and its value may be large.
        let entry = |entry: &KeyEntry, hasher: &mut _| entry.stamp.hash(hasher);
        match self {
            Self::Key(None) => {}
            Self::Key(Some(found)) => entry(found, hasher),
            Self::Keys(keys) => keys.iter().for_each(|(key, found)| {
                key.as_bytes().hash(hasher);
                entry(found, hasher);
            }),
            Self::Names(names) => names.iter().for_each(|name| name.as_bytes().hash(hasher)),
            Self::Nodes(nodes) => nodes.hash(hasher),
            Self::Services(services) => services.hash(hasher),
            Self::Instances(instances) => instances.hash(hasher),
            Self::NodeServices(node) => node.hash(hasher),
            Self::Checks(checks) => checks.hash(hasher),
            Self::Health(instances) => instances.hash(hasher),
            Self::NodeEntries(entries) => entries.hash(hasher),
            Self::Sessions(sessions) => sessions.hash(hasher),
        }
    }
}
