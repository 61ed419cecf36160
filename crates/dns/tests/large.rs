//! Services so large that their answers fill a message of 64 KiB.

use domain::base::Message;
use domain::base::iana::Rtype;
use quorate_dns::{Foreign, Outcome, Responder, Settings, Shuffle, Transport, Zone};
use quorate_state::{Changes, Command, Node, Operation, Registration, Service, State};

/// The largest message there is.
const MESSAGE_BYTES_MAX: usize = 65_535;

/// A service on so many nodes, each with metadata of some 400 bytes.
fn state(instances: usize) -> State {
    let mut state = State::new();
    for number in 1..=instances {
        let node = Node {
            name: format!("n{number}"),
            address: format!("10.1.{}.{}", number / 256, number % 256),
            meta: ["a", "b"].map(|key| (key.to_owned(), "x".repeat(200))).into(),
            ..Node::default()
        };
        let service = Service { id: "web".into(), name: "web".into(), port: 80, ..Service::default() };
        let registration = Registration { node, service: Some(service), ..Registration::default() };
        let operation = Operation::Register(Box::new(registration));
        state.apply(number as u64, Command { now_ms: 1, operation }, &mut Changes::default());
    }
    state
}

/// How many answers and additional records come over a connection, and whether the message says that it was cut.
fn told(instances: usize, kind: Rtype) -> (usize, usize, bool) {
    let mut query = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x03web\x07service\x06consul\0".to_vec();
    query.extend(kind.to_int().to_be_bytes());
    query.extend([0, 1]);
    let settings = Settings { enable_truncate: true, ..Settings::default() };
    let mut responder = Responder::new(Zone::new(settings).unwrap(), Shuffle::new(7));
    let mut out = Vec::new();
    let outcome = responder.respond(&state(instances), &query, Transport::Tcp, &Foreign::default(), &mut out);
    assert!(matches!(outcome, Outcome::Answered(_)));
    assert!(out.len() <= MESSAGE_BYTES_MAX, "{} bytes", out.len());
    let message = Message::from_slice(&out).unwrap();
    let (_, answer, _, additional) = message.sections().unwrap();
    (answer.map(Result::unwrap).count(), additional.map(Result::unwrap).count(), message.header().tc())
}

#[test]
fn all_instances_are_told_with_texts_if_they_fit_and_without_if_not() {
    assert_eq!(told(50, Rtype::SRV), (50, 150, false));
    assert_eq!(told(300, Rtype::SRV), (300, 300, false));
    assert_eq!(told(300, Rtype::A), (300, 0, false));
}

#[test]
fn addresses_go_before_answers_and_what_is_left_out_is_said() {
    let (answers, addresses, is_cut) = told(1_500, Rtype::SRV);
    assert_eq!((answers, is_cut), (1_500, false));
    assert!((1..1_500).contains(&addresses), "{addresses}");
    let (answers, addresses, is_cut) = told(2_000, Rtype::SRV);
    assert!(is_cut && (1_500..2_000).contains(&answers) && addresses <= 1, "{answers} {addresses}");
    assert_eq!(told(4_000, Rtype::A), (4_000, 0, false));
    assert!(told(5_000, Rtype::A).2);
}
