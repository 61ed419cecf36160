//! Runs the commands of a transcript.
//!
//!     node NAME ADDRESS [meta.KEY=VALUE] [tagged.KEY=ADDRESS]
//!     service NODE ID NAME PORT [address=] [tags=a,b] [weights=PASSING/WARNING] [tagged.KEY=ADDRESS]
//!     check NODE ID STATUS [SERVICE-ID]
//!     many COUNT NAME            so many nodes, each with an instance of a service
//!     set KEY=VALUE ...          settings; times in seconds
//!     outside NAME TYPE VALUE [OWNER]
//!                                what a recursor says of a name; NXDOMAIN in place of a type that there is none
//!     ask NAME TYPE [tcp] [edns=SIZE] [subnet=HEX] [version=N] [class=N] [norec]
//!     send HEX [tcp]             a message as it is

use quorate_dns::{Foreign, Outcome, RecursorStrategy, Responder, Settings, Shuffle, Transport, Zone};
use quorate_state::{
    Changes, Check, CheckStatus, Command, Node, Operation, Registration, Service, ServiceAddress, State, Weights,
};

use crate::print;

/// A catalog, settings, and what recursors said.
#[derive(Default)]
pub(crate) struct Machine {
    state: State,
    log_index: u64,
    settings: Settings,
    foreign: Foreign,
}

impl Machine {
    /// Runs one command; a question gives its output, each line ended.
    pub(crate) fn run(&mut self, line: &str) -> Option<String> {
        let mut words = line.split(' ');
        let verb = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        match verb {
            "node" => self.node(&words),
            "service" => self.service(&words),
            "check" => self.check(&words),
            "many" => self.many(words[0].parse().expect("a count"), words[1]),
            "set" => words.iter().for_each(|word| set(&mut self.settings, word)),
            "outside" => {
                let owner = words.get(3).unwrap_or(&words[0]);
                self.foreign.note(words[0], &print::message(owner, words[1], words.get(2).unwrap_or(&"")));
            }
            "ask" => return Some(self.send(&query(&words), &words)),
            "send" => return Some(self.send(&hex(words[0]), &words)),
            other => panic!("no command: {other}"),
        }
        None
    }

    fn node(&mut self, words: &[&str]) {
        let mut node = Node { name: words[0].into(), address: words[1].into(), ..Node::default() };
        for word in &words[2..] {
            let (key, value) = word.split_once('=').expect("KEY=VALUE");
            match key.split_once('.') {
                // An underscore stands for a space.
                Some(("meta", key)) => node.meta.insert(key.into(), value.replace('_', " ")),
                Some(("tagged", key)) => node.tagged_addresses.insert(key.into(), value.into()),
                _ => panic!("no part of a node: {word}"),
            };
        }
        self.apply(Registration { node, ..Registration::default() });
    }

    fn service(&mut self, words: &[&str]) {
        let mut service = Service {
            node: words[0].into(),
            id: words[1].into(),
            name: words[2].into(),
            port: words[3].parse().expect("a port"),
            ..Service::default()
        };
        for word in &words[4..] {
            let (key, value) = word.split_once('=').expect("KEY=VALUE");
            match key {
                "address" => service.address = value.into(),
                "tags" => service.tags = value.split(',').map(str::to_owned).collect(),
                "weights" => {
                    let (passing, warning) = value.split_once('/').expect("PASSING/WARNING");
                    let number = |text: &str| text.parse().expect("a weight");
                    service.weights = Weights { passing: number(passing), warning: number(warning) };
                }
                _ => {
                    let tag = key.strip_prefix("tagged.").expect("a part of a service");
                    service.tagged_addresses.insert(tag.into(), ServiceAddress { address: value.into(), port: 0 });
                }
            }
        }
        let node = Node { name: words[0].into(), ..Node::default() };
        self.apply(Registration { node, service: Some(service), skip_node_update: true, ..Registration::default() });
    }

