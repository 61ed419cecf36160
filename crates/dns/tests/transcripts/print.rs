//! Messages as text, read by the `domain` crate.

use std::fmt::Write;
use std::str::FromStr;

use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::message_builder::MessageBuilder;
use domain::base::opt::AllOptData;
use domain::base::{Message, Name, ParsedName, Ttl};
use domain::rdata::{A, Aaaa, AllRecordData, Cname};

/// All of a message, line by line.
pub(crate) fn answer(bytes: &[u8]) -> String {
    let message = Message::from_slice(bytes).expect("a message");
    let header = message.header();
    let mut text = format!("{} {} bytes, id {:x}:", message.opt_rcode(), bytes.len(), header.id());
    let flags = [("qr", header.qr()), ("aa", header.aa()), ("tc", header.tc()), ("rd", header.rd())];
    for (name, is_set) in [&flags[..], &[("ra", header.ra()), ("ad", header.ad()), ("cd", header.cd())]].concat() {
        if is_set {
            let _infallible = write!(text, " {name}");
        }
    }
    text.push('\n');
    for question in message.question() {
        let question = question.expect("a question");
        let _infallible = writeln!(text, "? {}. {} {}", question.qname(), question.qclass(), question.qtype());
    }
    let mut section = message.answer().expect("an answer section");
    for title in ["answer", "authority", "additional"] {
        for record in section.by_ref() {
            let record = record.expect("a record");
            if record.rtype() == Rtype::OPT {
                continue;
            }
            let (owner, ttl, class) = (record.owner(), record.ttl().as_secs(), record.class());
            let data = record.to_any_record::<AllRecordData<_, ParsedName<_>>>().expect("known data");
            let _infallible = writeln!(text, "{title}: {owner}. {ttl} {class} {} {}", record.rtype(), data.data());
        }
        if let Some(next) = section.next_section().expect("a section") {
            section = next;
        }
    }
    if let Some(opt) = message.opt() {
        let _infallible = write!(text, "edns: {} bytes, version {}", opt.udp_payload_size(), opt.version());
        if opt.dnssec_ok() {
            text.push_str(", wants signatures");
        }
        for option in opt.opt().iter::<AllOptData<_, Name<_>>>() {
            let _infallible = write!(text, ", {:?}", option.expect("an option"));
        }
        text.push('\n');
    }
    text
}

/// A name as it stands in a message; backslashes escape as in zone files.
pub(crate) fn wire_name(text: &str) -> Vec<u8> {
    Name::<Vec<u8>>::from_str(text).expect("a name").into_octets()
}

/// A type by its name.
pub(crate) fn kind(name: &str) -> Rtype {
    name.parse().expect("a type")
}

/// The answer of a recursor: one record.
pub(crate) fn message(name: &str, kind: &str, value: &str) -> Vec<u8> {
    let owner = Name::<Vec<u8>>::from_str(name).expect("a name");
    let mut builder = MessageBuilder::new_vec().answer();
    let ttl = Ttl::from_secs(300);
    let pushed = match kind {
        "A" => builder.push((owner, Class::IN, ttl, A::new(value.parse().expect("an address")))),
        "NXDOMAIN" => {
            builder.header_mut().set_rcode(Rcode::NXDOMAIN);
            Ok(())
        }
        "AAAA" => builder.push((owner, Class::IN, ttl, Aaaa::new(value.parse().expect("an address")))),
        _ => {
            let target = Name::<Vec<u8>>::from_str(value).expect("a name");
            builder.push((owner, Class::IN, ttl, Cname::new(target)))
        }
    };
    pushed.expect("room for a record");
    builder.finish()
}
