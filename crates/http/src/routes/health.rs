//! Checks and healthy instances: `/v1/health/`.

use quorate_node::{HealthQuestion, Question, Wanted};
use quorate_state::CheckStatus;

use super::{Action, narrowing};
use crate::ask::Ask;
use crate::call::Call;
use crate::go;
use crate::render::Form;
use crate::reply::Refused;

pub(super) const NODE: Action = Action::Ask(ask_node);
pub(super) const CHECKS: Action = Action::Ask(ask_checks);
pub(super) const STATE: Action = Action::Ask(ask_state);
pub(super) const SERVICE: Action = Action::Ask(ask_service);

fn ask_node(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let node = call.named("Missing node name")?.into();
    Ok(Ask { question: Question::NodeChecks { node, filter: narrowing::filter(call) }, options, form: Form::Checks })
}

fn ask_checks(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let service = call.named("Missing service name")?.into();
    let question =
        Question::ServiceChecks { service, meta: narrowing::node_meta(call)?, filter: narrowing::filter(call) };
    Ok(Ask { question, options, form: Form::Checks })
}

fn ask_state(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    // The states are case-blind, the word for all of them is not.
    let status = match &*call.named("Missing check state")? {
        "any" => Wanted::Any,
        word => CheckStatus::from_word(&word.to_lowercase()).map_or(Wanted::Unknown, Wanted::In),
    };
    let question = Question::ChecksIn { status, meta: narrowing::node_meta(call)?, filter: narrowing::filter(call) };
    Ok(Ask { question, options, form: Form::Checks })
}

fn ask_service(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let parameters = &call.parameters;
    let service = call.named("Missing service name")?.into();
    let passing = match (parameters.has("passing"), &*parameters.first("passing")) {
        (false, _) => Some(false),
        (true, "") => Some(true),
        (true, word) => go::parse_bool(word),
    };
    let question = HealthQuestion {
        service,
        tags: narrowing::tags(call)?,
        only_passing: passing == Some(true),
        is_imported: !parameters.first("peer").is_empty(),
        meta: narrowing::node_meta(call)?,
        filter: narrowing::filter(call),
    };
    let form = if passing.is_some() { Form::Health } else { Form::HealthUnclear };
    Ok(Ask { question: Question::Health(Box::new(question)), options, form })
}
