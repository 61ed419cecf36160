//! Keeps crates and modules from importing upwards.
//!
//! - Crates depend on each other as [`CRATES`] says and in no other way, so that ARCHITECTURE.md stays true.
//! - The modules side by side in one folder, each with all that is below it, import in one direction: modules that import
//!   each other, directly or in a circle, are a *knot*. A parent and its children count as one: a child may use what its
//!   parent has. Code for tests alone does not count.
//!
//! The knots of today are in [`KNOTS`], with a reason each. The list only shrinks.

mod knots;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use self::knots::Knot;
use self::source::Modules;

/// What each crate may depend on, by their folders, from the bottom up. Dependencies of tests do not count.
const CRATES: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("base2histogram", &[]),
    ("filter", &[]),
    ("hcl", &[]),
    ("transcript", &[]),
    ("api", &["base"]),
    ("consensus", &["base"]),
    ("state", &["base"]),
    ("node", &["base", "consensus", "filter", "state"]),
    ("agent", &["api", "base", "node", "state"]),
    ("dns", &["base", "node", "state"]),
    ("http", &["agent", "api", "base", "filter", "node", "state"]),
    ("quorate", &["agent", "api", "base", "dns", "hcl", "http", "node", "state"]),
    ("sim", &["base", "consensus", "node", "state"]),
    ("bench", &[]),
];

/// A knot that is known: its crate, the module that its members are in, the members, and why it is still there.
type Known = (&'static str, &'static str, &'static [&'static str], &'static str);

/// The knots of today. When one is untied, it is taken out, or what is free of it.
const KNOTS: &[Known] = &[
    ("base", "", &["host", "task"], "a host spawns tasks, and a task has its host"),
    ("consensus", "", &["handle", "start"], "the handle has the start as its method"),
    ("http", "", &["rules", "settings"], "the terms of a request and the settings that they come from"),
    ("state", "", &["apply", "effects", "records", "state"], "the state has its commands as methods"),
];

#[test]
fn crates_depend_downwards() {
    let known: BTreeMap<&str, &[&str]> = CRATES.iter().copied().collect();
    let mut problems = String::new();
    for folder in crates() {
        let name = name_of(&folder);
        let Some(allowed) = known.get(name.as_str()) else {
            problems += &format!("{name}: CRATES does not say what it may depend on\n");
            continue;
        };
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for dependency in own_dependencies(&manifest).filter(|dependency| !allowed.contains(dependency)) {
            problems += &format!("{name} depends on {dependency}\n");
        }
    }
    assert!(problems.is_empty(), "crates that import upwards, or past a layer:\n{problems}");
}

#[test]
fn modules_import_in_one_direction() {
    let mut problems = String::new();
    let mut known: BTreeSet<(String, String, Vec<String>)> = KNOTS.iter().map(key_of).collect();
    for folder in crates() {
        for root in ["src/lib.rs", "src/main.rs"].map(|root| folder.join(root)).iter().filter(|root| root.exists()) {
            for knot in knots::of(&Modules::below(root)) {
                if !known.remove(&(name_of(&folder), knot.parent.clone(), knot.members.clone())) {
                    describe(&mut problems, &folder, &knot);
                }
            }
        }
    }
    for (name, parent, members) in known {
        problems += &format!("KNOTS has one that is gone: {name} {parent:?} {members:?}\n");
    }
    assert!(problems.is_empty(), "modules that import each other:\n{problems}");
}

fn key_of(&(name, parent, members, reason): &Known) -> (String, String, Vec<String>) {
    assert!(!reason.is_empty(), "a knot stays with a reason only: {name} {members:?}");
    (name.to_owned(), parent.to_owned(), members.iter().map(|&member| member.to_owned()).collect())
}

/// The knot and each import that ties it.
fn describe(problems: &mut String, folder: &Path, knot: &Knot) {
    // Writing to a String can't fail.
    let _ = writeln!(problems, "{} {:?} {:?}", name_of(folder), knot.parent, knot.members);
    for edge in &knot.edges {
        let file = edge.file.strip_prefix(workspace()).unwrap_or(&edge.file).display();
        let _ = writeln!(problems, "    {} -> {}: {file}:{}: {}", edge.from, edge.to, edge.line, edge.import);
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folders of all crates.
fn crates() -> Vec<PathBuf> {
    let below = std::fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = below.chain(["sim", "bench"].map(|name| workspace().join(name))).collect();
    folders.retain(|folder| folder.join("Cargo.toml").exists());
    folders.sort();
    assert!(folders.len() >= CRATES.len(), "crates are missing: {folders:?}");
    folders
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

/// The crates of this workspace that a manifest needs outside of tests, by their folders.
fn own_dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut is_dependencies = false;
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            is_dependencies = line.ends_with("dependencies]") && !line.contains("dev-");
        }
        let name = line.split(['.', ' ', '=']).next().filter(|_| is_dependencies)?;
        name.strip_prefix("quorate-")
    })
}
