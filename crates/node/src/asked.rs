//! A question with everything that decides its answer, and how it is evaluated here.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use quorate_filter::OverBudget;
use quorate_state::{Index, KeyEntry};
use tokio::sync::oneshot;

use crate::error::Refusal;
use crate::handle::Handle;
use crate::question::{Answer, Evaluator, Question};
use crate::request::{Caller, Indexed};

/// How many long answers are made at once. More would take memory and be no faster; those who wait hold nothing.
pub(crate) const LONG_TURNS: usize = 4;

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
    evaluator: Arc<Evaluator>,
}

impl Evaluated {
    pub(crate) fn new(asked: Asked) -> Result<Self, Refusal> {
        let evaluator =
            Arc::new(Evaluator::new(asked.question.clone()).map_err(|error| Refusal::Filter(error.to_string()))?);
        Ok(Self { asked, evaluator })
    }

    pub(crate) fn question(&self) -> &Question {
        &self.evaluator.question
    }

    /// The answer on the state as it is now, with the index of that state. One that takes long is made on a different
    /// thread, when its turn comes.
    pub(crate) async fn answer(&self, node: &Handle) -> Result<(Index, Arc<Indexed>), Refusal> {
        {
            let state = node.published();
            if !self.evaluator.is_long(&state) {
                let answer = self.evaluator.evaluate(&state, node.datacenter()).map_err(too_costly)?;
                return Ok((state.index(), Arc::new(answer)));
            }
        }
        let _turn = node.long_turn().await;
        let (there, evaluator) = (node.clone(), self.evaluator.clone());
        let made = elsewhere(node, move || {
            let state = there.snapshot();
            let answer = evaluator.evaluate(&state, there.datacenter());
            answer.map(|answer| (state.index(), Arc::new(answer))).map_err(too_costly)
        });
        made.await.unwrap_or_else(|| Err(Refusal::stopping()))
    }
}

fn too_costly(error: OverBudget) -> Refusal {
    Refusal::TooCostly(error.to_string())
}

/// Does work that would hold up everything else on a different thread. `None` if the process is ending.
pub(crate) async fn elsewhere<T: Send + 'static>(
    node: &Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    node.host().tasks.spawn_blocking(Box::new(move || {
        // If nobody waits for it any more, the asker has gone.
        if !sender.is_closed() {
            let _ = sender.send(work());
        }
    }));
    receiver.await.ok()
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
