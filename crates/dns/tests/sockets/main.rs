//! DNS over real sockets of the loopback: datagrams, connections, and recursors.

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use domain::base::iana::{Rcode, Rtype};
use quorate_base::metrics::Value;
use quorate_dns::{Listeners, RecursorStrategy, Settings, Zone};
use quorate_state::CheckStatus;
use support::{Manner, framed, query, read_framed, recursor, start, summary};
use tokio::time::Instant;

#[test]
fn what_does_not_fit_a_datagram_is_told_over_a_connection() {
    let running = start(Settings { enable_truncate: true, ..Settings::default() });
    running.register_webs(20);
    assert_eq!(summary(&running.ask("n1.node.consul", Rtype::A)), (Rcode::NOERROR, 1, false));
    assert_eq!(summary(&running.ask("web.service.consul", Rtype::SRV)), (Rcode::NOERROR, 3, true));
    assert_eq!(summary(&running.ask_tcp("web.service.consul", Rtype::SRV)), (Rcode::NOERROR, 20, false));
    assert_eq!(summary(&running.ask("nobody.service.consul", Rtype::A)), (Rcode::NXDOMAIN, 0, false));
    assert_eq!(summary(&running.ask("example.org", Rtype::A)), (Rcode::REFUSED, 0, false));
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let ask = |port: u16, to: IpAddr| {
        let any: IpAddr = if to.is_ipv4() { [0, 0, 0, 0].into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
        let socket = std::net::UdpSocket::bind((any, 0)).unwrap();
        socket.set_read_timeout(Some(support::PATIENCE)).unwrap();
        socket.send_to(&query(7, "n1.node.consul", Rtype::A), (to, port)).unwrap();
        let mut buffer = [0; 512];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!(summary(&buffer[..length]), (Rcode::NOERROR, 1, false));
        from
    };
    let everywhere: &[(&str, &[&str])] =
        &[("0.0.0.0", &["127.0.0.1", "127.0.0.2", "127.9.9.9"]), ("::", &["::1", "127.0.0.2"])];
    for (address, asked) in everywhere {
        if std::net::UdpSocket::bind((*address, 0)).is_err() {
            eprintln!("{address} is no address here: nothing was tested");
            continue;
        }
        let running = support::start_on(address.parse().unwrap(), Settings::default());
        let port = running.address.port();
        for asked in asked.iter().map(|asked| asked.parse::<IpAddr>().unwrap()) {
            assert_eq!(ask(port, asked), std::net::SocketAddr::new(asked, port));
        }
    }
}

#[test]
fn a_registration_is_told_to_the_next_who_asks() {
    let running = start(Settings::default());
    for number in 1..=3 {
        running.register(&format!("late-{number}"), "10.2.0.1", Some("late"));
        assert_eq!(summary(&running.ask("late.service.consul", Rtype::A)), (Rcode::NOERROR, 1, false));
    }
}

#[test]
fn no_question_of_many_clients_is_lost() {
    let running = start(Settings { udp_sockets: 2, ..Settings::default() });
    running.register_webs(5);
    let clients: Vec<_> = (0..16).map(|_| running.udp()).collect();
    for round in 0..100u16 {
        for client in &clients {
            client.send(&query(round, "web.service.consul", Rtype::A)).unwrap();
        }
        for client in &clients {
            let mut buffer = [0; 512];
            let length = client.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..2], round.to_be_bytes());
            assert_eq!(summary(&buffer[..length]), (Rcode::NOERROR, 3, false));
        }
    }
    assert!(recorded(&running, "consul.dns.domain_query") >= 1_500);
}

/// How much a counter has counted, or how many values a sample has seen.
fn recorded(running: &support::Running, name: &str) -> u64 {
    let readings = running.metrics.read().readings;
    let counts = readings.into_iter().filter(|reading| reading.name.name == name).map(|reading| match reading.value {
        Value::Sample { count, .. } => count,
        Value::Counter { total, .. } => total as u64,
        other => panic!("{other:?}"),
    });
    counts.sum()
}

