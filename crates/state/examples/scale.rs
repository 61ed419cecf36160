//! How the state fares with many keys: CPU time to build, bytes per key, CPU time of a write. One line each; Linux.
//!
//! `cargo run --release -p quorate-state --example scale [KEYS [shuffled]]`

use quorate_state::{
    Changes, Command, Key, KeyEntry, KeyOperation, KeyValue, KeyVerb, Operation, Record, RestoreStep, Stamp, State,
    Topic,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEYS_DEFAULT: u64 = 1_000_000;
const VALUE_BYTES: usize = 128;
const WRITES: u64 = 200_000;
/// Commands applied before a snapshot is published, as under load.
const BATCHES: [u64; 3] = [1, 16, 64];

fn main() {
    let keys = std::env::args().nth(1).map_or(KEYS_DEFAULT, |keys| keys.parse().expect("a number of keys"));
    println!("{keys} keys of {} bytes, values of {VALUE_BYTES} bytes", key(0).as_bytes().len());
    let before = resident_bytes();
    let mut state = match std::env::args().nth(2).as_deref() {
        Some("shuffled") => measured("set one by one in no order", keys, || fill(keys)),
        _ => measured("built from sorted records", keys, || build(keys)),
    };
    println!("{:>44}: {:.0} B", "resident per key", (resident_bytes() - before) as f64 / keys as f64);
    let records = measured("walked as records", keys, || state.records().count());
    assert!(records as u64 > keys);

    let mut log_index = keys + 2;
    for batch in BATCHES {
        measured(&format!("set, random, snapshot every {batch}"), WRITES, || {
            write(&mut state, &mut log_index, batch, |number| (number * 0x9E37_79B9_7F4A_7C15) % keys)
        });
    }
    measured("set, new keys at the end, snapshot every 16", WRITES, || {
        write(&mut state, &mut log_index, 16, |number| keys + number)
    });
    println!("{:>44}: {:.0} B", "resident per key", (resident_bytes() - before) as f64 / state.key_count() as f64);

    measured("read", WRITES, || {
        (0..WRITES).filter(|number| state.key(key(number * 7919 % keys).as_bytes()).is_some()).count()
    });
    measured("last change of all keys", keys, || state.last_change(&Topic::KeysUnder("".into())));
    let count = state.key_count() as u64;
    measured("delete-tree of all", count, || {
        apply(&mut state, log_index + 1, key_operation("".into(), KeyVerb::DeleteTree), &mut Changes::default());
    });
    measured("reaped", count, || {
        apply(&mut state, log_index + 2, Operation::Reap(u64::MAX), &mut Changes::default());
    });
    restore(&mut state, log_index + 3, keys);
}

fn restore(state: &mut State, mut log_index: u64, keys: u64) {
    let id = uuid::Uuid::from_u128(1);
    let mut step = |state: &mut State, step| {
        apply(state, log_index, Operation::Restore(step), &mut Changes::default());
        log_index += 1;
    };
    let per_step = 5_000;
    let steps = keys / per_step;
    measured("restored in steps of 5000", keys, || {
        step(state, RestoreStep::Begin(id));
        for number in 0..steps {
            let records = (0..per_step).map(|at| record(number * per_step + at)).collect();
            step(state, RestoreStep::Add { id, number, records });
        }
    });
    measured("restore's last step", 1, || step(state, RestoreStep::Commit { id, steps }));
    assert_eq!(state.key_count() as u64, keys);
}

fn build(keys: u64) -> State {
    let mut builder = State::from_records();
    for number in 0..keys {
        builder.push(record(number));
    }
    builder.finish()
}

/// The same keys, but by commands whose order has nothing to do with theirs.
fn fill(keys: u64) -> State {
    let mut order: Vec<u64> = (0..keys).collect();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for last in (1..order.len()).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, (random >> 33) as usize % (last + 1));
    }
    let mut state = State::new();
    for (position, number) in order.into_iter().enumerate() {
        let value = KeyValue { value: vec![b'v'; VALUE_BYTES].into(), flags: 0 };
        apply(
            &mut state,
            position as u64 + 2,
            key_operation(key(number), KeyVerb::Set(value)),
            &mut Changes::default(),
        );
    }
    state
}

fn record(number: u64) -> Record {
    let stamp = Stamp { created: number + 1, modified: number + 1 };
    let value = vec![b'v'; VALUE_BYTES].into();
    let entry = KeyEntry { value, flags: 0, session: None, lock_index: 0, stamp };
    Record::Key(key(number), std::sync::Arc::new(entry))
}

fn write(state: &mut State, log_index: &mut u64, batch: u64, which: impl Fn(u64) -> u64) {
    let mut published = state.clone();
    let mut changes = Changes::default();
    for number in 0..WRITES {
        *log_index += 1;
        let mut value = vec![b'w'; VALUE_BYTES];
        value[..8].copy_from_slice(&log_index.to_le_bytes());
        let value = KeyValue { value: value.into(), flags: 0 };
        apply(state, *log_index, key_operation(key(which(number)), KeyVerb::Set(value)), &mut changes);
        if number % batch == 0 {
            published = state.clone();
            changes = Changes::default();
        }
    }
    drop(published);
}

fn apply(state: &mut State, log_index: u64, operation: Operation, changes: &mut Changes) {
    state.apply(log_index, Command { now_ms: log_index, operation }, changes);
}

fn key_operation(key: Key, verb: KeyVerb) -> Operation {
    Operation::Key(KeyOperation { key, verb })
}

/// 35 bytes, spread over a thousand folders.
fn key(number: u64) -> Key {
    Key::from(&*format!("service/{:04}/configuration/k{number:09}", number / 1000))
}

fn measured<T>(what: &str, times: u64, work: impl FnOnce() -> T) -> T {
    let before_ns = cpu_ns();
    let result = work();
    let taken_ns = (cpu_ns() - before_ns) as f64;
    println!("{what:>44}: {:>8.1} ms, {:>7.2} µs each", taken_ns / 1e6, taken_ns / 1e3 / times as f64);
    result
}

/// The time that this, the only thread, has run. Unlike the time of day it does not count what others run meanwhile.
fn cpu_ns() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    schedstat.split(' ').next().and_then(|running| running.parse().ok()).unwrap_or(0)
}

/// What the kernel holds for this process.
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}
