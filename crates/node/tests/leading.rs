//! What a server does while it leads, and how others follow who leads.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

use std::sync::Arc;
use std::time::Duration;

use quorate_base::metrics::Registry;
use quorate_base::{Account, Host, MemoryDisk};
use quorate_node::codec::{FORMAT_FIRST, FORMAT_NEWEST};
use quorate_node::{
    BoxFuture, Caller, Config, ConsensusConfig, Consistency, Duty, Handle, Leader, Leadership, Member, NodeId, Rpc,
    RpcReply, Transport, TransportError, View,
};
use quorate_state::{KeyOperation, KeyValue, KeyVerb, Node, Operation, Registration};

const PATIENCE: Duration = Duration::from_secs(20);

struct Alone;

impl Transport for Alone {
    fn call(&self, _: NodeId, _: &Member, _: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>> {
        Box::pin(std::future::ready(Err(TransportError::Unreachable("alone".to_owned()))))
    }
}

/// Starts a server on its own, with more duties than its own.
async fn start(duties: Vec<Arc<dyn Duty>>, format_newest: u8) -> Handle {
    let id = NodeId::from_u128(1);
    let member = Member { name: "n1".into(), address: "127.0.0.1:8300".into() };
    let node = Node { name: "n1".into(), address: "127.0.0.1".into(), ..Node::default() };
    let metrics = Registry::default();
    let config = Config {
        consensus: ConsensusConfig::new(id, "/raft"),
        name: "n1".into(),
        datacenter: "dc1".into(),
        version: "0.1.0".into(),
        peers: None,
        first_members: [(id, member)].into(),
        registration: Registration { node, skip_node_update: false, service: None, checks: Vec::new() },
        format_newest,
        tombstone_ttl_ms: 900_000,
        watches_max: 16,
        account: Account::new(1 << 20, &metrics),
        parked_max: 16,
        kept_answer_bytes_max: 0,
        leader_wait_ms: 7_000,
        metrics,
    };
    let host = Host { disk: Arc::new(MemoryDisk::new(64 << 20)), ..Host::real() };
    host.disk.create_directory("/".as_ref()).unwrap();
    Handle::start(config, duties, host, Arc::new(Alone)).await.unwrap()
}

fn state(node: &Handle) -> View {
    node.view_now(&Caller::anonymous(), Consistency::STALE).expect("a stale view needs no leader")
}

async fn until(node: &Handle, what: &str, is_so: impl Fn(&View) -> bool) {
    let reached = async {
        while !is_so(&state(node)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{what}"));
}

/// Writes the term in which it is done.
struct WriteTerm;

impl Duty for WriteTerm {
    fn run(&self, leader: Leader) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let value = KeyValue { value: leader.term().to_string().into_bytes().into(), flags: 0 };
            let write = KeyOperation { key: "term".into(), verb: KeyVerb::Set(value) };
            leader.propose(&Operation::Key(write)).await.expect("it leads");
        })
    }
}

#[tokio::test]
async fn duties_of_others_are_done_in_the_leaders_term() {
    let node = start(vec![Arc::new(WriteTerm)], FORMAT_NEWEST).await;
    until(&node, "the duty is done", |state| state.key(b"term").is_some()).await;
    let written = state(&node).key(b"term").map(|entry| entry.value.to_vec());
    assert_eq!(written, Some(node.status().term.to_string().into_bytes()));
}

#[tokio::test]
async fn the_newest_format_that_all_read_is_activated() {
    let node = start(Vec::new(), FORMAT_NEWEST).await;
    until(&node, "the newest format is active", |state| state.format() == FORMAT_NEWEST).await;
    let older = start(vec![Arc::new(WriteTerm)], FORMAT_FIRST).await;
    until(&older, "it leads", |state| state.key(b"term").is_some()).await;
    assert_eq!(state(&older).format(), FORMAT_FIRST);
}

#[tokio::test]
async fn leadership_can_be_followed() {
    let node = start(Vec::new(), FORMAT_NEWEST).await;
    let mut watch = node.leadership();
    let follow = async {
        while !watch.current().is_here {
            watch.changed().await.expect("it runs");
        }
    };
    tokio::time::timeout(PATIENCE, follow).await.expect("the server leads");
    let Leadership { term, leader, .. } = watch.current().clone();
    assert_eq!((term, leader.map(|(id, _)| id)), (node.status().term, Some(node.status().id)));
    node.shutdown().await;
    let end = async { while watch.changed().await.is_some() {} };
    tokio::time::timeout(PATIENCE, end).await.expect("nobody follows a server that has stopped");
}
