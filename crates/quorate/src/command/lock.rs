//! `lock`: runs a command while a lock or a place in a semaphore is held, and ends the command when that is lost.
//!
//! The keys are those of Consul's own client, so that both can wait for each other:
//! - a lock is the key `PREFIX/.lock`, acquired with a session;
//! - a semaphore has a key `PREFIX/SESSION` for each that takes part, acquired with its session, and in `PREFIX/.lock` the
//!   limit and the sessions that hold a place, changed with check-and-set alone.
//!
//! The session ends 15 s after this program does without a word; until then it is renewed twice as often.

mod holding;
mod semaphore;

use std::process::Stdio;
use std::time::Duration;

use quorate_api::SessionCreate;
use quorate_api::client::Client;
use quorate_base::duration::GoDuration;

use self::holding::{Holding, HoldingError};
use super::connect::client;
use super::output::{Failure, print};
use crate::child::{Output, Running, Script, failure, told_to_end};
use crate::flags::LockFlags;

/// How long the session lives without being renewed.
const SESSION_TTL: Duration = Duration::from_secs(15);

/// The exit code for a command that ended with an error, if it is asked for.
const CHILD_FAILED: u8 = 2;

/// Runs a command while a lock is held.
pub(super) async fn lock(mut flags: LockFlags) -> Result<(), Failure> {
    if flags.n <= 0 {
        return Err(Failure::new("Lock holder limit must be positive"));
    }
    if flags.arguments.len() < 2 {
        return Err(Failure::new("Key prefix and child command must be specified"));
    }
    let words = flags.arguments.split_off(1);
    let prefix = flags.arguments.remove(0).to_string_lossy().trim_end_matches('/').to_owned();
    let timeout = flags.timeout.as_deref().map(patience).transpose()?;
    let script = Script::new(words, flags.shell.unwrap_or(true));
    let client = client(&flags.http, None)?;
    let job = Job { is_verbose: flags.verbose.unwrap_or(false), flags, client, script };
    let session = job.session(&prefix).await?;
    let outcome = tokio::select! {
        outcome = job.run(&prefix, &session, timeout) => outcome,
        never = renew(&job.client, &session) => match never {},
    };
    // Whatever happened, nobody needs it any more; if this fails, it ends by itself.
    let _ = job.client.session_destroy(&session).await;
    outcome
}

/// How long somebody is willing to wait for the lock.
fn patience(text: &str) -> Result<Duration, Failure> {
    let duration = GoDuration::parse(text).map_err(Failure::of("Error parsing duration for 'try' option"))?;
    if duration.0 <= 0 { Err(Failure::new("Timeout must be positive")) } else { Ok(duration.to_std()) }
}

/// Keeps a session alive for as long as it is polled. If it can't, the lock is lost, and the watch of it tells.
async fn renew(client: &Client, session: &str) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(SESSION_TTL / 2).await;
        while client.session_renew(session).await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// What is done under which conditions.
struct Job {
    flags: LockFlags,
    client: Client,
    script: Script,
    is_verbose: bool,
}

impl Job {
    fn say(&self, line: impl AsRef<str>) {
        if self.is_verbose {
            // Whoever does not read it does not need it.
            let _ = print(line.as_ref());
        }
    }

    async fn session(&self, prefix: &str) -> Result<String, Failure> {
        let name = match self.flags.name.as_str() {
            "" => format!("quorate lock at {prefix:?}"),
            name => name.to_owned(),
        };
        let session = SessionCreate { name, ttl: format!("{}s", SESSION_TTL.as_secs()), ..SessionCreate::default() };
        self.client
            .session_create(&session)
            .await
            .map_err(Failure::of("Lock acquisition failed: failed to create session"))
    }

    async fn run(&self, prefix: &str, session: &str, timeout: Option<Duration>) -> Result<(), Failure> {
        self.say(match self.flags.n {
            1 => format!("Setting up lock at path: {prefix}/.lock"),
            limit => format!("Setting up semaphore (limit {limit}) at prefix: {prefix}"),
        });
        let holding = Holding::new(&self.client, prefix, session, self.flags.n);
        self.say("Attempting lock acquisition");
        let patience = async {
            match timeout {
                None => told_to_end().await,
                Some(timeout) => tokio::select! {
                    () = tokio::time::sleep(timeout) => {}
                    () = told_to_end() => {}
                },
            }
        };
        let acquired = tokio::select! {
            acquired = holding.acquire() => acquired.map_err(Failure::of("Lock acquisition failed"))?,
            () = patience => {
                holding.withdraw().await;
                return Err(Failure::new("Told to end, or out of time, before the lock was acquired"));
            }
        };
        self.say("Starting handler");
        let stdin = if self.flags.pass_stdin.unwrap_or(false) { Stdio::inherit() } else { Stdio::null() };
        let child = match self.script.start(("CONSUL_LOCK_HELD", "true".to_owned()), stdin, Output::Inherited) {
            Ok(child) => self.supervise(child, &holding, acquired).await,
            Err(error) => Ended::by_itself(Some(error.to_string())),
        };
        if let Some(problem) = &child.problem {
            eprintln!("Error running handler: {problem}");
        }
        match holding.release().await {
            // What is lost can't be given back.
            Err(HoldingError::NotHeld) if child.lost_its_lock => {}
            released => released.map_err(Failure::of("Lock release failed"))?,
        }
        match holding.clean_up().await.map_err(Failure::of("Lock cleanup failed"))? {
            true => self.say("Cleanup succeeded"),
            false => self.say("Cleanup aborted, lock in use"),
        }
        match child.problem.is_some() && !child.was_killed && self.flags.child_exit_code.unwrap_or(false) {
            true => Err(Failure::silent(CHILD_FAILED)),
            false => Ok(()),
        }
    }

    /// Waits for the end of the command; brings it about if the lock is lost or this program is to end. What is told is what
    /// Consul's program tells, which exits with 0 then.
    async fn supervise(&self, mut child: Running, holding: &Holding<'_>, acquired: u64) -> Ended {
        let lost_its_lock = tokio::select! {
            ended = child.wait() => {
                self.say("Child terminated, releasing lock");
                return Ended::by_itself(ended.map_or_else(|error| Some(error.to_string()), failure));
            }
            () = holding.lost(acquired, self.flags.monitor_retry) => true,
            () = told_to_end() => false,
        };
        self.say(if lost_its_lock { "Lock lost, killing child" } else { "Shutdown triggered, killing child" });
        self.say(format!("Terminating child pid {}", child.0.id().unwrap_or_default()));
        let problem = child.kill().await.and_then(failure);
        self.say("Child terminated");
        Ended { problem, was_killed: true, lost_its_lock }
    }
}

/// How a command ended.
struct Ended {
    /// What was wrong with it.
    problem: Option<String>,
    /// By us.
    was_killed: bool,
    lost_its_lock: bool,
}

impl Ended {
    fn by_itself(problem: Option<String>) -> Self {
        Self { problem, was_killed: false, lost_its_lock: false }
    }
}
