//! Packets of DNS clients, as datagrams and over a connection, with and without recursors; and the same bytes as the
//! answer of a recursor. What is answered is a whole message that fits, with the id and the question as they came.

#![no_main]

use std::sync::LazyLock;

use domain::base::{Message, ParsedName};
use domain::rdata::AllRecordData;
use libfuzzer_sys::fuzz_target;
use quorate_dns::{Foreign, Outcome, Responder, Settings, Shuffle, Transport, Zone};
use quorate_state::{Changes, Command, Node, Operation, Registration, Service, State};

static STATE: LazyLock<State> = LazyLock::new(|| {
    let addresses = ["10.0.0.1", "fd00::1", "www.example.org", "web.service.consul", "loop.service.consul", "n..n", ""];
    let mut state = State::new();
    for number in 0..40 {
        let node = Node {
            name: format!("n{number}"),
            address: addresses[number % addresses.len()].to_owned(),
            meta: [("k".to_owned(), "v".repeat(number * 10))].into(),
            ..Node::default()
        };
        let name = ["web", "loop", "six", "consul"][number % 4].to_owned();
        let address = addresses[number / 4 % addresses.len()].to_owned();
        let service = Service { id: name.clone(), name, address, tags: vec!["v1".to_owned()], ..Service::default() };
        let registration = Registration { node, service: Some(service), ..Registration::default() };
        let operation = Operation::Register(Box::new(registration));
        state.apply(number as u64 + 1, Command { now_ms: 1, operation }, &mut Changes::default());
    }
    state
});

static ZONES: LazyLock<[Zone; 2]> = LazyLock::new(|| {
    let plain = Settings::default();
    let other = Settings {
        alt_domain: Some("alt.test".to_owned()),
        recursors: vec!["127.0.0.1:53".parse().expect("an address")],
        disable_compression: true,
        enable_truncate: true,
        udp_answer_limit: 0,
        ..Settings::default()
    };
    [plain, other].map(|settings| Zone::new(settings).expect("a zone"))
});

fuzz_target!(|bytes: &[u8]| {
    let mut foreign = Foreign::default();
    foreign.note("www.example.org", bytes);
    for zone in &*ZONES {
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut out = Vec::new();
            let mut responder = Responder::new(zone.clone(), Shuffle::new(bytes.len() as u64));
            match responder.respond(&STATE, bytes, transport, &foreign, &mut out) {
                Outcome::Ignored | Outcome::Forward => {}
                Outcome::Answered(_) | Outcome::Resolve(_) => check(bytes, &out, transport),
            }
        }
    }
    // An answer that leads outside, and to what these bytes say.
    let question = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x02n2\x04node\x06consul\0\0\x01\0\x01";
    let mut out = Vec::new();
    let mut responder = Responder::new(ZONES[0].clone(), Shuffle::new(1));
    responder.respond(&STATE, question, Transport::Tcp, &foreign, &mut out);
    check(question, &out, Transport::Tcp);
});

fn check(query: &[u8], answer: &[u8], transport: Transport) {
    assert_eq!(answer[..2], query[..2], "another id");
    let message = Message::from_slice(answer).expect("a message");
    let header = message.header();
    assert!(header.qr());
    let (questions, answers, authority, additional) = message.sections().expect("sections");
    for question in questions {
        let question = question.expect("a question");
        let asked = Message::from_slice(query).expect("a query").sole_question().expect("a question");
        assert_eq!((question.qname(), question.qtype()), (asked.qname(), asked.qtype()));
    }
    for section in [answers, authority, additional] {
        for record in section {
            let record = record.expect("a record");
            record.to_any_record::<AllRecordData<_, ParsedName<_>>>().expect("its data");
        }
    }
    let taken = Message::from_slice(query).ok().and_then(|query| query.opt()).map_or(0, |opt| opt.udp_payload_size());
    let bytes_max = if transport == Transport::Udp { usize::from(taken).max(512) } else { 65_535 };
    assert!(answer.len() <= bytes_max, "{} bytes to a client that takes {bytes_max}", answer.len());
}
