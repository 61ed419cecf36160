//! Finds the knots of a crate: modules side by side that import each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::source::{Modules, Names};

/// Modules side by side of which each imports each, if not directly.
pub(crate) struct Knot {
    /// The module that they are in.
    pub(crate) parent: String,
    /// Their names, sorted.
    pub(crate) members: Vec<String>,
    /// The imports that tie them.
    pub(crate) edges: Vec<Edge>,
}

/// That one member imports another.
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) import: String,
}

/// All knots.
pub(crate) fn of(modules: &Modules) -> Vec<Knot> {
    let by_parent = edges_by_parent(modules);
    by_parent.into_iter().flat_map(|(parent, edges)| knots(&parent.join("::"), edges)).collect()
}

/// Every import between modules side by side, by the module that both are in.
fn edges_by_parent(modules: &Modules) -> BTreeMap<Names, Vec<Edge>> {
    let mut by_parent: BTreeMap<Names, Vec<Edge>> = BTreeMap::new();
    for (from, module) in &modules.by_path {
        for import in &module.imports {
            let to = modules.find(import);
            let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
            // One of the two is above the other, or they are the same.
            let (Some(one), Some(other)) = (from.get(shared), to.get(shared)) else { continue };
            let edges = by_parent.entry(from[..shared].to_vec()).or_default();
            // A line that imports several items of one module is said once.
            let is_new = |last: &Edge| (&last.file, last.line, &last.to) != (&module.file, import.line, other);
            if edges.last().is_none_or(is_new) {
                let (from, to, file) = (one.clone(), other.clone(), module.file.clone());
                edges.push(Edge { from, to, file, line: import.line, import: import.names.join("::") });
            }
        }
    }
    by_parent
}

fn knots(parent: &str, edges: Vec<Edge>) -> Vec<Knot> {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for edge in &edges {
        reached.entry(&edge.from).or_default().insert(&edge.to);
    }
    close(&mut reached);
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
    // All that reach themselves are in a knot: with those that they reach and that reach them.
    let tied = reached.keys().filter(|one| reaches(one, one));
    let members: BTreeSet<Vec<String>> = tied
        .map(|one| reached[one].iter().filter(|other| reaches(other, one)).map(|&other| other.to_owned()).collect())
        .collect();
    let mut knots: Vec<Knot> =
        members.into_iter().map(|members| Knot { parent: parent.to_owned(), members, edges: Vec::new() }).collect();
    for edge in edges {
        let knot = knots.iter_mut().find(|knot| knot.members.contains(&edge.from) && knot.members.contains(&edge.to));
        if let Some(knot) = knot {
            knot.edges.push(edge);
        }
    }
    knots
}

/// Adds to what each reaches all that those reach, until nothing is new.
fn close(reached: &mut BTreeMap<&str, BTreeSet<&str>>) {
    loop {
        let mut is_closed = true;
        for name in reached.keys().copied().collect::<Vec<_>>() {
            let further = reached[name].iter().filter_map(|next| reached.get(next)).flatten().copied().collect();
            let all: BTreeSet<&str> = reached[name].union(&further).copied().collect();
            is_closed &= all.len() == reached[name].len();
            reached.insert(name, all);
        }
        if is_closed {
            return;
        }
    }
}
