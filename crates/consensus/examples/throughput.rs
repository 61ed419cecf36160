//! How many commands a single server on this machine's disk takes a second, and what each costs of processor time:
//!
//! `cargo run --release -p quorate-consensus --example throughput -- DIRECTORY [CLIENTS] [inline|thread|adaptive]`
//!
//! It makes a directory of its own below DIRECTORY, which should be on the disk to be measured, and removes it.

#![allow(clippy::disallowed_methods, reason = "a measurement needs the machine's clock and tasks of its own")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_base::Host;
use quorate_consensus::*;

/// Forgets everything.
struct Nothing;

impl Application for Nothing {
    type Command = Bytes;
    type Response = ();

    fn decode(bytes: Bytes) -> Result<Bytes, UnreadableCommand> {
        Ok(bytes)
    }

    fn is_long(&self, _: &[(u64, Bytes)]) -> bool {
        false
    }

    fn apply(&mut self, commands: Commands<'_, Bytes>, responses: &mut Vec<()>) {
        responses.extend(commands.map(|_| ()));
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Self)
    }

    fn restore(&mut self, _: u64, _: &mut dyn SnapshotRecords) -> Result<(), RestoreError> {
        Ok(())
    }
}

impl SnapshotSource for Nothing {
    fn write(self: Box<Self>, _: &mut dyn SnapshotSink) -> std::io::Result<()> {
        Ok(())
    }
}

/// A network without other servers.
struct Alone;

impl Transport for Alone {
    fn call(&self, _: NodeId, _: &Member, _: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>> {
        Box::pin(async { Err(TransportError::Unreachable("there is no other".to_owned())) })
    }
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |field| stat.rsplit(')').next()?.split_whitespace().nth(field)?.parse::<u64>().ok();
    // User and system time, in hundredths of a second.
    Duration::from_millis(10 * (ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)))
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = Path::new(arguments.first().expect("a directory")).join(Host::real().random.uuid().to_string());
    let clients: usize = arguments.get(1).map_or(64, |clients| clients.parse().expect("a number of clients"));
    let log_writer = match arguments.get(2).map(String::as_str) {
        Some("inline") => LogWriter::Inline,
        Some("thread") => LogWriter::Thread,
        _ => LogWriter::Adaptive,
    };
    let id = NodeId::from_u128(1);
    let config = Config { log_writer, ..Config::new(id, &directory) };
    let server = Consensus::start(config, Host::real(), Arc::new(Alone), Nothing).await.expect("it starts");
    server.bootstrap([(id, Member::default())].into()).await.expect("it forms a cluster");
    while server.check_lease().is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("resident after the start: {} KiB", resident_kib());
    let (start, before) = (Instant::now(), cpu());
    let end = start + Duration::from_secs(5);
    let tasks = (0..clients).map(|_| {
        let server = server.clone();
        tokio::spawn(async move {
            let mut done = 0u64;
            while Instant::now() < end {
                server.propose(Bytes::from_static(&[b'x'; 200])).await.expect("it is taken");
                done += 1;
            }
            done
        })
    });
    let mut done = 0;
    for task in tasks.collect::<Vec<_>>() {
        done += task.await.expect("it ends");
    }
    let (elapsed, cpu) = (start.elapsed(), cpu() - before);
    println!(
        "{clients} clients, {log_writer:?}: {:.0} commands/s, {:.1} us of processor time each, resident {} KiB",
        done as f64 / elapsed.as_secs_f64(),
        cpu.as_micros() as f64 / done as f64,
        resident_kib(),
    );
    server.shutdown().await;
    std::fs::remove_dir_all(&directory).expect("it is removed");
}
