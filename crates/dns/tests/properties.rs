//! What holds of every answer, whatever was asked of whatever catalog.

use std::collections::BTreeSet;

use domain::base::iana::Rtype;
use domain::base::{Message, ParsedName, ToName};
use domain::rdata::AllRecordData;
use proptest::prelude::*;
use quorate_dns::{Foreign, Outcome, Responder, Settings, Shuffle, Transport, Zone};
use quorate_state::{
    Changes, Check, CheckStatus, Command, Deregistration, Node, Operation, Registration, Service, State,
};

/// Labels that mean something, and some that should not.
const LABELS: &[&str] = &[
    "web", "WEB", "n1", "node", "service", "addr", "dc1", "consul", "query", "ns", "_web", "_tcp", "_v1", "v1",
    "0a000001", "in-addr", "arpa", "ip6", "10", "0", "1", "a.b", "\u{e9}", "*", "", "example", "org",
];
const ADDRESSES: &[&str] =
    &["10.0.0.1", "10.0.0.2", "fd00::1", "web.service.consul", "example.org", "n1.node.consul", "..", ""];
const KINDS: &[Rtype] = &[
    Rtype::A,
    Rtype::AAAA,
    Rtype::SRV,
    Rtype::TXT,
    Rtype::ANY,
    Rtype::SOA,
    Rtype::NS,
    Rtype::PTR,
    Rtype::CNAME,
    Rtype::MX,
    Rtype::AXFR,
];

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::sample::select(LABELS).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9_.-]{1,70}",
    ]
}

prop_compose! {
    fn catalog()(
        entries in proptest::collection::vec(
            (label(), label(), proptest::sample::select(ADDRESSES), proptest::sample::select(ADDRESSES), 0..400usize),
            0..40,
        ),
    ) -> State {
        let mut state = State::new();
        for (number, (node, service, address, own_address, text)) in entries.into_iter().enumerate() {
            let node = Node {
                name: if node.is_empty() { format!("n{number}") } else { node },
                address: address.to_owned(),
                meta: [("text".to_owned(), "x".repeat(text))].into(),
                ..Node::default()
            };
            let name = if service.is_empty() { "web".to_owned() } else { service };
            let service = Service { id: name.clone(), name, address: own_address.to_owned(), ..Service::default() };
            let registration = Registration { node, service: Some(service), ..Registration::default() };
            let operation = Operation::Register(Box::new(registration));
            state.apply(number as u64 + 1, Command { now_ms: 1, operation }, &mut Changes::default());
        }
        state
    }
}

prop_compose! {
    fn settings()(flags in any::<[bool; 6]>(), answers in 0..5usize, addresses in 0..5usize) -> Settings {
        Settings {
            alt_domain: flags[0].then(|| "alt.example".to_owned()),
            only_passing: flags[1],
            enable_truncate: flags[2],
            disable_compression: flags[3],
            node_meta_txt: flags[4],
            recursors: if flags[5] { vec!["127.0.0.1:53".parse().unwrap()] } else { Vec::new() },
            udp_answer_limit: answers,
            a_record_limit: addresses,
            ..Settings::default()
        }
    }
}

prop_compose! {
    fn query()(
        labels in proptest::collection::vec(label(), 0..7),
        ending in proptest::sample::select(vec!["", "consul", "service.consul", "node.dc1.consul", "CONSUL", "alt.example"]),
        kind in proptest::sample::select(KINDS),
        size in proptest::option::of(any::<u16>()),
    ) -> Vec<u8> {
        let mut packet = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(size.is_some())];
        for label in labels.iter().map(String::as_str).chain(ending.split('.')) {
            let label = &label.as_bytes()[..label.len().min(63)];
            if !label.is_empty() && packet.len() + label.len() < 250 {
                packet.push(label.len() as u8);
                packet.extend(label);
            }
        }
        packet.push(0);
        packet.extend(kind.to_int().to_be_bytes());
        packet.extend([0, 1]);
        if let Some(size) = size {
            packet.extend([0, 0, 41]);
            packet.extend(size.to_be_bytes());
            packet.extend([0; 6]);
        }
        packet
    }
}

/// Reads all of a message, with every name in it. Each record stands there once (RFC 2181, 5), but for addresses that come
/// with several answers.
fn assert_whole(bytes: &[u8]) {
    let message = Message::from_slice(bytes).expect("a header");
    let (_, answer, authority, additional) = message.sections().expect("sections");
    let mut told = BTreeSet::new();
    for (is_additional, section) in [(false, answer), (false, authority), (true, additional)] {
        for record in section {
            let record = record.expect("a record");
            let owner = record.owner().to_vec().to_string().to_lowercase();
            let data = record.to_any_record::<AllRecordData<_, ParsedName<_>>>().expect("data of its type");
            let data = format!("{owner} {} {}", record.rtype(), data.data());
            let may_repeat = is_additional && matches!(record.rtype(), Rtype::A | Rtype::AAAA);
            assert!(told.insert(data.clone()) || may_repeat, "{data} twice");
        }
    }
}

fn answered(settings: Settings, state: &State, packet: &[u8], transport: Transport, seed: u64) -> (Outcome, Vec<u8>) {
    let mut out = Vec::new();
    let zone = Zone::new(settings).expect("a zone");
    let mut responder = Responder::new(zone, Shuffle::new(seed));
    let outcome = responder.respond(state, packet, transport, &Foreign::default(), &mut out);
    (outcome, out)
}

