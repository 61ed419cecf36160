//! Records in any order that has parents before what is on them.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use quorate_state::{Changes, Command, Record, State};

pub(crate) fn check(commands: Vec<Command>, seed: u64) -> Result<(), TestCaseError> {
    let mut state = State::new();
    for (position, command) in commands.into_iter().enumerate() {
        state.apply(position as u64 + 1, command, &mut Changes::default());
    }
    let mut records: Vec<Record> = state.records().collect();
    shuffle(&mut records, seed);
    records.sort_by_key(rank);
    let mut builder = State::from_records();
    records.into_iter().for_each(|record| builder.push(record));
    prop_assert_eq!(builder.finish(), state);
    Ok(())
}

/// Nodes come first, then what is on them, then all else.
fn rank(record: &Record) -> u8 {
    match record {
        Record::Node(_) => 0,
        Record::Service(_) => 1,
        Record::Check(_) => 2,
        _ => 3,
    }
}

/// An order that follows from the seed (a linear congruential generator is random enough for that).
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, (seed >> 33) as usize % (last + 1));
    }
}