#[test]
fn what_is_no_query_gets_no_answer_and_harms_nobody() {
    let running = start(Settings::default());
    let socket = running.udp();
    for rubbish in [&b""[..], b"x", &[0xff; 512], &[0; 11]] {
        socket.send(rubbish).unwrap();
    }
    // The next answer is to the next question.
    socket.send(&query(99, "n1.node.consul", Rtype::A)).unwrap();
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(buffer[..2], 99u16.to_be_bytes());
    assert_eq!(summary(&buffer[..length]), (Rcode::NOERROR, 1, false));
}

#[test]
fn queries_of_a_connection_may_come_together_or_in_pieces() {
    let running = start(Settings::default());
    running.register_webs(5);
    let mut stream = running.tcp();
    let together: Vec<u8> = (0..200).flat_map(|id| framed(&query(id, "web.service.consul", Rtype::SRV))).collect();
    stream.write_all(&together).unwrap();
    for id in 0..200u16 {
        let answer = read_framed(&mut stream).unwrap();
        assert_eq!(answer[..2], id.to_be_bytes());
        assert_eq!(summary(&answer), (Rcode::NOERROR, 5, false));
    }
    for byte in framed(&query(300, "n1.node.consul", Rtype::A)) {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read_framed(&mut stream).unwrap()[..2], 300u16.to_be_bytes());
    // One that ends its side is still answered.
    stream.write_all(&framed(&query(301, "n1.node.consul", Rtype::A))).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_framed(&mut stream).unwrap()[..2], 301u16.to_be_bytes());
    assert!(read_framed(&mut stream).is_err());
    // A length that no query has ends the connection.
    let mut stream = running.tcp();
    stream.write_all(&[0xff, 0xff]).unwrap();
    assert!(read_framed(&mut stream).is_err());
}

#[test]
fn another_zone_holds_for_the_next_question_on_every_thread_and_connection() {
    let running = start(Settings { udp_sockets: 4, ..Settings::default() });
    running.register_as("w1", "10.3.0.1", "web", CheckStatus::Warning);
    // A client of each thread, most likely, and a connection.
    let clients: Vec<_> = (0..32).map(|_| running.udp()).collect();
    let mut stream = running.tcp();
    let question = query(7, "web.service.consul", Rtype::A);
    let mut ask_all = || {
        let mut answers = BTreeSet::new();
        for client in &clients {
            client.send(&question).unwrap();
            let mut buffer = [0; 512];
            let length = client.recv(&mut buffer).unwrap();
            answers.insert(summary(&buffer[..length]));
        }
        stream.write_all(&framed(&question)).unwrap();
        answers.insert(summary(&read_framed(&mut stream).unwrap()));
        Vec::from_iter(answers)
    };
    assert_eq!(ask_all(), [(Rcode::NOERROR, 1, false)]);
    // What threads keep of the instances in service was found by the old settings.
    let only_passing = Settings { only_passing: true, udp_sockets: 4, ..Settings::default() };
    running.server.set_zone(Zone::new(only_passing).unwrap());
    assert_eq!(ask_all(), [(Rcode::NXDOMAIN, 0, false)]);
    running.server.set_zone(Zone::new(Settings { domain: "moved".into(), ..Settings::default() }).unwrap());
    assert_eq!(ask_all(), [(Rcode::REFUSED, 0, false)]);
}

