//! The checker against trying all orders, and against histories that did happen.

use proptest::prelude::*;

use super::super::*;

/// Tries all orders.
fn brute_force<M: Model>(
    model: &M,
    history: &[Operation<M::Call, M::Answer>],
    state: &M::State,
    left: &mut Vec<usize>,
) -> bool {
    if left.iter().all(|place| history[*place].answer.is_none()) {
        return true;
    }
    (0..left.len()).any(|choice| {
        let place = left.remove(choice);
        let operation = &history[place];
        let first = left
            .iter()
            .all(|other| history[*other].answer.as_ref().is_none_or(|(answered, _)| *answered >= operation.called));
        let answer = operation.answer.as_ref().map(|(_, answer)| answer);
        let found = first
            && model
                .step(state, &operation.call, answer)
                .is_some_and(|after| brute_force(model, history, &after, left));
        left.insert(choice, place);
        found
    })
}

fn all_orders<M: Model>(model: &M, history: &[Operation<M::Call, M::Answer>]) -> bool {
    brute_force(model, history, &model.initial(), &mut (0..history.len()).collect())
}

/// Gives calls and answers moments that overlap at random; some answers never come.
fn any_moments<C: std::fmt::Debug, A: std::fmt::Debug>(
    asked: impl Strategy<Value = (C, A)>,
    calls_max: usize,
) -> impl Strategy<Value = Vec<Operation<C, A>>> {
    let operation = (0..12u64, 0..8u64, asked, proptest::bool::weighted(0.8));
    let operation = operation.prop_map(|(called, took, (call, answer), known)| {
        let answer = known.then_some((called + took, answer));
        Operation { client: 0, called, call, answer }
    });
    proptest::collection::vec(operation, 0..calls_max)
}

fn any_register_call() -> impl Strategy<Value = (RegisterCall, RegisterAnswer)> {
    let value = || 1..4u64;
    let expected = prop_oneof![Just(Expected::Absent), value().prop_map(Expected::Value), Just(Expected::Nothing)];
    let written = || any::<bool>().prop_map(RegisterAnswer::Written);
    prop_oneof![
        2 => (Just(RegisterCall::Get), proptest::option::of(value()).prop_map(RegisterAnswer::Value)),
        1 => (value().prop_map(RegisterCall::Put), Just(RegisterAnswer::Written(true))),
        1 => ((value(), expected).prop_map(|(value, expected)| RegisterCall::Cas(value, expected)), written()),
        1 => (Just(RegisterCall::Delete), Just(RegisterAnswer::Written(true))),
    ]
}

fn any_lock_call() -> impl Strategy<Value = LockCall> {
    let (value, session) = (|| 1..3u64, || 1..3u64);
    prop_oneof![
        Just(LockCall::Get),
        value().prop_map(LockCall::Put),
        (value(), session()).prop_map(|(value, session)| LockCall::Acquire { value, session }),
        (value(), session()).prop_map(|(value, session)| LockCall::Acquire { value, session }),
        (value(), session()).prop_map(|(value, session)| LockCall::Release { value, session }),
        Just(LockCall::Delete),
        session().prop_map(LockCall::SessionEnds),
    ]
}

fn any_lock_answer(call: &LockCall) -> BoxedStrategy<LockAnswer> {
    let entry = (1..3u64, proptest::option::of(1..3u64), 0..3u64);
    let entry = entry.prop_map(|(value, holder, lock_index)| Entry { value, holder, lock_index });
    match call {
        LockCall::Get => proptest::option::of(entry).prop_map(LockAnswer::Entry).boxed(),
        LockCall::Put(_) | LockCall::Delete | LockCall::SessionEnds(_) => Just(LockAnswer::Done(true)).boxed(),
        LockCall::Acquire { .. } | LockCall::Release { .. } => any::<bool>().prop_map(LockAnswer::Done).boxed(),
    }
}

/// Runs calls one at a time, each at a moment of its own, and tells of each a little less than is true: that it was
/// made before and answered after, or not answered at all.
fn observed<M: Model>(
    model: &M,
    calls: Vec<(M::Call, u64, u64, bool)>,
    answers: impl Fn(&M::State, &M::Call) -> M::Answer,
) -> Vec<Operation<M::Call, M::Answer>> {
    let mut state = model.initial();
    let mut history = Vec::new();
    for (number, (call, before, after, known)) in calls.into_iter().enumerate() {
        let moment = 1_000 + number as u64 * 10;
        let answer = answers(&state, &call);
        state = model.step(&state, &call, Some(&answer)).expect("the answer is right");
        let answer = known.then_some((moment + after, answer));
        history.push(Operation { client: 0, called: moment - before, call, answer });
    }
    history
}

