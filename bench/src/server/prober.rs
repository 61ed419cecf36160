//! Asks a server the same small things over and over while it does something large, and keeps the longest wait.
//!
//! Each kind of request has a thread and a connection of its own, so that neither the bench's other work nor the other kind
//! counts as the server's.

use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::Instant;

use crate::client::{Connection, Draft, Method};
use crate::report::Figure;

/// From one question to the next: short against any wait worth knowing of, and little work for the server.
const PACE: Duration = Duration::from_millis(4);
/// How long an answer is waited for. Beyond, the server counts as one that does not answer.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// The key that is asked for and written, which nothing else touches.
const KEY: &str = "/v1/kv/quorate-probe";

/// What one kind of request met with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    worst: Duration,
    /// Requests that waited longer than 50 ms.
    long: u32,
    answered: u32,
    /// Requests that were refused, or not answered at all.
    failed: u32,
}

/// Questions that are being asked.
pub(crate) struct Prober {
    is_over: Arc<AtomicBool>,
    threads: [JoinHandle<Waits>; 2],
}

/// What the questions met with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probed {
    get: Waits,
    put: Waits,
}

impl Prober {
    /// Begins to ask.
    pub(crate) fn start(address: SocketAddr) -> Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let start = |method| {
            let is_over = is_over.clone();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let asks = async move { ask_on(address, method, &is_over).await };
            std::thread::Builder::new().name("prober".to_owned()).spawn(move || runtime.block_on(asks))
        };
        let threads = [start(Method::Get), start(Method::Put)];
        let [get, put] = threads.map(|thread| thread.context("a thread of the prober"));
        Ok(Self { is_over: is_over.clone(), threads: [get?, put?] })
    }

    /// Ends, once the last questions are answered.
    pub(crate) async fn stop(self) -> Result<Probed> {
        self.is_over.store(true, Ordering::Relaxed);
        // Whatever the bench has left to do goes on meanwhile.
        while !self.threads.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(PACE).await;
        }
        let ended = |_| anyhow::anyhow!("the prober ended by itself");
        let [get, put] = self.threads.map(|thread| thread.join().map_err(ended));
        Ok(Probed { get: get?, put: put? })
    }
}

impl Probed {
    /// The figures of a section.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let millis = |wait: Duration| [wait.as_secs_f64() * 1e3];
        vec![
            Figure::new("worst wait of a GET", "ms", &millis(self.get.worst)).headline(),
            Figure::new("worst wait of a PUT", "ms", &millis(self.put.worst)).headline(),
            Figure::new("GETs that waited over 50 ms", "", &[self.get.long.into()]),
            Figure::new("PUTs that waited over 50 ms", "", &[self.put.long.into()]),
            Figure::new("answered", "", &[(self.get.answered + self.put.answered).into()]),
            Figure::new("refused or not answered", "", &[(self.get.failed + self.put.failed).into()]),
        ]
    }
}

/// Asks until it is over.
async fn ask_on(address: SocketAddr, method: Method, is_over: &AtomicBool) -> Waits {
    let mut waits = Waits::default();
    let mut connection = None;
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let answered = tokio::time::timeout(WAIT_MAX, ask(&mut connection, address, method)).await;
        let waited = begun.elapsed();
        match answered {
            Ok(Ok(())) => waits.answered += 1,
            _ => {
                waits.failed += 1;
                connection = None;
            }
        }
        waits.worst = waits.worst.max(waited);
        waits.long += u32::from(waited > Duration::from_millis(50));
        tokio::time::sleep_until(begun + PACE).await;
    }
    waits
}

async fn ask(connection: &mut Option<Connection>, address: SocketAddr, method: Method) -> Result<()> {
    let connection = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(address).await?),
    };
    let mut draft = Draft::default();
    draft.start(method).path(format_args!("{KEY}"));
    let answer = connection.exchange(&draft).await?;
    // Until the first write there is nothing to read.
    if method == Method::Get && answer.status == 404 { Ok(()) } else { answer.expect_ok() }
}
