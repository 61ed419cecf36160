//! Fixed seeds, the same run twice, and every way of breaking a cluster with the property that notices it.

use std::process::{Command, Output};

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate-sim")).args(arguments).output().expect("the simulator starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs seeds that must go well.
fn goes_well(servers: &str, runs: &str) {
    let output = simulate(&["--seed=1", "--runs", runs, "--servers", servers]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn one_server_keeps_all_properties() {
    goes_well("1", "8");
}

#[test]
fn three_servers_keep_all_properties() {
    goes_well("3", "8");
}

#[test]
fn five_servers_keep_all_properties() {
    goes_well("5", "4");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = || text(&simulate(&["--seed=77", "--servers=3", "--seconds=10"]));
    let first = run();
    assert!(first.contains("trace"), "{first}");
    assert_eq!(first, run());
    assert_ne!(first, text(&simulate(&["--seed=78", "--servers=3", "--seconds=10"])));
}

/// Breaks clusters in one way until the property, checked alone, notices; fails if it never does.
fn notices(property: &str, sabotage: &str, servers: &str) {
    // Some breaches are mostly noticed by Raft's own assertions first.
    const SEEDS: u64 = 60;
    for seed in 1..=SEEDS {
        let seed = format!("--seed={seed}");
        let output = simulate(&[&seed, "--only", property, "--sabotage", sabotage, "--servers", servers]);
        let text = text(&output);
        if !output.status.success() && text.contains(&format!("{property} violated")) {
            let replay = text.lines().find_map(|line| line.strip_prefix("replay: ")).expect("how to replay it");
            assert!(replay.contains(&seed) && replay.contains(sabotage), "{replay}");
            return;
        }
    }
    panic!("{property} did not notice {sabotage} in {SEEDS} runs");
}

#[test]
fn two_leaders_of_a_term_are_noticed() {
    notices("one-leader", "generous-voters", "3");
}

#[test]
fn entries_that_differ_are_noticed() {
    notices("log-matching", "altered-entries", "3");
}

#[test]
fn a_leader_without_committed_entries_is_noticed() {
    notices("leader-completeness", "generous-voters", "3");
}

#[test]
fn states_that_differ_are_noticed() {
    notices("applied-states", "altered-entries", "3");
}

#[test]
fn lost_writes_are_noticed() {
    notices("acknowledged-writes", "lying-disks", "1");
}

#[test]
fn shared_locks_are_noticed() {
    notices("lock-holders", "shared-locks", "3");
}

#[test]
fn missed_changes_are_noticed() {
    notices("watches", "forgotten-watchers", "3");
}

#[test]
fn stale_histories_are_noticed() {
    notices("linearizability", "lying-disks", "1");
}