#[test]
fn one_client_can_not_take_all_connections() {
    /// As many as one client may have.
    const CONNECTIONS_PER_CLIENT_MAX: usize = 256;
    let running = start(Settings::default());
    let question = framed(&query(1, "n1.node.consul", Rtype::A));
    let mut held: Vec<_> = (0..CONNECTIONS_PER_CLIENT_MAX).map(|_| running.tcp()).collect();
    for stream in &mut held {
        stream.write_all(&question).unwrap();
        assert!(read_framed(stream).is_ok());
    }
    let mut refused = running.tcp();
    // It may be closed before it has said anything.
    let _ = refused.write_all(&question);
    assert!(read_framed(&mut refused).is_err());
    assert_eq!(recorded(&running, "quorate.dns.refused_connections"), 1);
    let mut other = running.tcp_from([127, 0, 0, 2]);
    other.write_all(&question).unwrap();
    assert!(read_framed(&mut other).is_ok());
    // A place that is given back is there for the next.
    drop(held.pop());
    support::eventually(|| {
        let mut stream = running.tcp();
        stream.write_all(&question).is_ok() && read_framed(&mut stream).is_ok()
    });
}

#[test]
fn who_does_not_read_is_cut_and_holds_up_nobody() {
    let running = start(Settings::default());
    running.register_webs(50);
    let mut deaf = running.tcp();
    deaf.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let question = framed(&query(1, "web.service.consul", Rtype::SRV));
    // Until the answers fill all buffers on the way, and then the questions do.
    while deaf.write_all(&question).is_ok() {}
    assert_eq!(summary(&running.ask_tcp("web.service.consul", Rtype::SRV)), (Rcode::NOERROR, 50, false));
    support::eventually(|| deaf.take_error().unwrap().is_some());
}

#[test]
fn recursors_are_asked_in_order_until_one_answers() {
    let recursors = [Manner::Silent, Manner::Refuses, Manner::Forged].map(recursor).to_vec();
    let running = start(Settings { recursors, recursor_timeout: Duration::from_millis(200), ..Settings::default() });
    running.register("far", "www.example.org", Some("far"));
    let answer = running.ask("example.org", Rtype::A);
    assert_eq!(answer[..2], 7u16.to_be_bytes());
    assert_eq!(summary(&answer), (Rcode::NOERROR, 1, false));
    // The name that stands for the node's address, and its address.
    assert_eq!(summary(&running.ask("far.service.consul", Rtype::A)), (Rcode::NOERROR, 2, false));
    assert_eq!(summary(&running.ask_tcp("far.node.consul", Rtype::A)), (Rcode::NOERROR, 2, false));
    assert_eq!(summary(&running.ask("4.3.2.1.in-addr.arpa", Rtype::PTR)), (Rcode::NOERROR, 0, false));
    // More than fits: cut in a datagram, whole over a connection.
    assert_eq!(summary(&running.ask("example.org", Rtype::TXT)), (Rcode::NOERROR, 0, true));
    assert_eq!(summary(&running.ask_tcp("example.org", Rtype::TXT)), (Rcode::NOERROR, 5, false));
    // The zone is answered beside it.
    assert_eq!(summary(&running.ask("n1.node.consul", Rtype::A)), (Rcode::NOERROR, 1, false));
}

#[test]
fn without_an_answer_of_any_recursor_it_fails() {
    let recursors = [Manner::Silent, Manner::Refuses].map(recursor).to_vec();
    let running = start(Settings {
        recursors,
        recursor_strategy: RecursorStrategy::Random,
        recursor_timeout: Duration::from_millis(100),
        ..Settings::default()
    });
    running.register("far", "www.example.org", Some("far"));
    assert_eq!(summary(&running.ask("example.org", Rtype::A)), (Rcode::SERVFAIL, 0, false));
    // Where the name leads is not known, and not that it leads nowhere.
    assert_eq!(summary(&running.ask("far.service.consul", Rtype::A)), (Rcode::SERVFAIL, 1, false));
}

#[test]
fn a_dead_recursor_holds_up_few_questions() {
    let recursors = [Manner::Silent, Manner::Answers].map(recursor).to_vec();
    let timeout = Duration::from_secs(1);
    let running = start(Settings { recursors, recursor_timeout: timeout, ..Settings::default() });
    let mut held_up = 0;
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(summary(&running.ask("example.org", Rtype::A)), (Rcode::NOERROR, 1, false));
        held_up += usize::from(asked.elapsed() >= timeout);
    }
    // It is found out by three, and tried again by one after some seconds.
    assert!((1..=5).contains(&held_up), "{held_up}");
}

