//! The shapes: what a client does that costs it little and a server much.

use anyhow::{Context, Result};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;

use super::connections::{ask_and_discard, head, send_part, send_parts_on_streams};
use crate::client::{Connection, Draft, Method};
use crate::server::subject::Subject;

/// All shapes, in order.
pub(super) const ALL: &[Shape] =
    &[Shape::Parked, Shape::Transactions, Shape::Bodies, Shape::Streams, Shape::Snapshot, Shape::Script];

/// How long what is held is held.
const HOLD: Duration = Duration::from_secs(4);
/// Blocking queries, and the patterns of each. A pattern of this class is small to write and large when compiled.
const PARKED: u32 = 100;
const PATTERNS: u32 = 32;
/// Transactions, the reads in each, and the keys that each read finds: 8 MB.
const TRANSACTIONS: u32 = 4;
const READS: u32 = 128;
const VALUES: u32 = 16;
const VALUE_BYTES: usize = 512 << 10;
/// The body that a registration may have, and how many are half sent.
const BODY_BYTES: u64 = 4 << 20;
const CONNECTIONS: u32 = 200;
/// Streams on each connection of HTTP/2, and connections.
const STREAMS: u32 = 100;
const STREAM_CONNECTIONS: u32 = 3;
/// How much of an answer is read: no answer is worth more.
const ANSWER_BYTES_MAX: u64 = 8 << 30;

/// What a client does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Blocking queries whose filters hold large patterns.
    Parked,
    /// Transactions that read the same tree many times.
    Transactions,
    /// Bodies that never end, each on a connection.
    Bodies,
    /// The same on streams of HTTP/2.
    Streams,
    /// An archive that never ends.
    Snapshot,
    /// A script check that writes much and may keep it.
    Script,
}

impl Shape {
    /// By which it is asked for.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Transactions => "txn",
            Self::Bodies => "bodies",
            Self::Streams => "streams",
            Self::Snapshot => "snapshot",
            Self::Script => "script",
        }
    }

    /// What it is.
    pub(super) fn sentence(self, megabytes: u32) -> String {
        match self {
            Self::Parked => format!("{PARKED} parked queries with {PATTERNS} patterns each"),
            Self::Transactions => format!("{TRANSACTIONS} transactions of {READS} get-tree over 8 MB"),
            Self::Bodies => format!("half-sent bodies of 4 MiB on {CONNECTIONS} connections"),
            Self::Streams => format!("half-sent bodies of 4 MiB on {} HTTP/2 streams", STREAMS * STREAM_CONNECTIONS),
            Self::Snapshot => format!("an unfinished PUT /v1/snapshot of {megabytes} MB"),
            Self::Script => format!("a script check that writes {megabytes} MB"),
        }
    }

    /// Fills a new server with what the shape needs.
    pub(super) async fn prepare(self, subject: &Subject) -> Result<()> {
        if !matches!(self, Self::Transactions) {
            return Ok(());
        }
        let mut draft = Draft::default();
        for number in 0..VALUES {
            draft.start(Method::Put).path(format_args!("/v1/kv/quorate-bench/tree/{number}"));
            draft.body = vec![b'v'; VALUE_BYTES];
            subject.ask_once(&draft).await?;
        }
        Ok(())
    }

    /// Does it, up to the end or to a refusal; the first refusal, if there was one.
    pub(super) async fn act(self, address: SocketAddr, megabytes: u32) -> Result<()> {
        let mut tasks = JoinSet::new();
        match self {
            Self::Parked => {
                let index = index_of_nodes(address).await?;
                for query in 0..PARKED {
                    let request = parked(query, index);
                    tasks.spawn(async move { ask_and_discard(address, &request, ANSWER_BYTES_MAX).await });
                }
            }
            Self::Transactions => {
                for _ in 0..TRANSACTIONS {
                    let request = transaction();
                    tasks.spawn(async move { ask_and_discard(address, &request, ANSWER_BYTES_MAX).await });
                }
            }
            Self::Bodies => {
                for _ in 0..CONNECTIONS {
                    let head = head("PUT", "/v1/catalog/register", BODY_BYTES);
                    tasks.spawn(send_part(address, head, b"{\"Node\":\"", BODY_BYTES - 1, HOLD));
                }
            }
            Self::Streams => {
                for _ in 0..STREAM_CONNECTIONS {
                    let bytes = BODY_BYTES as usize - 1;
                    tasks.spawn(send_parts_on_streams(address, "/v1/catalog/register", STREAMS, bytes, HOLD));
                }
            }
            Self::Snapshot => {
                let bytes = u64::from(megabytes) * 1_000_000;
                let head = head("PUT", "/v1/snapshot", bytes + 1);
                // The first bytes of gzip, so that it may be an archive.
                tasks.spawn(send_part(address, head, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], bytes, HOLD));
            }
            Self::Script => {
                let mut draft = Draft::default();
                draft.start(Method::Put).path(format_args!("/v1/agent/check/register"));
                draft.body = script(megabytes);
                Connection::open(address).await?.exchange(&draft).await?.expect_ok()?;
                tokio::time::sleep(HOLD + Duration::from_secs(u64::from(megabytes) / 200)).await;
            }
        }
        let mut refused = Ok(());
        while let Some(done) = tasks.join_next().await {
            // One that is refused leaves the others.
            refused = refused.and(done.context("a client's task")?);
        }
        refused
    }
}

async fn index_of_nodes(address: SocketAddr) -> Result<u64> {
    let mut draft = Draft::default();
    draft.start(Method::Get).path(format_args!("/v1/catalog/nodes"));
    let mut connection = Connection::open(address).await?;
    connection.exchange(&draft).await?.index.context("no index")
}

/// A blocking query with patterns that no other has.
fn parked(query: u32, index: u64) -> Vec<u8> {
    let patterns = (0..PATTERNS).map(|number| format!("Node+matches+%60%5CpL%7B23%7D{query}x{number}%60"));
    let filter = patterns.collect::<Vec<_>>().join("+or+");
    let path = format!("/v1/catalog/nodes?index={index}&wait={}s&filter={filter}", HOLD.as_secs() * 2);
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").into_bytes()
}

fn transaction() -> Vec<u8> {
    let read = json!({ "KV": { "Verb": "get-tree", "Key": "quorate-bench/tree/" } });
    let body = json!(vec![read; READS as usize]).to_string().into_bytes();
    let head = head("PUT", "/v1/txn", body.len() as u64);
    let head = String::from_utf8_lossy(&head).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    [head.into_bytes(), body].concat()
}

fn script(megabytes: u32) -> Vec<u8> {
    let command = format!("head -c {} /dev/zero | tr '\\0' x", u64::from(megabytes) * 1_000_000);
    let bytes_max = u64::from(megabytes) * 1_000_000;
    let check = json!({
        "Name": "large",
        "Args": ["/bin/sh", "-c", command],
        "Interval": "1s",
        "Timeout": "60s",
        "OutputMaxSize": bytes_max,
    });
    check.to_string().into_bytes()
}
