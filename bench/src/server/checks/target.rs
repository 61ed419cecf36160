//! What HTTP and TCP checks ask: servers in the bench's own process, on a thread of their own, so that what they take is
//! counted neither as the agent's nor held against those who measure beside them.
//!
//! There is a listener for every [`CHECKS_PER_PORT`] checks, as on a host whose services have ports of their own; behind a
//! single one a connection would soon find all local ports taken by connections that have just ended.

use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Witness;
use super::runs::Runs;

const CHECKS_PER_PORT: u32 = 500;
/// The largest request that is read; those of checks take some 150 bytes.
const REQUEST_BYTES_MAX: usize = 1024;

const PASSES: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
const FAILS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbad\n";

/// The running target; it ends when this is dropped.
pub(super) struct Target {
    addresses: Vec<SocketAddr>,
    seen: Seen,
    _stop: oneshot::Sender<()>,
}

/// What all connections share.
#[derive(Clone)]
struct Seen {
    runs: Runs,
    /// Which checks are answered with a failure.
    fails: Arc<[AtomicBool]>,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Http,
    /// Nothing: to be connected to is all.
    Tcp,
}

impl Target {
    /// Starts a target of `checks` checks.
    pub(super) fn start(checks: u32, speaks: Speaks) -> Result<Self> {
        let seen = Seen { runs: Runs::default(), fails: (0..checks).map(|_| AtomicBool::new(false)).collect() };
        let mut listeners = Vec::new();
        for _ in 0..checks.div_ceil(CHECKS_PER_PORT) {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").context("a port for the target of checks")?;
            listener.set_nonblocking(true)?;
            listeners.push(listener);
        }
        let addresses = listeners.iter().map(std::net::TcpListener::local_addr).collect::<Result<_, _>>()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = seen.clone();
        std::thread::Builder::new().name("target".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = serve(listeners, speaks, shared) => result.expect("a listener goes on"),
                    // It is dropped, and never told anything.
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { addresses, seen, _stop: stop })
    }

    /// Where a check finds its target.
    pub(super) fn address(&self, check: u32) -> SocketAddr {
        self.addresses[(check / CHECKS_PER_PORT) as usize]
    }

    /// Has a check fail from now on, or pass again.
    pub(super) fn set_failing(&self, check: u32, fails: bool) {
        self.seen.fails[check as usize].store(fails, Ordering::Relaxed);
    }
}

impl Witness for Target {
    fn runs(&self) -> &Runs {
        &self.seen.runs
    }
}

async fn serve(listeners: Vec<std::net::TcpListener>, speaks: Speaks, seen: Seen) -> Result<()> {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        tasks.spawn(accept(TcpListener::from_std(listener)?, speaks, seen.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn accept(listener: TcpListener, speaks: Speaks, seen: Seen) -> Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("accepting a check's connection")?;
                match speaks {
                    Speaks::Http => drop(connections.spawn(answer(stream, seen.clone()))),
                    Speaks::Tcp => seen.runs.note(None, false),
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one request. One that breaks off is no run.
async fn answer(mut stream: TcpStream, seen: Seen) {
    let mut request = [0; REQUEST_BYTES_MAX];
    let mut filled = 0;
    while !request[..filled].windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut request[filled..]).await {
            Ok(count @ 1..) => filled += count,
            _ => return,
        }
    }
    let Some(check) = check_of(&request[..filled]) else { return };
    let fails = seen.fails.get(check as usize).is_some_and(|fails| fails.load(Ordering::Relaxed));
    // Noted before the answer: the agent can't have heard of a failure earlier.
    seen.runs.note(Some(check), fails);
    // A check that has gone meanwhile was a run all the same.
    let _ = stream.write_all(if fails { FAILS } else { PASSES }).await;
}

/// The number at the end of the path: `GET /17 HTTP/1.1`.
fn check_of(request: &[u8]) -> Option<u32> {
    let line = request.split(|&byte| byte == b' ').nth(1)?;
    std::str::from_utf8(line.strip_prefix(b"/")?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(target: &Target, check: u32) -> String {
        let mut stream = TcpStream::connect(target.address(check)).await.unwrap();
        stream.write_all(format!("GET /{check} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn each_check_gets_its_own_answer_and_is_counted() {
        let target = Target::start(CHECKS_PER_PORT + 1, Speaks::Http).unwrap();
        let (first, last) = (0, CHECKS_PER_PORT);
        assert_ne!(target.address(first), target.address(last));
        target.set_failing(last, true);
        assert!(ask(&target, first).await.starts_with("HTTP/1.1 200 OK"));
        assert!(ask(&target, last).await.starts_with("HTTP/1.1 503 "));
        let failures = target.runs().first_failures(CHECKS_PER_PORT + 1);
        assert_eq!((target.runs().count(), failures[first as usize]), (2, None));
        assert!(failures[last as usize].is_some());
    }

    #[tokio::test]
    async fn connections_are_counted() {
        let target = Target::start(1, Speaks::Tcp).unwrap();
        let mut stream = TcpStream::connect(target.address(0)).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(target.runs().count(), 1);
    }
}
