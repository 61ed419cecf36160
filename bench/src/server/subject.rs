//! A server under measurement: where it listens, which process it is, and how it is started if that is known.

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

use super::KEYS;
use super::instances::{INSTANCES, node_name};
use super::keys::{KEY_PREFIX, KeySpace, LOAD_KEYS};
use crate::client::{Answer, Connection, Draft, Method};
use crate::launch::{Launched, StartCommand};
use crate::process::Process;

/// How long a server may take until it first answers as wanted; a million keys take a slow one half a minute.
const START_WAIT_MAX: Duration = Duration::from_secs(300);
/// The pause between two attempts to reach a starting server: small against its start, cheap for the machine.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(5);
/// How long a server is left alone before its memory at rest is read.
const SETTLE_TIME: Duration = Duration::from_secs(3);
/// The interval over which a server must have been idle to count as quiet.
const QUIET_INTERVAL: Duration = Duration::from_millis(200);
/// Processor time in that interval that still counts as idle: one tick of the kernel's clock.
const QUIET_CPU_MAX: Duration = Duration::from_millis(10);
/// A server that is never quiet is measured as it is.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(15);

/// The server of a bench that measures one alone, and starts it anew as often as it likes.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Where the server serves HTTP
    #[arg(long, value_name = "ADDR")]
    target: String,
    /// The command line that starts it, with {data} for its data directory; scripts run only with -enable-script-checks
    #[arg(long, value_name = "COMMAND")]
    target_start: String,
    /// Where data directories are made, on a disk; if not given, the system's temporary directory
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
}

impl Target {
    /// Starts it.
    pub(crate) async fn open(&self) -> Result<Subject> {
        let root = self.data_root.clone().unwrap_or_else(std::env::temp_dir);
        Subject::open("target", &self.target, None, Some(&self.target_start), &root).await
    }
}

/// One server.
#[derive(Debug)]
pub(crate) struct Subject {
    /// `target` or `peer`.
    role: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    /// The keys of the loads and what was last written to each.
    pub(crate) keys: KeySpace,
    start: Option<StartCommand>,
    launched: Option<Launched>,
}

impl Subject {
    /// Finds a running server or starts one, and waits until it takes writes.
    pub(crate) async fn open(
        role: &'static str,
        address: &str,
        pid: Option<u32>,
        start: Option<&str>,
        root: &Path,
    ) -> Result<Self> {
        let address = resolve(address).await?;
        let start = start.map(|text| StartCommand::new(text, root)).transpose()?;
        let keys = KeySpace::new(LOAD_KEYS, KEYS);
        let (process, launched) = match (&start, pid) {
            (Some(start), _) => {
                let taken = Connection::open(address).await.is_ok();
                ensure!(!taken, "--{role}-start is given, but a server listens on {address} already");
                let launched = start.launch()?;
                (launched.process(), Some(launched))
            }
            (None, Some(pid)) => (Process { pid }, None),
            (None, None) => {
                let found = Process::listening_on(address);
                (found.with_context(|| format!("looking for the process of --{role}"))?, None)
            }
        };
        let mut subject = Self { role, address, process, keys, start, launched };
        subject.await_writable().await?;
        Ok(subject)
    }

    /// Whether the bench may start and end this server.
    pub(crate) fn can_start(&self) -> bool {
        self.start.is_some()
    }