#[test]
fn a_question_is_asked_as_the_client_asked_and_told_as_it_spelt_it() {
    let running = start(Settings { recursors: vec![recursor(Manner::Lowers)], ..Settings::default() });
    for answer in [running.ask("wWw.eXample.oRg", Rtype::A), running.ask_tcp("wWw.eXample.oRg", Rtype::A)] {
        assert_eq!(summary(&answer), (Rcode::NOERROR, 1, false));
        assert_eq!(&answer[12..29], b"\x03wWw\x07eXample\x03oRg\0");
    }
    // It gives all of it in one piece if it is asked over a connection at first.
    assert_eq!(summary(&running.ask_tcp("example.org", Rtype::TXT)), (Rcode::NOERROR, 5, false));
    let over_udp_only = recursor(Manner::NoConnections);
    running.server.set_zone(Zone::new(Settings { recursors: vec![over_udp_only], ..Settings::default() }).unwrap());
    assert_eq!(summary(&running.ask_tcp("example.org", Rtype::A)), (Rcode::NOERROR, 1, false));
}

#[test]
fn a_connection_that_asks_for_much_costs_others_the_time_of_few_answers() {
    let running = start(Settings::default());
    running.register_webs(250);
    // Both are accepted and known before it begins.
    let (mut hog, mut other) = (running.tcp(), running.tcp());
    let little = framed(&query(1, "n1.node.consul", Rtype::A));
    for stream in [&mut hog, &mut other] {
        stream.write_all(&little).unwrap();
        assert_eq!(summary(&read_framed(stream).unwrap()), (Rcode::NOERROR, 1, false));
    }
    hog.write_all(&framed(&query(2, "web.service.consul", Rtype::SRV)).repeat(300)).unwrap();
    assert_eq!(summary(&read_framed(&mut hog).unwrap()), (Rcode::NOERROR, 250, false));
    // The least of a few: a thread of the test may be held up by others of the machine.
    let tries = (0..3).map(|_| {
        let before = recorded(&running, "consul.dns.domain_query");
        other.write_all(&little).unwrap();
        assert_eq!(summary(&read_framed(&mut other).unwrap()), (Rcode::NOERROR, 1, false));
        recorded(&running, "consul.dns.domain_query") - before
    });
    let between = tries.min().unwrap();
    assert!(between < 40, "{between} answers came first");
}

#[test]
fn a_question_that_waits_holds_up_none_behind_it() {
    let recursors = [Manner::Silent, Manner::Answers].map(recursor).to_vec();
    let running = start(Settings { recursors, recursor_timeout: Duration::from_secs(1), ..Settings::default() });
    let mut stream = running.tcp();
    let names = ["example.org", "n1.node.consul", "www.example.org", "n1.node.consul"];
    for (id, name) in (0u16..).zip(names) {
        stream.write_all(&framed(&query(id, name, Rtype::A))).unwrap();
    }
    let order: Vec<u16> = (0..4)
        .map(|_| {
            let answer = read_framed(&mut stream).unwrap();
            assert_eq!(summary(&answer), (Rcode::NOERROR, 1, false));
            u16::from_be_bytes([answer[0], answer[1]])
        })
        .collect();
    assert_eq!(order[..2], [1, 3]);
    assert_eq!(BTreeSet::from_iter(&order[2..]), BTreeSet::from([&0, &2]));
}

#[test]
fn without_stale_answers_the_leader_answers_all_the_same() {
    let running = start(Settings { allow_stale: false, ..Settings::default() });
    assert_eq!(summary(&running.ask("n1.node.consul", Rtype::A)), (Rcode::NOERROR, 1, false));
    assert_eq!(summary(&running.ask_tcp("n1.node.consul", Rtype::A)), (Rcode::NOERROR, 1, false));
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let running = start(Settings::default());
    assert!(Listeners::bind(running.address, 1).is_err());
}