fn observed_calls<C: std::fmt::Debug>(
    call: impl Strategy<Value = C>,
) -> impl Strategy<Value = Vec<(C, u64, u64, bool)>> {
    proptest::collection::vec((call, 0..40u64, 0..40u64, proptest::bool::weighted(0.9)), 0..200)
}

/// The answer that is right for a call. Each model has a handful to choose from.
fn register_answer(state: &Option<u64>, call: &RegisterCall) -> RegisterAnswer {
    let written = [true, false].map(RegisterAnswer::Written);
    let right = written.into_iter().find(|answer| Register.step(state, call, Some(answer)).is_some());
    right.unwrap_or(RegisterAnswer::Value(*state))
}

fn lock_answer(state: &<Lock as Model>::State, call: &LockCall) -> LockAnswer {
    let done = [true, false].map(LockAnswer::Done);
    let right = done.into_iter().find(|answer| Lock.step(state, call, Some(answer)).is_some());
    right.unwrap_or(LockAnswer::Entry(state.entry()))
}

/// The answers of an account as a history of their own, with the other calls made and never answered.
fn weakened<C: Clone, A: Clone>(history: &[Operation<C, A>], told: &[String]) -> Vec<Operation<C, A>>
where
    Operation<C, A>: std::fmt::Display,
{
    let weaken = |operation: &Operation<C, A>| {
        let kept = told.contains(&operation.to_string());
        Operation { answer: operation.answer.clone().filter(|_| kept), ..operation.clone() }
    };
    history.iter().map(weaken).collect()
}

proptest! {
    #[test]
    fn agrees_with_all_orders_of_register_calls(history in any_moments(any_register_call(), 7)) {
        prop_assert_eq!(check(&Register, &history).is_ok(), all_orders(&Register, &history));
    }

    #[test]
    fn agrees_with_all_orders_of_lock_calls(
        history in any_moments(any_lock_call().prop_flat_map(|call| (Just(call.clone()), any_lock_answer(&call))), 7)
    ) {
        prop_assert_eq!(check(&Lock, &history).is_ok(), all_orders(&Lock, &history));
    }

    #[test]
    fn accepts_what_happened_to_a_register(calls in observed_calls(any_register_call().prop_map(|(call, _)| call))) {
        prop_assert_eq!(check(&Register, &observed(&Register, calls, register_answer)), Ok(()));
    }

    #[test]
    fn accepts_what_happened_to_a_lock(calls in observed_calls(any_lock_call())) {
        prop_assert_eq!(check(&Lock, &observed(&Lock, calls, lock_answer)), Ok(()));
    }

    /// One wrong answer in what happened is found or not as all orders say.
    #[test]
    fn agrees_with_all_orders_on_one_wrong_answer(
        calls in proptest::collection::vec((any_register_call(), 0..40u64, 0..40u64, proptest::bool::weighted(0.9)), 1..8),
        place in any::<prop::sample::Index>(),
        wrong in any_register_call().prop_map(|(_, answer)| answer),
    ) {
        let calls = calls.into_iter().map(|((call, _), before, after, known)| (call, before, after, known)).collect();
        let mut history = observed(&Register, calls, register_answer);
        let place = place.index(history.len());
        if let Some((_, answer)) = &mut history[place].answer {
            *answer = wrong;
        }
        prop_assert_eq!(check(&Register, &history).is_ok(), all_orders(&Register, &history));
    }

    /// The answers that an account tells contradict each other, and each of them is needed for that.
    #[test]
    fn accounts_are_contradictions_and_minimal(history in any_moments(any_register_call(), 7)) {
        // Told apart by their clients, so that an account's line means one call.
        let numbered = history.into_iter().enumerate().map(|(client, o)| Operation { client: client as u64, ..o });
        let history: Vec<_> = numbered.collect();
        let Err(Violation::NotLinearizable { answers, .. }) = check(&Register, &history) else { return Ok(()) };
        prop_assert!(!all_orders(&Register, &weakened(&history, &answers)), "{:#?}", answers);
        // What was called later is no part of the account.
        let told = history.iter().filter(|operation| answers.contains(&operation.to_string()));
        let last = told.filter_map(|operation| operation.answer.as_ref()).map(|(moment, _)| *moment).max();
        for without in 0..answers.len() {
            let mut fewer = answers.clone();
            fewer.remove(without);
            let mut made = weakened(&history, &fewer);
            made.retain(|operation| Some(operation.called) <= last);
            prop_assert!(all_orders(&Register, &made), "not needed: {}", answers[without]);
        }
    }
}
