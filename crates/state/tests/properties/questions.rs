//! All questions over the names of [`crate::commands`], and their answers.

use std::fmt::Debug;

use quorate_state::{CheckStatus, Key, State, Topic};

use crate::commands::{KEYS, NODES, SERVICES, SESSIONS, session};

/// Each thing that can be waited for.
pub(crate) fn all() -> Vec<Topic> {
    let mut topics = vec![Topic::Nodes, Topic::Services, Topic::Instances, Topic::Checks, Topic::Sessions];
    topics.extend(KEYS.map(|key| Topic::Key(key.into())));
    topics.extend(["", "a", "a/", "c", "nothing"].map(|prefix| Topic::KeysUnder(Key::from(prefix))));
    topics.extend(CheckStatus::ALL.map(Topic::ChecksIn));
    for node in NODES {
        topics.extend([Topic::node(node), Topic::node_checks(node), Topic::node_sessions(node)]);
    }
    for service in SERVICES {
        topics.extend([Topic::service(service), Topic::health(service)]);
    }
    topics.extend((1..=SESSIONS).map(|number| Topic::Session(session(number))));
    topics.sort();
    topics.dedup();
    topics
}

/// The whole answer, as text.
pub(crate) fn answer(state: &State, topic: &Topic) -> String {
    match topic {
        Topic::Key(key) => text([state.key(key.as_bytes())]),
        Topic::KeysUnder(prefix) => text(state.keys_under(prefix.as_bytes())),
        Topic::Nodes => text(state.nodes()),
        Topic::Node(name) => text([state.node(name)]) + &text(state.services_on(name)),
        Topic::NodeChecks(name) => text(state.checks_on(name)),
        Topic::Services => text(state.service_tags()),
        Topic::Instances => text(state.services()),
        Topic::Service(name) => text(state.instances(name)),
        Topic::Health(name) => {
            let instances = state.instances(name).map(|(node, service)| {
                let checks = state.checks_of_node(&node.name).chain(state.checks_of_instance(&node.name, &service.id));
                (node, service, checks.collect::<Vec<_>>())
            });
            text(instances) + &text(state.checks_of_service(name))
        }
        Topic::Checks => text(state.checks()),
        Topic::ChecksIn(status) => text(state.checks_in(*status)),
        Topic::Sessions => text(state.sessions()),
        Topic::NodeSessions(name) => text(state.sessions_on(name)),
        Topic::Session(id) => text([state.session(*id)]),
    }
}

fn text<T: Debug>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| format!("{item:?}\n")).collect()
}