/// A change of a small catalog: two nodes, two services, checks of both.
fn change() -> impl Strategy<Value = Operation> {
    let node = || proptest::sample::select(vec!["n1", "n2"]);
    let service = || proptest::sample::select(vec!["web", "Web", "db"]);
    let status = proptest::sample::select(CheckStatus::ALL.to_vec());
    let of_service = proptest::option::of(service());
    prop_oneof![
        (node(), proptest::option::of(service()), 1..4u8, any::<bool>()).prop_map(
            |(node, service, number, is_tagged)| {
                let tags = if is_tagged { vec!["v1".to_owned()] } else { Vec::new() };
                let service = service.map(|name| Service {
                    id: name.into(),
                    name: name.into(),
                    tags,
                    port: 1,
                    ..Service::default()
                });
                let node = Node { name: node.into(), address: format!("10.0.0.{number}"), ..Node::default() };
                Operation::Register(Box::new(Registration { node, service, ..Registration::default() }))
            }
        ),
        (node(), of_service, status).prop_map(|(node, service, status)| {
            let service_id = service.unwrap_or_default().to_owned();
            let check =
                Check { node: node.into(), id: format!("of {service_id}"), service_id, status, ..Check::default() };
            let node = Node { name: node.into(), ..Node::default() };
            let registration = Registration { node, checks: vec![check], skip_node_update: true, service: None };
            Operation::Register(Box::new(registration))
        }),
        (node(), proptest::option::of(service())).prop_map(|(node, service)| {
            let service_id = service.unwrap_or_default().to_owned();
            Operation::Deregister(Deregistration { node: node.into(), service_id, check_id: String::new() })
        }),
        Just(Operation::Reap(u64::MAX)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_answer_is_whole_fits_and_echoes_its_question(
        settings in settings(), state in catalog(), packet in query(), is_udp in any::<bool>(), seed in any::<u64>(),
    ) {
        let transport = if is_udp { Transport::Udp } else { Transport::Tcp };
        let (outcome, out) = answered(settings, &state, &packet, transport, seed);
        prop_assert_ne!(&outcome, &Outcome::Ignored);
        if outcome == Outcome::Forward {
            return Ok(());
        }
        assert_whole(&out);
        prop_assert_eq!(&out[..2], &packet[..2]);
        let end = packet.len() - if packet[11] == 1 { 11 } else { 0 };
        prop_assert_eq!(&out[12..end], &packet[12..end]);
        let taken = if packet[11] == 1 { u16::from_be_bytes([packet[end + 3], packet[end + 4]]) } else { 0 };
        let bytes_max = if is_udp { usize::from(taken).max(512) } else { 65_535 };
        prop_assert!(out.len() <= bytes_max, "{} bytes of {bytes_max}", out.len());
        // An empty answer from the zone carries its SOA record, unless it was cut. The names of addresses are of no zone.
        let message = Message::from_slice(&out).unwrap();
        let counts = message.header_counts();
        let is_reverse = packet[..end - 4].ends_with(b"\x04arpa\0");
        if message.header().aa() && !message.header().tc() && message.qtype() != Some(Rtype::AXFR) && !is_reverse {
            prop_assert!(counts.ancount() + counts.nscount() > 0);
        }
    }

    #[test]
    fn any_bytes_are_answered_or_not_and_never_break_it(
        state in catalog(), mut packet in query(), changes in proptest::collection::vec(any::<(u16, u8)>(), 0..8),
        length in any::<u16>(),
    ) {
        for (place, byte) in changes {
            let place = usize::from(place) % packet.len();
            packet[place] = byte;
        }
        packet.truncate(usize::from(length) % (packet.len() + 1) + packet.len() / 2);
        let (outcome, out) = answered(Settings::default(), &state, &packet, Transport::Udp, 1);
        if outcome != Outcome::Ignored {
            assert_whole(&out);
        }
    }

    #[test]
    fn what_is_kept_between_questions_changes_no_answer(
        changes in proptest::collection::vec(change(), 1..40), only_passing in any::<bool>(),
    ) {
        let zone = Zone::new(Settings { only_passing, ..Settings::default() }).unwrap();
        let mut keeping = Responder::new(zone.clone(), Shuffle::new(1));
        let mut state = State::new();
        let packet = |name: &[u8]| [b"\0\x01\x01\0\0\x01\0\0\0\0\0\0", name, b"\x07service\x06consul\0\0\x21\0\x01"].concat();
        for (index, operation) in (1..).zip(changes) {
            state.apply(index, Command { now_ms: 1, operation }, &mut Changes::default());
            for name in [&b"\x03web"[..], b"\x02v1\x03WEB", b"\x02db"] {
                let sorted = |responder: &mut Responder| {
                    let mut out = Vec::new();
                    responder.respond(&state, &packet(name), Transport::Tcp, &Foreign::default(), &mut out);
                    let message = Message::from_octets(out).unwrap();
                    let records = message.answer().unwrap().map(|record| {
                        let record = record.unwrap();
                        let data = record.to_any_record::<AllRecordData<_, ParsedName<_>>>().unwrap();
                        format!("{}", data.data())
                    });
                    let mut records: Vec<String> = records.collect();
                    records.sort();
                    (message.header().rcode(), records)
                };
                let fresh = sorted(&mut Responder::new(zone.clone(), Shuffle::new(2)));
                prop_assert_eq!(sorted(&mut keeping), fresh);
            }
        }
    }
}