    /// `target` or `peer`.
    pub(crate) fn role(&self) -> &'static str {
        self.role
    }

    /// One sentence about the server.
    pub(crate) async fn describe(&self) -> Result<String> {
        let version = self.version().await.unwrap_or_else(|| "of a version that it does not tell".to_owned());
        let origin = if self.can_start() { "started by the bench" } else { "found running" };
        let (role, name, address, pid) = (self.role, self.process.name()?, self.address, self.process.pid);
        Ok(format!("{role}: {name} {version} on {address}, process {pid}, {origin}"))
    }

    async fn version(&self) -> Option<String> {
        let mut draft = Draft::default();
        draft.start(Method::Get).path(format_args!("/v1/agent/self"));
        let mut connection = Connection::open(self.address).await.ok()?;
        let answer = connection.exchange(&draft).await.ok()?;
        let json: serde_json::Value = serde_json::from_slice(answer.body).ok()?;
        Some(json["Config"]["Version"].as_str()?.to_owned())
    }

    /// Sends one request on a connection of its own; it must be answered with 200.
    pub(crate) async fn ask_once(&self, draft: &Draft) -> Result<()> {
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.exchange(draft).await?;
        answer.expect_ok().with_context(|| draft.path.clone())
    }

    /// Replaces a server that the bench started by a new process without data. Any other stays as it is.
    pub(crate) async fn renew(&mut self) -> Result<()> {
        let Some(start) = &self.start else { return Ok(()) };
        // The old one goes first: it holds the port.
        self.launched = None;
        let launched = start.launch()?;
        self.process = launched.process();
        self.launched = Some(launched);
        self.keys = KeySpace::new(LOAD_KEYS, KEYS);
        self.await_writable().await?;
        self.settle().await;
        Ok(())
    }

    /// Kills the server, starts it on the same data, and returns the time from its start until `accept` took an answer
    /// to `draft`.
    pub(crate) async fn time_restart(
        &mut self,
        draft: &Draft,
        accept: impl Fn(&Answer<'_>) -> Result<bool>,
    ) -> Result<Duration> {
        let launched = self.launched.as_mut().context("only a server started by the bench is restarted")?;
        launched.kill()?;
        let started = Instant::now();
        launched.start_again()?;
        self.process = launched.process();
        self.await_answer(draft, accept).await?;
        Ok(started.elapsed())
    }

    async fn await_writable(&mut self) -> Result<()> {
        let mut draft = Draft::default();
        draft.start(Method::Put).path(format_args!("/v1/kv/{KEY_PREFIX}ready"));
        self.await_answer(&draft, |answer| Ok(answer.expect_true().is_ok())).await
    }

    /// Repeats a request until `accept` says that this is the answer; what `accept` fails on ends the wait.
    async fn await_answer(&mut self, draft: &Draft, accept: impl Fn(&Answer<'_>) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + START_WAIT_MAX;
        let mut last_failure = String::new();
        while Instant::now() < deadline {
            let attempt = async {
                let mut connection = Connection::open(self.address).await.map_err(|error| format!("{error:#}"))?;
                let answer = connection.exchange(draft).await.map_err(|error| format!("{error:#}"))?;
                Ok::<_, String>((accept(&answer), format!("status {}: {}", answer.status, answer.shown())))
            };
            match tokio::time::timeout_at(deadline, attempt).await {
                Ok(Ok((accepted, shown))) => {
                    if accepted? {
                        return Ok(());
                    }
                    last_failure = shown;
                }
                Ok(Err(failure)) => last_failure = failure,
                Err(_) => last_failure = "no answer".to_owned(),
            }
            match &mut self.launched {
                Some(launched) => launched.expect_running()?,
                None => bail!("the {} on {} is not ready: {last_failure}", self.role, self.address),
            }
            tokio::time::sleep(ATTEMPT_PAUSE).await;
        }
        bail!("the {} on {} is not ready after {START_WAIT_MAX:?}: {last_failure}", self.role, self.address)
    }

    /// Leaves a server alone for as long as its work after a start may take.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(SETTLE_TIME).await;
    }

    /// Waits until neither the server nor the bench has anything to do.
    pub(crate) async fn quiet(&self) -> Result<()> {
        let deadline = Instant::now() + QUIET_WAIT_MAX;
        let mut before = (self.process.cpu()?, Process::own().cpu()?);
        while Instant::now() < deadline {
            tokio::time::sleep(QUIET_INTERVAL).await;
            let now = (self.process.cpu()?, Process::own().cpu()?);
            if now.0 - before.0 <= QUIET_CPU_MAX && now.1 - before.1 <= QUIET_CPU_MAX {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Removes what the bench wrote from a server that goes on without it.
    pub(crate) async fn clean_up(&self) -> Result<()> {
        if self.can_start() {
            return Ok(());
        }
        let mut draft = Draft::default();
        draft.start(Method::Delete).path(format_args!("/v1/kv/{KEY_PREFIX}?recurse"));
        self.ask_once(&draft).await?;
        for instance in 0..INSTANCES {
            draft.start(Method::Put).path(format_args!("/v1/catalog/deregister"));
            draft.body = serde_json::to_vec(&serde_json::json!({ "Node": node_name(instance) }))?;
            self.ask_once(&draft).await?;
        }
        Ok(())
    }
}

/// The address behind `host:port`, with or without `http://` before it.
async fn resolve(address: &str) -> Result<SocketAddr> {
    let name = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
    let mut found: Vec<_> =
        tokio::net::lookup_host(name).await.with_context(|| format!("{address:?} is not host:port"))?.collect();
    // `localhost` may stand for both families; servers listen on the older one.
    found.sort_by_key(SocketAddr::is_ipv6);
    let first = *found.first().with_context(|| format!("{address:?} has no address"))?;
    ensure!(
        first.ip().is_loopback(),
        "{address} is not on this machine: the bench reads the server's process in /proc"
    );
    Ok(first)
}