    fn check(&mut self, words: &[&str]) {
        let check = Check {
            node: words[0].into(),
            id: words[1].into(),
            status: CheckStatus::from_word(words[2]).expect("a status"),
            service_id: words.get(3).copied().unwrap_or_default().into(),
            ..Check::default()
        };
        let node = Node { name: words[0].into(), ..Node::default() };
        self.apply(Registration { node, checks: vec![check], skip_node_update: true, ..Registration::default() });
    }

    fn many(&mut self, count: u8, name: &str) {
        for number in 1..=count {
            let node = format!("{name}-{number}");
            self.node(&[&node, &format!("10.9.0.{number}")]);
            self.service(&[&node, "it", name, &format!("{}", 1_000 + u32::from(number))]);
        }
    }

    fn apply(&mut self, registration: Registration) {
        self.log_index += 1;
        let operation = Operation::Register(Box::new(registration));
        let mut changes = Changes::default();
        let response = self.state.apply(self.log_index, Command { now_ms: 1, operation }, &mut changes);
        assert!(matches!(response, quorate_state::Response::Done), "{response:?}");
    }

    fn send(&self, packet: &[u8], words: &[&str]) -> String {
        let zone = Zone::new(self.settings.clone()).expect("a zone");
        let transport = if words.contains(&"tcp") { Transport::Tcp } else { Transport::Udp };
        let mut out = Vec::new();
        let mut responder = Responder::new(zone, Shuffle::new(7));
        match responder.respond(&self.state, packet, transport, &self.foreign, &mut out) {
            Outcome::Answered(_) => print::answer(&out),
            Outcome::Ignored => "no answer\n".to_owned(),
            Outcome::Forward => "to a recursor\n".to_owned(),
            Outcome::Resolve(names) => format!("{}a recursor is asked for {}\n", print::answer(&out), names.join(" ")),
        }
    }
}

fn set(settings: &mut Settings, word: &str) {
    let (key, value) = word.split_once('=').expect("KEY=VALUE");
    let number = || value.parse().expect("a number");
    let is_on = value == "true";
    match key {
        "domain" => settings.domain = value.into(),
        "alt_domain" => settings.alt_domain = Some(value.into()),
        "node_ttl" => settings.node_ttl_seconds = number(),
        "only_passing" => settings.only_passing = is_on,
        "udp_answer_limit" => settings.udp_answer_limit = number() as usize,
        "a_record_limit" => settings.a_record_limit = number() as usize,
        "enable_truncate" => settings.enable_truncate = is_on,
        "disable_compression" => settings.disable_compression = is_on,
        "node_meta_txt" => settings.node_meta_txt = is_on,
        "min_ttl" => settings.soa.min_ttl = number(),
        "recursors" => {
            settings.recursors = vec![value.parse().expect("an address")];
            settings.recursor_strategy = RecursorStrategy::Random;
        }
        _ => {
            let name = key.strip_prefix("service_ttl.").expect("a setting");
            settings.service_ttl_seconds.insert(name.into(), number());
        }
    }
}

/// The query of an `ask`.
fn query(words: &[&str]) -> Vec<u8> {
    let option = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let recursion = u8::from(!words.contains(&"norec"));
    let edns = option("edns").map(|size| size.parse::<u16>().expect("a size"));
    let mut packet = vec![0x12, 0x34, recursion, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())];
    packet.extend(print::wire_name(words[0]));
    packet.extend(print::kind(words[1]).to_int().to_be_bytes());
    packet.extend(option("class").map_or(1u16, |class| class.parse().expect("a class")).to_be_bytes());
    if let Some(size) = edns {
        packet.extend([0, 0, 41]);
        packet.extend(size.to_be_bytes());
        packet.extend([0, option("version").map_or(0, |version| version.parse().expect("a version")), 0, 0]);
        let subnet = option("subnet").map(hex).unwrap_or_default();
        let length = if subnet.is_empty() { 0 } else { subnet.len() as u16 + 4 };
        packet.extend(length.to_be_bytes());
        if length > 0 {
            packet.extend([0, 8, 0, subnet.len() as u8]);
            packet.extend(subnet);
        }
    }
    packet
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'_').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("hexadecimal");
    digits.chunks(2).map(byte).collect()
}
