//! A real node with one voter and its HTTP server, and a client that shows every byte.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use quorate_base::metrics::Registry;
use quorate_base::{Account, Host};
use quorate_http::{Server, Settings, Terms};
use quorate_node::{
    BoxFuture, Caller, Config, ConsensusConfig, Consistency, Handle, Member, NodeId, Rpc, RpcReply, Transport,
    TransportError,
};
use quorate_state::{Check, CheckStatus, FORMAT_NEWEST, Node, Registration, Service};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Nothing that a test waits for takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The id of the node under test.
pub(crate) const NODE_ID: &str = "11111111-2222-3333-4444-555555555555";

/// A node with its server; both end with it.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) node: Handle,
    pub(crate) server: Server,
    directory: PathBuf,
}

impl Running {
    /// The index of the node's state.
    pub(crate) fn index(&self) -> u64 {
        self.node.view_now(&Caller::anonymous(), Consistency::STALE).unwrap().index()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// One voter has nobody to send to.
struct Alone;

impl Transport for Alone {
    fn call(&self, _: NodeId, _: &Member, _: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>> {
        Box::pin(std::future::pending())
    }
}

fn own_registration() -> Registration {
    let node = Node {
        id: NODE_ID.into(),
        name: "n1".into(),
        address: "127.0.0.1".into(),
        tagged_addresses: [("lan".into(), "127.0.0.1".into())].into(),
        meta: [("consul-network-segment".into(), String::new())].into(),
        ..Node::default()
    };
    let service =
        Service { node: "n1".into(), id: "consul".into(), name: "consul".into(), port: 8300, ..Service::default() };
    let check = Check {
        node: "n1".into(),
        id: "serfHealth".into(),
        name: "Serf Health Status".into(),
        status: CheckStatus::Passing,
        output: "Agent alive and reachable".into(),
        ..Check::default()
    };
    Registration { node, skip_node_update: false, service: Some(service), checks: vec![check] }
}

fn new_directory() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("quorate-http-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// The settings of the tests.
pub(crate) fn settings() -> Settings {
    Settings { node_name: "n1".into(), node_id: NODE_ID.into(), ..Settings::default() }
}

/// Starts a node and its server, and waits until it leads and is registered.
pub(crate) async fn start(settings: Settings) -> Running {
    start_on(settings, Terms::default()).await
}

/// The same on other terms.
pub(crate) async fn start_on(settings: Settings, terms: Terms) -> Running {
    start_bounded(settings, terms, 512 << 20).await
}

/// The same with a bound on the memory that clients make it hold.
pub(crate) async fn start_bounded(settings: Settings, terms: Terms, account_bytes_max: usize) -> Running {
    let directory = new_directory();
    let metrics = Registry::new(0);
    let id: NodeId = NODE_ID.parse().unwrap();
    let member = Member { name: "n1".into(), address: "127.0.0.1:8300".into() };
    let config = Config {
        consensus: ConsensusConfig::new(id, &directory),
        name: "n1".into(),
        datacenter: "dc1".into(),
        version: "0.1.0".into(),
        peers: None,
        first_members: [(id, member)].into(),
        registration: own_registration(),
        format_newest: FORMAT_NEWEST,
        tombstone_ttl_ms: 900_000,
        watches_max: 65_536,
        account: Account::new(account_bytes_max, &metrics),
        parked_max: settings.parked_queries_max,
        kept_answer_bytes_max: 16 << 20,
        leader_wait_ms: 7_000,
        metrics: metrics.clone(),
    };
    let node = Handle::start(config, Vec::new(), Host::real(), Arc::new(Alone)).await.unwrap();
    let server = Server::new(node.clone(), settings, terms, metrics);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn({
        let server = server.clone();
        async move { server.serve(listener).await }
    });
    let registered = async {
        while node.view_now(&Caller::anonymous(), Consistency::STALE).unwrap().check("n1", "serfHealth").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, registered).await.expect("the node leads and registers itself");
    Running { address, node, server, directory }
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    pub(crate) fn index(&self) -> u64 {
        self.header("X-Consul-Index").and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("an index: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A connection that writes what it is told.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a request and does not wait for its answer.
    pub(crate) async fn send(&mut self, line: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{line} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || line.starts_with("PUT") || line.starts_with("POST") {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        self.send_raw(&[format!("{head}\r\n").as_bytes(), body].concat()).await;
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&mut self, line: &str, body: &[u8]) -> Answer {
        self.send(line, &[], body).await;
        self.answer(line.starts_with("HEAD")).await
    }

    /// Reads that the server waits for the body.
    pub(crate) async fn skip_continue(&mut self) {
        const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        assert_eq!(self.take(CONTINUE.len()).await.as_deref(), Some(CONTINUE));
    }

    /// All that comes until the server closes.
    pub(crate) async fn everything(&mut self) -> String {
        self.stream.read_to_end(&mut self.read).await.unwrap();
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    /// Closes the sending half.
    pub(crate) async fn say_no_more(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next answer, or nothing if the server has closed the connection.
    pub(crate) async fn try_answer(&mut self, is_head: bool) -> Option<Answer> {
        tokio::time::timeout(PATIENCE, self.read_answer(is_head)).await.expect("an answer in time")
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self, is_head: bool) -> Answer {
        self.try_answer(is_head).await.expect("the connection stays open")
    }

    /// Whether no byte arrives in this time.
    pub(crate) async fn is_quiet(&mut self, time: Duration) -> bool {
        self.read.is_empty() && tokio::time::timeout(time, self.stream.readable()).await.is_err()
    }

    async fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        let count = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.read.extend_from_slice(&buffer[..count]);
        count > 0
    }

    async fn read_answer(&mut self, is_head: bool) -> Option<Answer> {
        let head_length = loop {
            if let Some(place) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break place + 4;
            }
            if !self.read_more().await {
                return None;
            }
        };
        let head: Vec<u8> = self.read.drain(..head_length).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap().to_owned();
        let headers = lines.map(|line| line.split_once(": ").unwrap()).map(|(n, v)| (n.to_owned(), v.to_owned()));
        let mut answer = Answer { status, headers: headers.collect(), body: Vec::new() };
        if answer.header("Transfer-Encoding") == Some("chunked") {
            answer.body = self.read_chunks().await?;
        } else if !is_head {
            let length = answer.header("Content-Length").map_or(0, |text| text.parse().unwrap());
            answer.body = self.take(length).await?;
        }
        Some(answer)
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            if !self.read_more().await {
                return None;
            }
        }
        Some(self.read.drain(..length).collect())
    }

    async fn read_chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_length = loop {
                if let Some(place) = self.read.windows(2).position(|window| window == b"\r\n") {
                    break place + 2;
                }
                if !self.read_more().await {
                    return None;
                }
            };
            let line = self.take(line_length).await?;
            let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let mut chunk = self.take(length + 2).await?;
            if length == 0 {
                return Some(body);
            }
            chunk.truncate(length);
            body.extend_from_slice(&chunk);
        }
    }
}
