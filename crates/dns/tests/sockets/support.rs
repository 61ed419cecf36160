//! A node in memory with DNS on a free port, clients, and a recursor.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use domain::base::Message;
use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::{Name, Ttl};
use domain::rdata::{A, Txt};
use quorate_base::metrics::Registry;
use quorate_base::{Account, Host, MemoryDisk};
use quorate_dns::{Listeners, Server, Settings, Zone};
use quorate_node::{
    BoxFuture, Config, ConsensusConfig, Handle, Member, NodeId, Rpc, RpcReply, Transport, TransportError,
};
use quorate_state::{Check, CheckStatus, FORMAT_NEWEST, Node, Operation, Registration, Service};
use rustix::net::{AddressFamily, SocketType};
use tokio::time::Instant;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const NODE_ID: &str = "5d8c6f2e-0d6b-4a51-9d0e-3f6f5f0f7c01";

struct Alone;

impl Transport for Alone {
    fn call(&self, _: NodeId, _: &Member, _: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>> {
        Box::pin(std::future::ready(Err(TransportError::Unreachable("alone".to_owned()))))
    }
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Registry,
    orders: tokio::sync::mpsc::UnboundedSender<(Operation, mpsc::Sender<()>)>,
    pub(crate) server: Server,
}

/// Starts a node on a thread of its own and DNS on top of it.
pub(crate) fn start(settings: Settings) -> Running {
    start_on([127, 0, 0, 1].into(), settings)
}

/// The same on another address.
pub(crate) fn start_on(address: IpAddr, settings: Settings) -> Running {
    let metrics = Registry::new(0);
    let (handles, handle) = mpsc::channel();
    let (orders, mut received) = tokio::sync::mpsc::unbounded_channel::<(Operation, mpsc::Sender<()>)>();
    let registry = metrics.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let host = Host { disk: Arc::new(MemoryDisk::new(64 << 20)), ..Host::real() };
            host.disk.create_directory("/".as_ref()).unwrap();
            let node = Handle::start(config(registry), Vec::new(), host.clone(), Arc::new(Alone)).await.unwrap();
            handles.send((node.clone(), host)).unwrap();
            while let Some((operation, done)) = received.recv().await {
                node.propose(operation).await.unwrap();
                done.send(()).unwrap();
            }
        });
    });
    let (node, host) = handle.recv_timeout(PATIENCE).unwrap();
    // A port that is free for TCP may be somebody's for UDP.
    let any = SocketAddr::new(address, 0);
    let mut tries = std::iter::repeat_with(|| Listeners::bind(any, settings.udp_sockets)).take(100);
    let listeners = tries.find_map(Result::ok).unwrap();
    let address = listeners.address();
    let zone = Zone::new(settings).unwrap();
    let server = Server::start(zone, node, host, &metrics, vec![listeners]).unwrap();
    let running = Running { address, metrics, orders, server };
    running.register("n1", "10.0.0.1", None);
    running
}

fn config(metrics: Registry) -> Config {
    let id: NodeId = NODE_ID.parse().unwrap();
    let member = Member { name: "n1".into(), address: "127.0.0.1:8300".into() };
    Config {
        consensus: ConsensusConfig::new(id, "/raft"),
        name: "n1".into(),
        datacenter: "dc1".into(),
        version: "0.1.0".into(),
        peers: None,
        first_members: [(id, member)].into(),
        registration: registration("n1", "10.0.0.1", None),
        format_newest: FORMAT_NEWEST,
        tombstone_ttl_ms: 900_000,
        watches_max: 16,
        account: Account::new(1 << 20, &metrics),
        parked_max: 16,
        kept_answer_bytes_max: 16 << 20,
        leader_wait_ms: 7_000,
        metrics,
    }
}

fn registration(node: &str, address: &str, service: Option<&str>) -> Registration {
    let service = service.map(|name| Service { id: name.into(), name: name.into(), port: 80, ..Service::default() });
    let check = Check { node: node.into(), id: "alive".into(), status: CheckStatus::Passing, ..Check::default() };
    let node = Node { name: node.into(), address: address.into(), ..Node::default() };
    Registration { node, service, checks: vec![check], skip_node_update: false }
}

impl Running {
    /// Registers a node with a service; it is in the state when this returns.
    pub(crate) fn register(&self, node: &str, address: &str, service: Option<&str>) {
        self.propose(registration(node, address, service));
    }

    /// Registers a node with a service and the state of its check.
    pub(crate) fn register_as(&self, node: &str, address: &str, service: &str, status: CheckStatus) {
        let mut registration = registration(node, address, Some(service));
        registration.checks.iter_mut().for_each(|check| check.status = status);
        self.propose(registration);
    }

    fn propose(&self, registration: Registration) {
        let (done, is_done) = mpsc::channel();
        let operation = Operation::Register(Box::new(registration));
        self.orders.send((operation, done)).unwrap();
        is_done.recv_timeout(PATIENCE).unwrap();
    }

