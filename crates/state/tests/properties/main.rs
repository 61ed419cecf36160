//! What holds for any sequence of commands.
//!
//! `PROPTEST_CASES=20000 cargo test -p quorate-state --test properties` looks longer; a failure prints the shortest
//! sequence that shows it.

mod commands;
mod laws;
mod model;
mod questions;
mod records;

use proptest::prelude::*;
use proptest::test_runner::Config;

/// How many sequences each property is tried with, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 96;
/// How many commands a sequence has at most.
const COMMANDS_MAX: usize = 50;

fn config() -> Config {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    Config { cases, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever is asked of the state, its answers obey the laws of [`laws`].
    #[test]
    fn any_commands_keep_the_laws(commands in prop::collection::vec(commands::any(), 1..COMMANDS_MAX)) {
        laws::check(commands)?;
    }

    /// The same, where there is something to change from the first command on.
    #[test]
    fn lively_commands_keep_the_laws(commands in commands::lively()) {
        laws::check(commands)?;
    }

    /// Keys, locks and delays are those of a model that a child could check.
    #[test]
    fn keys_are_those_of_the_model(commands in prop::collection::vec(commands::on_keys(), 1..COMMANDS_MAX)) {
        model::check(commands)?;
    }

    /// Records build the same state in any order that has parents first.
    #[test]
    fn records_build_the_same_state_in_any_order(
        commands in commands::lively(),
        seed in any::<u64>(),
    ) {
        records::check(commands, seed)?;
    }
}
