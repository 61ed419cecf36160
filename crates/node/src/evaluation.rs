//! Evaluating a question on a node's state: in place if it is short, elsewhere and in turns if it is long.

use std::sync::Arc;

use quorate_filter::OverBudget;
use quorate_state::Index;

use crate::asked::{Asked, Evaluated};
use crate::error::Refusal;
use crate::handle::Handle;
use crate::question::Indexed;

/// A question ready to be answered. A filter with patterns is compiled on a different thread, when its turn comes: it takes
/// up to some 10 ms, and a client may send many.
pub(crate) async fn ready(node: &Handle, asked: Asked) -> Result<Evaluated, Refusal> {
    if !asked.question.has_patterns() {
        return Evaluated::new(asked);
    }
    let _turn = node.long_turn().await;
    node.host().elsewhere(move || Evaluated::new(asked)).await.unwrap_or_else(|| Err(Refusal::stopping()))
}

/// The answer on the state as it is now, with the index of that state. One that takes long is made on a different
/// thread, when its turn comes.
pub(crate) async fn answer(node: &Handle, evaluated: &Evaluated) -> Result<(Index, Arc<Indexed>), Refusal> {
    {
        let state = node.published();
        if !evaluated.evaluator.is_long(&state) {
            let answer = evaluated.evaluator.evaluate(&state, node.datacenter()).map_err(too_costly)?;
            return Ok((state.index(), Arc::new(answer)));
        }
    }
    let _turn = node.long_turn().await;
    let (there, evaluator) = (node.clone(), evaluated.evaluator.clone());
    let made = node.host().elsewhere(move || {
        let state = there.snapshot();
        let answer = evaluator.evaluate(&state, there.datacenter());
        answer.map(|answer| (state.index(), Arc::new(answer))).map_err(too_costly)
    });
    made.await.unwrap_or_else(|| Err(Refusal::stopping()))
}

fn too_costly(error: OverBudget) -> Refusal {
    Refusal::TooCostly(error.to_string())
}
