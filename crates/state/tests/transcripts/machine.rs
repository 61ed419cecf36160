//! Runs the commands of a transcript.

use std::collections::BTreeMap;

use quorate_state::{
    CatalogVerb, Changes, CheckStatus, Command, Deregistration, KeyOperation, KeyVerb, Operation, Record, Registration,
    RestoreStep, State, Topic, TxnOperation,
};
use uuid::Uuid;

use crate::arguments::{Arguments, session_id};
use crate::print;

/// When the clock of every transcript starts.
const START_MS: u64 = 1_000_000;
/// The entries of the log before the first command, so that no index is taken for the 1 that nothing answers with.
const START_LOG_INDEX: u64 = 10;

/// A state, its log and what was saved of it.
pub(crate) struct Machine {
    state: State,
    log_index: u64,
    now_ms: u64,
    saved: BTreeMap<String, Vec<Record>>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { state: State::new(), log_index: START_LOG_INDEX, now_ms: START_MS, saved: BTreeMap::new() }
    }
}

impl Machine {
    /// Runs one command and gives its output, each line ended.
    pub(crate) fn run(&mut self, line: &str, more: &[&str]) -> String {
        let mut arguments = Arguments::new(line);
        let verb = arguments.word();
        let operation = match &*verb {
            "txn" => Some(Operation::Txn(more.iter().map(|line| txn_operation(line)).collect())),
            "register" => Some(registration(&mut arguments, more)),
            "deregister" => Some(Operation::Deregister(Deregistration {
                node: arguments.text("node"),
                service_id: arguments.text("service"),
                check_id: arguments.text("check"),
            })),
            "session-create" => Some(Operation::SessionCreate(arguments.session())),
            "session-destroy" => session_id(&arguments.word()).map(Operation::SessionDestroy),
            "reap" => Some(Operation::Reap(arguments.number("up_to"))),
            "restore" => Some(Operation::Restore(self.restore_step(&mut arguments))),
            "get-alone" => Some(Operation::Key(KeyOperation { key: arguments.key(), verb: KeyVerb::Get })),
            other => key_verb(other, &mut arguments).map(|(key, verb)| Operation::Key(KeyOperation { key, verb })),
        };
        let output = match operation {
            Some(operation) => self.apply(operation),
            None => self.ask(&verb, &mut arguments, more),
        };
        arguments.end();
        let again = rebuilt(&self.state);
        assert!(again == self.state, "{line}: not the same from its records:\n{:?}\n{:?}", again, self.state);
        output
    }

    fn apply(&mut self, operation: Operation) -> String {
        let before = self.state.index();
        self.log_index += 1;
        let mut changes = Changes::default();
        let response = self.state.apply(self.log_index, Command { now_ms: self.now_ms, operation }, &mut changes);
        let mut output = print::response(&response);
        if self.state.index() != before {
            output += &format!("index {}\n", self.state.index());
        }
        if !changes.topics.is_empty() {
            let topics: Vec<String> = changes.topics.iter().map(print::topic).collect();
            output += &format!("touched {}\n", topics.join(" "));
        }
        if changes.everything {
            output += "touched everything\n";
        }
        output
    }

    fn ask(&mut self, verb: &str, arguments: &mut Arguments<'_>, more: &[&str]) -> String {
        let state = &self.state;
        let lines: Vec<String> = match verb {
            "get" => {
                let key = arguments.key();
                state.key(key.as_bytes()).map(|entry| print::key(&key, entry)).into_iter().collect()
            }
            "list" => state.keys_under(arguments.key().as_bytes()).map(|(key, entry)| print::key(key, entry)).collect(),
            "read-txn" => {
                let operations: Vec<TxnOperation> = more.iter().map(|line| txn_operation(line)).collect();
                vec![print::txn(&state.read_txn(&operations))]
            }
            "records" => state.records().map(|record| print::record(&record)).collect(),
            "last-change" => {
                let mut lines = Vec::new();
                while arguments.has_word() {
                    let topic = topic(&arguments.word());
                    lines.push(format!("{} {}\n", print::topic(&topic), state.last_change(&topic)));
                }
                lines
            }
            "wait" => {
                self.now_ms += arguments.number("ms");
                return format!("now {}\n", self.now_ms - START_MS);
            }
            "new-leader" => {
                self.now_ms = self.now_ms.max(self.state.clock_ms());
                return format!("now {}\n", self.now_ms - START_MS);
            }
            "clock-back" => {
                self.now_ms -= arguments.number("ms");
                return format!("now {}\n", self.now_ms - START_MS);
            }
            "skip" => {
                self.log_index += arguments.number("entries");
                return format!("log {}\n", self.log_index);
            }
            "save" => {
                let records: Vec<Record> = state.records().collect();
                let line = format!("{} records\n", records.len());
                self.saved.insert(arguments.word(), records);
                return line;
            }
            "new-server" => {
                let saved = std::mem::take(&mut self.saved);
                *self = Self { saved, ..Self::default() };
                return "an empty state\n".to_owned();
            }
            other => ask_catalog(state, other, arguments),
        };
        if lines.is_empty() { "nothing\n".to_owned() } else { lines.concat() }
    }