    /// `web` on so many nodes.
    pub(crate) fn register_webs(&self, count: u8) {
        for number in 1..=count {
            self.register(&format!("web-{number}"), &format!("10.1.0.{number}"), Some("web"));
        }
    }

    pub(crate) fn udp(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(self.address).unwrap();
        socket
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A connection from another address of the loopback.
    pub(crate) fn tcp_from(&self, client: [u8; 4]) -> TcpStream {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddr::from((client, 0))).unwrap();
        rustix::net::connect(&socket, &self.address).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The answer to a question in a datagram.
    pub(crate) fn ask(&self, name: &str, kind: Rtype) -> Vec<u8> {
        let socket = self.udp();
        socket.send(&query(7, name, kind)).unwrap();
        let mut buffer = vec![0; 65_535];
        let length = socket.recv(&mut buffer).unwrap();
        buffer.truncate(length);
        buffer
    }

    /// The answer to a question over a connection.
    pub(crate) fn ask_tcp(&self, name: &str, kind: Rtype) -> Vec<u8> {
        let mut stream = self.tcp();
        stream.write_all(&framed(&query(7, name, kind))).unwrap();
        read_framed(&mut stream).unwrap()
    }
}

/// Waits until something holds.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < give_up, "it did not happen in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn query(id: u16, name: &str, kind: Rtype) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend(name.parse::<Name<Vec<u8>>>().unwrap().as_slice());
    query.extend(kind.to_int().to_be_bytes());
    query.extend([0, 1]);
    query
}

pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

pub(crate) fn read_framed(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// Code, number of answers and whether it was cut.
pub(crate) fn summary(answer: &[u8]) -> (Rcode, u16, bool) {
    let message = Message::from_slice(answer).unwrap();
    (message.header().rcode(), message.header_counts().ancount(), message.header().tc())
}

/// What a recursor does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Answers,
    Refuses,
    /// Says nothing at all.
    Silent,
    /// Answers with an id that nobody asked with, and then rightly.
    Forged,
    /// Answers with the question in lower case.
    Lowers,
    /// Answers datagrams alone.
    NoConnections,
}

/// Starts a recursor. It gives one address for every name, and for TXT more than fits into a datagram.
pub(crate) fn recursor(manner: Manner) -> SocketAddr {
    // A port that is free for TCP may be somebody's for UDP.
    let (tcp, udp) = std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0").unwrap())
        .find_map(|tcp| UdpSocket::bind(tcp.local_addr().unwrap()).ok().map(|udp| (tcp, udp)))
        .unwrap();
    let address = tcp.local_addr().unwrap();
    let told = move |mut answer: Vec<u8>| {
        if manner == Manner::Lowers {
            // The bytes of a header and of lengths are no letters.
            answer[12..].make_ascii_lowercase();
        }
        answer
    };
    let code = if manner == Manner::Refuses { Rcode::REFUSED } else { Rcode::NOERROR };
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        loop {
            let (length, peer) = udp.recv_from(&mut buffer).unwrap();
            let query = &buffer[..length];
            match manner {
                Manner::Silent => continue,
                Manner::Forged => {
                    let mut forged = recursor_answer(query, Rcode::NOERROR, 512);
                    forged[0] ^= 0xff;
                    udp.send_to(&forged, peer).unwrap();
                }
                Manner::Answers | Manner::Refuses | Manner::Lowers | Manner::NoConnections => {}
            }
            udp.send_to(&told(recursor_answer(query, code, 512)), peer).unwrap();
        }
    });
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            let Ok(query) = read_framed(&mut stream) else { continue };
            match manner {
                Manner::Silent => silent.push(stream),
                Manner::NoConnections => drop(stream),
                _ => stream.write_all(&framed(&told(recursor_answer(&query, code, 65_535)))).unwrap(),
            }
        }
    });
    address
}

fn recursor_answer(query: &[u8], code: Rcode, bytes_max: usize) -> Vec<u8> {
    let query = Message::from_slice(query).unwrap();
    let question = query.sole_question().unwrap();
    let mut builder = domain::base::MessageBuilder::new_vec().start_answer(query, code).unwrap();
    let (name, ttl) = (question.qname(), Ttl::from_secs(300));
    match question.qtype() {
        _ if code != Rcode::NOERROR => {}
        Rtype::A => builder.push((name, Class::IN, ttl, A::from_octets(192, 0, 2, 1))).unwrap(),
        Rtype::TXT => {
            for number in 0..5 {
                let text = Txt::<Vec<u8>>::build_from_slice(&[b'a' + number; 200]).unwrap();
                builder.push((name, Class::IN, ttl, text)).unwrap();
            }
        }
        _ => {}
    }
    let answer = builder.finish();
    if answer.len() <= bytes_max {
        return answer;
    }
    let mut cut = domain::base::MessageBuilder::new_vec().start_answer(query, code).unwrap();
    cut.header_mut().set_tc(true);
    cut.finish()
}
