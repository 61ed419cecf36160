//! What messages promise: every request and reply reads back, damage is refused, and version 1 stays what it was.
//! `v1.txt` was written by its own encoder, one message a line, and is never written again: servers of two releases
//! speak to each other while a cluster is upgraded.

mod values;

use super::*;
use crate::codec::FORMAT_FIRST;
use crate::codec::tests::fixture;
use values::{replies, requests};

const FIXTURES: &str = include_str!("v1.txt");

/// The bytes of every message of version 1.
fn messages() -> impl Iterator<Item = (&'static str, String, Bytes)> {
    let request = |request: Request| encode_request(&request, FORMAT_FIRST).expect("format 1 has a place for it");
    let requests = requests().into_iter().map(move |(name, value)| ("request", name, request(value)));
    requests.chain(replies().into_iter().map(|(name, value)| ("reply", name, encode_reply(&value, FORMAT_FIRST))))
}

#[test]
fn messages_of_version_1_are_written_as_ever() {
    let mut count = 0;
    for (kind, name, bytes) in messages() {
        assert_eq!(bytes[..], fixture(FIXTURES, kind, &name), "{kind} {name}");
        count += 1;
    }
    assert_eq!(count, FIXTURES.lines().filter(|line| !line.starts_with('#')).count(), "each fixture is looked at");
}

#[test]
fn requests_of_version_1_are_read_as_ever() {
    for (name, request) in requests() {
        let bytes = fixture(FIXTURES, "request", &name);
        assert_eq!(decode_request(&bytes), Ok((request, FORMAT_FIRST)), "{name}");
    }
}

#[test]
fn replies_of_version_1_are_read_as_ever() {
    for (name, reply) in replies() {
        let bytes = fixture(FIXTURES, "reply", &name);
        let read = decode_reply(&bytes).expect("a reply");
        // A reply holds what cannot be compared, an archive; what it shows is all that it has.
        assert_eq!(format!("{read:?}"), format!("{reply:?}"), "{name}");
    }
}

#[test]
fn each_format_of_the_values_reads_back() {
    for format in FORMAT_FIRST..=FORMAT_NEWEST {
        for (name, request) in requests() {
            let bytes = encode_request(&request, format).expect("format 1 has a place for it");
            assert_eq!(decode_request(&bytes), Ok((request, format)), "{name}");
        }
    }
}

#[test]
fn a_message_cut_anywhere_or_too_long_is_refused() {
    for (kind, name, bytes) in messages() {
        let is_refused = |bytes: &[u8]| match kind {
            "request" => decode_request(bytes).is_err(),
            _ => decode_reply(bytes).is_err(),
        };
        for length in 0..bytes.len() {
            assert!(is_refused(&bytes[..length]), "{kind} {name} cut to {length}");
        }
        assert!(is_refused(&[&bytes[..], &[0]].concat()), "{kind} {name} with one byte more");
    }
}

#[test]
fn a_version_or_format_that_nobody_knows_is_refused() {
    let (_, _, bytes) = messages().next().expect("there are messages");
    let with = |place: usize, value| {
        let mut bytes = bytes.to_vec();
        bytes[place] = value;
        decode_request(&bytes)
    };
    assert_eq!(with(0, 2), Err(Malformed::Tag(2)));
    assert_eq!(with(1, FORMAT_NEWEST + 1), Err(Malformed::Newer { found: FORMAT_NEWEST + 1 }));
}

#[test]
fn a_message_past_the_limit_is_not_sent() {
    let event = Event {
        id: uuid::Uuid::nil(),
        name: String::new(),
        payload: vec![0; MESSAGE_BYTES_MAX],
        node_filter: String::new(),
        service_filter: String::new(),
        tag_filter: String::new(),
        lamport_time: 0,
    };
    let fire = Request::local(Body::Fire { event: event.clone(), is_for_this_agent: false });
    assert!(matches!(encode_request(&fire, FORMAT_FIRST), Err(Unsendable::TooLong { .. })));
    let reply = Ok(Reply::Events(EventList { index: 1, events: vec![event] }));
    let Ok(Err(Refusal::Other(reason))) = decode_reply(&encode_reply(&reply, FORMAT_FIRST)) else {
        panic!("a reply that is too long becomes an error")
    };
    assert!(reason.contains("the limit is 67108864"), "{reason}");
}