    fn restore_step(&self, arguments: &mut Arguments<'_>) -> RestoreStep {
        let step = arguments.word();
        let id = Uuid::from_u128(arguments.number("id").into());
        match &*step {
            "begin" => RestoreStep::Begin(id),
            "add" => {
                let number = arguments.number("number");
                let saved = &self.saved[&arguments.text("from")];
                let first = arguments.number_or("first", 0) as usize;
                let last = arguments.number_or("last", saved.len() as u64 - 1) as usize;
                RestoreStep::Add { id, number, records: saved[first..=last].to_vec() }
            }
            "commit" => RestoreStep::Commit { id, steps: arguments.number("steps") },
            "abandon" => RestoreStep::Abandon(id),
            other => panic!("no step of a restore: {other}"),
        }
    }
}

fn ask_catalog(state: &State, verb: &str, arguments: &mut Arguments<'_>) -> Vec<String> {
    match verb {
        "nodes" => state.nodes().map(|node| print::node(node)).collect(),
        "node" => {
            state.node_by_name_or_id_prefix(&arguments.word()).map(|node| print::node(node)).into_iter().collect()
        }
        "services" => state.services().map(|service| print::service(service)).collect(),
        "services-on" => state.services_on(&arguments.word()).map(|service| print::service(service)).collect(),
        "at" => {
            let address = arguments.word().parse().expect("an address");
            let nodes = state.nodes_at(address).map(|node| print::node(node));
            nodes.chain(state.services_at(address).map(|service| print::service(service))).collect()
        }
        "service-tags" => {
            state.service_tags().map(|(name, tag)| format!("{name} {}\n", tag.unwrap_or("(any)"))).collect()
        }
        "instances" => {
            let found = state.instances(&arguments.word());
            found.map(|(node, service)| format!("{} {}", node.address, print::service(service))).collect()
        }
        "health" => {
            let mut lines = Vec::new();
            for (node, service) in state.instances(&arguments.word()) {
                lines.push(print::service(service));
                let checks = state.checks_of_node(&node.name).chain(state.checks_of_instance(&node.name, &service.id));
                lines.extend(checks.map(|check| format!("  {}", print::check(check))));
            }
            lines
        }
        "checks" => match arguments.word_or("any").as_str() {
            "any" => state.checks().map(|check| print::check(check)).collect(),
            word => {
                let status = CheckStatus::from_word(word).expect("a status");
                state.checks_in(status).map(|check| print::check(check)).collect()
            }
        },
        "node-checks" => state.checks_on(&arguments.word()).map(|check| print::check(check)).collect(),
        "service-checks" => state.checks_of_service(&arguments.word()).map(|check| print::check(check)).collect(),
        "sessions" => state.sessions().map(|session| print::session(session)).collect(),
        "sessions-on" => state.sessions_on(&arguments.word()).map(|session| print::session(session)).collect(),
        other => panic!("no command: {other}"),
    }
}

fn rebuilt(state: &State) -> State {
    let mut builder = State::from_records();
    state.records().for_each(|record| builder.push(record));
    builder.finish()
}

