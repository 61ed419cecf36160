//! The words of a command: plain ones, and `name=value` pairs.

use std::collections::BTreeMap;

use quorate_state::{
    Check, CheckStatus, Key, KeyValue, Node, Service, ServiceCheckReference, Session, SessionBehavior, SessionId,
    SessionReference, Stamp,
};
use uuid::Uuid;

pub(crate) struct Arguments<'a> {
    line: &'a str,
    words: std::collections::VecDeque<String>,
    pairs: BTreeMap<String, String>,
}

impl<'a> Arguments<'a> {
    /// Splits a line at spaces. `""` is an empty word; `\xNN` and `\s` are a byte and a space.
    pub(crate) fn new(line: &'a str) -> Self {
        let mut arguments = Self { line, words: Default::default(), pairs: BTreeMap::new() };
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    arguments.pairs.insert(name.to_owned(), text(value));
                }
                _ => arguments.words.push_back(text(word)),
            }
        }
        arguments
    }

    pub(crate) fn word(&mut self) -> String {
        self.words.pop_front().unwrap_or_else(|| panic!("{:?} lacks a word", self.line))
    }

    pub(crate) fn word_or(&mut self, default: &str) -> String {
        self.words.pop_front().unwrap_or_else(|| default.to_owned())
    }

    pub(crate) fn has_word(&self) -> bool {
        !self.words.is_empty()
    }

    /// Takes a word if it is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let at = self.words.iter().position(|word| word == name);
        at.map(|at| self.words.remove(at)).is_some()
    }

    pub(crate) fn get(&mut self, name: &str) -> Option<String> {
        self.pairs.remove(name)
    }

    pub(crate) fn text(&mut self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    pub(crate) fn number(&mut self, name: &str) -> u64 {
        let text = self.get(name).unwrap_or_else(|| panic!("{:?} lacks {name}", self.line));
        text.parse().unwrap_or_else(|_| panic!("{:?}: {name} is no number", self.line))
    }

    pub(crate) fn number_or(&mut self, name: &str, default: u64) -> u64 {
        if self.pairs.contains_key(name) { self.number(name) } else { default }
    }

    fn list(&mut self, name: &str) -> Vec<String> {
        self.get(name)
            .map_or_else(Vec::new, |list| list.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    /// The pairs whose names begin so, without that beginning.
    fn map(&mut self, prefix: &str) -> BTreeMap<String, String> {
        let names: Vec<String> = self.pairs.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        names.iter().map(|name| (name[prefix.len()..].to_owned(), self.text(name))).collect()
    }

    /// Panics if something was not understood.
    pub(crate) fn end(&self) {
        assert!(self.words.is_empty() && self.pairs.is_empty(), "{:?}: not understood: {:?}", self.line, self.pairs);
    }

    pub(crate) fn key(&mut self) -> Key {
        Key::from(&*bytes(&self.word()))
    }

    pub(crate) fn value(&mut self) -> KeyValue {
        let value = bytes(&self.word_or("")).into();
        KeyValue { value, flags: self.number_or("flags", 0) }
    }

    /// A session as a client names it: `s7` stands for an id, anything else for itself.
    pub(crate) fn session_reference(&mut self) -> SessionReference {
        let text = self.text("session");
        SessionReference(session_id(&text).map_or(text, |id| id.to_string()))
    }

    pub(crate) fn session(&mut self) -> Session {
        let id = session_id(&self.word()).expect("s and a number");
        Session {
            id,
            name: self.text("name"),
            node: self.text("node"),
            lock_delay_ns: self.number_or("delay_ms", 0) as i64 * 1_000_000,
            behavior: match &*self.text("behavior") {
                "" | "release" => SessionBehavior::Release,
                "delete" => SessionBehavior::Delete,
                other => panic!("no behavior: {other}"),
            },
            ttl: String::new(),
            ttl_ms: 0,
            node_checks: Some(self.list("checks")),
            checks: self.list("older_checks"),
            service_checks: Some(
                self.list("service_checks")
                    .into_iter()
                    .map(|id| ServiceCheckReference { id, namespace: String::new() })
                    .collect(),
            ),
            stamp: Stamp::default(),
        }
    }

    pub(crate) fn node(&mut self) -> Node {
        Node {
            id: self.get("id").map(|id| node_id(&id)).unwrap_or_default(),
            name: self.text("node"),
            address: self.get("address").unwrap_or_else(|| "10.0.0.1".to_owned()),
            meta: self.map("meta."),
            ..Node::default()
        }
    }

    pub(crate) fn service(&mut self) -> Service {
        Service {
            node: self.text("node"),
            id: self.text("id"),
            name: self.text("name"),
            tags: self.list("tags"),
            address: self.text("address"),
            port: self.number_or("port", 0) as i64,
            kind: self.text("kind"),
            meta: self.map("meta."),
            socket_path: self.text("socket"),
            ..Service::default()
        }
    }

    pub(crate) fn check(&mut self) -> Check {
        let status = self.get("status").map(|word| CheckStatus::from_word(&word).expect("a status"));
        Check {
            node: self.text("node"),
            id: self.text("id"),
            name: self.text("name"),
            status: status.unwrap_or_default(),
            output: self.text("output"),
            service_id: self.text("service"),
            interval: self.text("interval"),
            ..Check::default()
        }
    }
}

/// `s7` as an id.
pub(crate) fn session_id(text: &str) -> Option<SessionId> {
    let number = text.strip_prefix('s')?.parse().ok()?;
    SessionId::new(Uuid::from_u128(number))
}

/// `n7` as a node's id, anything else as itself.
fn node_id(text: &str) -> String {
    match text.strip_prefix('n').and_then(|number| number.parse().ok()) {
        Some(number) => Uuid::from_u128(number).to_string(),
        None => text.to_owned(),
    }
}

fn text(word: &str) -> String {
    if word == "\"\"" { String::new() } else { word.replace("\\s", " ") }
}

fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        out.extend_from_slice(before.as_bytes());
        out.push(u8::from_str_radix(&after[..2], 16).expect("two hexadecimal digits"));
        rest = &after[2..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
