//! How DNS is answered may change while the agent runs, without a socket being opened anew.

mod running;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use running::{Agent, PATIENCE, Scratch, free_port, until};

const A: u16 = 1;
const SOA: u16 = 6;
const TXT: u16 = 16;
/// What the recursor of the test gives to everybody.
const OUTSIDE: [u8; 4] = [192, 0, 2, 1];

/// An agent with a file of configuration, and clients that stay.
struct Served {
    agent: Agent,
    file: PathBuf,
    datagrams: UdpSocket,
    connection: TcpStream,
    _scratch: Scratch,
}

impl Served {
    fn start(configuration: &str) -> Self {
        let scratch = Scratch::new("dns-reload");
        let file = scratch.0.join("agent.hcl");
        std::fs::write(&file, configuration).unwrap();
        let port = free_port();
        let agent = Agent::start(&[
            "-dev",
            "-node=n1",
            &format!("-dns-port={port}"),
            &format!("-config-file={}", file.display()),
        ]);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        datagrams.connect(address).unwrap();
        datagrams.set_read_timeout(Some(PATIENCE)).unwrap();
        let connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let served = Self { agent, file, datagrams, connection, _scratch: scratch };
        served.wait_for_registration();
        served
    }

    /// Waits until the agent has registered itself.
    fn wait_for_registration(&self) {
        const TRIES_MAX: usize = 4_000;
        let is_there = || self.agent.ask("GET", "/v1/catalog/service/consul", "").contains("n1");
        let came = (0..TRIES_MAX).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            is_there()
        });
        assert!(came, "the agent did not register itself");
    }

    /// Has the agent read another configuration, and gives the status line.
    fn reload(&self, configuration: &str) -> String {
        std::fs::write(&self.file, configuration).unwrap();
        until(&mut self.agent.send("PUT", "/v1/agent/reload", ""), "HTTP/1.1").trim_end().to_owned()
    }

    fn ask(&self, name: &str) -> Answer {
        self.datagrams.send(&query(name)).unwrap();
        let mut buffer = [0; 512];
        let length = self.datagrams.recv(&mut buffer).unwrap();
        Answer::read(&buffer[..length])
    }

    fn ask_connection(&mut self, name: &str) -> Answer {
        let query = query(name);
        self.connection.write_all(&[&(query.len() as u16).to_be_bytes(), &query[..]].concat()).unwrap();
        let mut length = [0; 2];
        self.connection.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        self.connection.read_exact(&mut answer).unwrap();
        Answer::read(&answer)
    }
}

fn query(name: &str) -> Vec<u8> {
    let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.push(0);
    query.extend(A.to_be_bytes());
    query.extend(1u16.to_be_bytes());
    query
}

/// What these tests look at in an answer.
#[derive(Debug, PartialEq)]
struct Answer {
    code: u8,
    /// Type, time to keep and data of each record; the names of these answers are all pointers.
    records: Vec<(u16, u32, Vec<u8>)>,
}

impl Answer {
    fn read(message: &[u8]) -> Self {
        let number = |place: usize| u16::from_be_bytes([message[place], message[place + 1]]);
        let count = number(6) + number(8) + number(10);
        let mut place = 12;
        while message[place] != 0 {
            place += 1 + usize::from(message[place]);
        }
        place += 5;
        let mut records = Vec::new();
        for _ in 0..count {
            assert!(message[place] >= 0xc0, "a name that is no pointer");
            let ttl = u32::from(number(place + 6)) << 16 | u32::from(number(place + 8));
            let end = place + 12 + usize::from(number(place + 10));
            records.push((number(place + 2), ttl, message[place + 12..end].to_vec()));
            place = end;
        }
        Self { code: message[3] & 15, records }
    }

    /// Without the node's metadata.
    fn summary(&self) -> (u8, Vec<(u16, u32)>) {
        let records = self.records.iter().filter(|(kind, ..)| *kind != TXT);
        (self.code, records.map(|(kind, ttl, _)| (*kind, *ttl)).collect())
    }
}

/// Answers every question with [`OUTSIDE`].
fn recursor() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let mut answer = buffer[..length].to_vec();
            (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(OUTSIDE);
            socket.send_to(&answer, peer).unwrap();
        }
    });
    address
}

#[test]
fn a_reload_changes_how_dns_is_answered() {
    const NOERROR: u8 = 0;
    const NXDOMAIN: u8 = 3;
    const REFUSED: u8 = 5;
    let mut served = Served::start("");
    assert_eq!(served.ask("n1.node.consul").summary(), (NOERROR, vec![(A, 0)]));
    assert_eq!(served.ask_connection("n1.node.consul").summary(), (NOERROR, vec![(A, 0)]));
    assert_eq!(served.ask("consul.service.consul").summary(), (NOERROR, vec![(A, 0)]));
    assert_eq!(served.ask("nobody.node.consul").summary(), (NXDOMAIN, vec![(SOA, 0)]));
    assert_eq!(served.ask("n1.node.moved").code, REFUSED);
    assert_eq!(served.ask("example.org").code, REFUSED);

    let recursor = recursor();
    let changed = format!(
        "alt_domain = \"moved\" recursors = [\"{recursor}\"]\n\
         dns_config {{ node_ttl = \"30s\" service_ttl {{ \"con*\" = \"20s\" }} soa {{ min_ttl = 9 }} }}\n"
    );
    assert_eq!(served.reload(&changed), "HTTP/1.1 200 OK");
    for name in ["n1.node.consul", "n1.node.moved"] {
        assert_eq!(served.ask(name).summary(), (NOERROR, vec![(A, 30)]), "{name}");
        assert_eq!(served.ask_connection(name).summary(), (NOERROR, vec![(A, 30)]), "{name}");
    }
    assert_eq!(served.ask("consul.service.consul").summary(), (NOERROR, vec![(A, 20)]));
    assert_eq!(served.ask("nobody.node.consul").summary(), (NXDOMAIN, vec![(SOA, 9)]));
    let outside = Answer { code: NOERROR, records: vec![(A, 60, OUTSIDE.to_vec())] };
    assert_eq!(served.ask("example.org"), outside);
    assert_eq!(served.ask_connection("example.org"), outside);

    // A mistake changes nothing, and what is said no more is as it was at first.
    assert_eq!(served.reload("dns_config { node_ttl = \"soon\" }"), "HTTP/1.1 500 Internal Server Error");
    assert_eq!(served.ask("n1.node.moved").summary(), (NOERROR, vec![(A, 30)]));
    assert_eq!(served.reload(""), "HTTP/1.1 200 OK");
    assert_eq!(served.ask("n1.node.consul").summary(), (NOERROR, vec![(A, 0)]));
    assert_eq!(served.ask_connection("n1.node.moved").code, REFUSED);
}