fn key_verb(verb: &str, arguments: &mut Arguments<'_>) -> Option<(quorate_state::Key, KeyVerb)> {
    let known = ["set", "cas", "lock", "unlock", "delete", "delete-cas", "delete-tree"];
    if !known.contains(&verb) {
        return None;
    }
    let key = arguments.key();
    let verb = match verb {
        "set" => KeyVerb::Set(arguments.value()),
        "cas" => KeyVerb::Cas(arguments.value(), arguments.number("index")),
        "lock" => KeyVerb::Lock(arguments.value(), arguments.session_reference()),
        "unlock" => KeyVerb::Unlock(arguments.value(), arguments.session_reference()),
        "delete" => KeyVerb::Delete,
        "delete-cas" => KeyVerb::DeleteCas(arguments.number("index")),
        _ => KeyVerb::DeleteTree,
    };
    Some((key, verb))
}

fn txn_operation(line: &str) -> TxnOperation {
    let mut arguments = Arguments::new(line);
    let verb = arguments.word();
    let operation = match &*verb {
        "node" => {
            let verb = catalog_verb(&mut arguments);
            TxnOperation::Node(verb, Box::new(arguments.node()))
        }
        "service" => {
            let verb = catalog_verb(&mut arguments);
            TxnOperation::Service(verb, Box::new(arguments.service()))
        }
        "check" => {
            let verb = catalog_verb(&mut arguments);
            TxnOperation::Check(verb, Box::new(arguments.check()))
        }
        other => {
            let (key, verb) = key_verb(other, &mut arguments).unwrap_or_else(|| read_verb(other, &mut arguments));
            TxnOperation::Key(KeyOperation { key, verb })
        }
    };
    arguments.end();
    operation
}

fn read_verb(verb: &str, arguments: &mut Arguments<'_>) -> (quorate_state::Key, KeyVerb) {
    let key = arguments.key();
    let verb = match verb {
        "get" => KeyVerb::Get,
        "get-or-empty" => KeyVerb::GetOrEmpty,
        "get-tree" => KeyVerb::GetTree,
        "check-index" => KeyVerb::CheckIndex(arguments.number("index")),
        "check-session" => KeyVerb::CheckSession(arguments.session_reference()),
        "check-not-exists" => KeyVerb::CheckNotExists,
        other => panic!("no verb: {other}"),
    };
    (key, verb)
}

fn catalog_verb(arguments: &mut Arguments<'_>) -> CatalogVerb {
    match &*arguments.word() {
        "set" => CatalogVerb::Set,
        "cas" => CatalogVerb::Cas(arguments.number("index")),
        "get" => CatalogVerb::Get,
        "delete" => CatalogVerb::Delete,
        "delete-cas" => CatalogVerb::DeleteCas(arguments.number("index")),
        other => panic!("no verb: {other}"),
    }
}

fn registration(arguments: &mut Arguments<'_>, more: &[&str]) -> Operation {
    let skip_node_update = arguments.flag("skip-node-update");
    let mut registration = Registration { node: arguments.node(), skip_node_update, ..Registration::default() };
    for line in more {
        let mut arguments = Arguments::new(line);
        match &*arguments.word() {
            "service" => registration.service = Some(arguments.service()),
            "check" => registration.checks.push(arguments.check()),
            other => panic!("no part of a registration: {other}"),
        }
        arguments.end();
    }
    Operation::Register(Box::new(registration))
}

fn topic(text: &str) -> Topic {
    let (kind, name) = text.split_once(':').unwrap_or((text, ""));
    match kind {
        "key" => Topic::Key(name.into()),
        "under" => Topic::KeysUnder(name.into()),
        "nodes" => Topic::Nodes,
        "node" => Topic::node(name),
        "node-checks" => Topic::node_checks(name),
        "services" => Topic::Services,
        "instances" => Topic::Instances,
        "service" => Topic::service(name),
        "health" => Topic::health(name),
        "checks" => Topic::Checks,
        "checks-in" => Topic::ChecksIn(CheckStatus::from_word(name).expect("a status")),
        "sessions" => Topic::Sessions,
        "node-sessions" => Topic::node_sessions(name),
        "session" => Topic::Session(session_id(name).expect("s and a number")),
        other => panic!("no topic: {other}"),
    }
}
