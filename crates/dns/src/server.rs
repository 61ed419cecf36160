//! The shell: sockets, threads and the runtime of what waits.
//!
//! Each UDP socket has a thread ([`crate::udp`]). One further thread runs a runtime for connections and for questions
//! that wait for recursors, so that none of it holds up the node's own.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use quorate_base::Host;
use quorate_base::metrics::Registry;
use quorate_node::Handle;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt};
use tokio::sync::mpsc;

use crate::respond::Transport;
use crate::service::Service;
use crate::tcp;
use crate::udp::{self, Waiting};
use crate::zone::Zone;

/// What a UDP socket keeps of a burst before its thread gets to it. The kernel may grant less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// How many connections wait in the kernel until they are taken; it has a bound of its own (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;
/// How many tasks run before sockets are looked at again: those of clients that ask much must not hold up what arrives.
const TASKS_BETWEEN_EVENTS: u32 = 8;
/// The most sockets of one address: more threads than that would only compete.
const UDP_SOCKETS_MAX: usize = 64;

/// The sockets of one address, taken and not served yet.
#[derive(Debug)]
pub struct Listeners {
    udp: Vec<UdpSocket>,
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listeners {
    /// Takes an address, UDP and TCP; with port 0 a free one. `udp_sockets` is how many share it, 0 for one per processor.
    pub fn bind(address: SocketAddr, udp_sockets: usize) -> io::Result<Self> {
        // TCP first: its port is not shared, so that a second server on the same address is found here.
        let tcp = TcpListener::bind(address)?;
        // It listens already, with a backlog that a burst of a few hundred clients fills; this makes it longer.
        listen(&tcp, BACKLOG)?;
        tcp.set_nonblocking(true)?;
        let address = tcp.local_addr()?;
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let count = if udp_sockets == 0 { processors() } else { udp_sockets };
        let udp = (0..count.min(UDP_SOCKETS_MAX)).map(|_| udp_socket(address)).collect::<io::Result<_>>()?;
        Ok(Self { udp, tcp, address })
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A socket that shares its address with others of this process.
fn udp_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(ipproto::UDP))?;
    sockopt::set_socket_reuseport(&socket, true)?;
    // Less than asked for is no reason not to serve.
    let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES);
    bind(&socket, &address)?;
    Ok(socket.into())
}

/// A running server. It ends when this is dropped, its threads within a second.
pub struct Server {
    service: Service,
    /// Closed to end the runtime.
    _running: mpsc::Sender<()>,
}

impl Server {
    /// Serves these sockets from a node's published state.
    pub fn start(
        zone: Zone,
        node: Handle,
        host: Host,
        registry: &Registry,
        listeners: Vec<Listeners>,
    ) -> io::Result<Self> {
        let service = Service::new(zone, node, host, registry);
        let (later, waiting) = mpsc::unbounded_channel();
        let mut tcp = Vec::new();
        for listener in listeners {
            tcp.push(listener.tcp);
            for socket in listener.udp {
                let (service, later) = (service.clone(), later.clone());
                thread("dns-udp", move || {
                    if let Err(error) = udp::serve(&service, socket, &later) {
                        tracing::error!(%error, "a DNS socket is no longer served");
                    }
                })?;
            }
        }
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().event_interval(TASKS_BETWEEN_EVENTS).build()?;
        let (running, ended) = mpsc::channel(1);
        let inner = service.clone();
        thread("dns", move || runtime.block_on(serve(inner, tcp, waiting, ended)))?;
        Ok(Self { service, _running: running })
    }

    /// Has all questions from now on answered by another zone. Its sockets and the label of its metrics stay, and what
    /// waits already is answered by the zone that it came to.
    pub fn set_zone(&self, zone: Zone) {
        self.service.set_zone(zone);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.service.stop();
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Serves connections and what waits until the server ends.
async fn serve(
    service: Service,
    listeners: Vec<TcpListener>,
    mut waiting: mpsc::UnboundedReceiver<Waiting>,
    mut ended: mpsc::Receiver<()>,
) {
    let (places, worker) = (tcp::Places::new(), Arc::new(Mutex::new(service.worker())));
    for listener in listeners {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => service.host().spawn(tcp::serve(service.clone(), listener, places.clone(), worker.clone())),
            Err(error) => tracing::error!(%error, "DNS over TCP is not served"),
        }
    }
    loop {
        tokio::select! {
            _ = ended.recv() => return,
            Some(question) = waiting.recv() => service.host().spawn(answer(service.clone(), question)),
        }
    }
}

/// Answers a datagram that takes a wait.
async fn answer(service: Service, mut question: Waiting) {
    let answer = service.answer_later(&question.packet, Transport::Udp, &mut question.wait).await;
    if !answer.is_empty() {
        // A client that can't be reached, or not now, asks again or not.
        let _ = question.socket.send_now(&answer, &question.peer);
    }
}
