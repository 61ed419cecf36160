//! `lock`: runs a command while a lock or a place in a semaphore is held, and ends the command when that is lost.
//!
//! The keys are those of Consul's own client, so that both can wait for each other:
//! - a lock is the key `PREFIX/.lock`, acquired with a session;
//! - a semaphore has a key `PREFIX/SESSION` for each that takes part, acquired with its session, and in `PREFIX/.lock` the
//!   limit and the sessions that hold a place, changed with check-and-set alone.
//!
//! The session ends 15 s after this program does without a word; until then it is renewed twice as often. Whatever ends this
//! command in order, a signal at any moment among it, gives back what is held and ends the session.

mod acquiring;
mod holding;
mod semaphore;

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use quorate_api::SessionCreate;
use quorate_api::client::Client;

use self::holding::{Holding, HoldingError};
use super::connect::client;
use super::output::{Failure, note, print};
use crate::child::{Output, Running, Script, Shutdown, failure};
use crate::flags::LockFlags;

/// How long the session lives without being renewed.
const SESSION_TTL: Duration = Duration::from_secs(15);

/// The exit code for a command that ended with an error, if it is asked for.
const CHILD_FAILED: u8 = 2;

/// Runs a command while a lock is held.
pub(super) async fn lock(flags: LockFlags) -> Result<(), Failure> {
    let mut shutdown = Shutdown::listen().map_err(Failure::of("Error listening to signals"))?;
    let job = Job::new(flags)?;
    let mut making = std::pin::pin!(job.session());
    let session = tokio::select! {
        session = &mut making => session?,
        () = shutdown.told() => {
            // The server may have made it already.
            if let Some(Ok(session)) = while_it_lives(making).await {
                let _ = while_it_lives(job.client.session_destroy(&session)).await;
            }
            return Err(not_acquired());
        }
    };
    let outcome = tokio::select! {
        outcome = job.run(&session, &mut shutdown) => outcome,
        never = renew(&job.client, &session) => match never {},
    };
    // Whatever happened, nobody needs it any more; if this fails, it ends by itself.
    let _ = while_it_lives(job.client.session_destroy(&session)).await;
    outcome
}

/// Consul's words for a lock that was not acquired, whether by a signal or for want of time.
fn not_acquired() -> Failure {
    Failure::new("Shutdown triggered or timeout during lock acquisition")
}

/// Does what gives back a lock for as long as that can matter: the session of a server that does not answer ends by itself.
async fn while_it_lives<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(SESSION_TTL, work).await.ok()
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

/// A prefix as servers see it in the path of a URL: without empty parts and dots.
fn cleaned(prefix: &str) -> String {
    let mut parts = Vec::new();
    for part in prefix.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// What is done under which conditions.
struct Job {
    flags: LockFlags,
    client: Client,
    prefix: String,
    script: Script,
    /// How long somebody is willing to wait for the lock, if not for ever.
    patience: Option<Duration>,
}

impl Job {
    fn new(mut flags: LockFlags) -> Result<Self, Failure> {
        if flags.n <= 0 {
            return Err(Failure::new("Lock holder limit must be positive"));
        }
        if flags.arguments.len() < 2 {
            return Err(Failure::new("Key prefix and child command must be specified"));
        }
        let wait = flags.timeout.or(flags.old_timeout).unwrap_or_default();
        if wait.0 < 0 {
            return Err(Failure::new("Timeout must be positive"));
        }
        if flags.monitor_retry < 0 {
            return Err(Failure::new("Number for 'monitor-retry' must be >= 0"));
        }
        let words = flags.arguments.split_off(1);
        let prefix = cleaned(&flags.arguments.remove(0).to_string_lossy());
        if prefix.is_empty() && flags.n > 1 {
            return Err(Failure::new("Lock setup failed: a semaphore needs a prefix for its keys"));
        }
        let script = Script::new(words, flags.shell.unwrap_or(true));
        let client = client(&flags.http, None)?;
        let patience = (wait.0 > 0).then(|| wait.to_std());
        Ok(Self { flags, client, prefix, script, patience })
    }

    fn say(&self, line: impl AsRef<str>) {
        if self.flags.verbose.unwrap_or(false) {
            // Whoever does not read it does not need it.
            let _ = print(line.as_ref());
        }
    }

    async fn session(&self) -> Result<String, Failure> {
        let name = match self.flags.name.as_str() {
            "" => format!("Consul lock for '{}' at '{}'", self.script.name(), self.prefix),
            name => name.to_owned(),
        };
        let session = SessionCreate { name, ttl: format!("{}s", SESSION_TTL.as_secs()), ..SessionCreate::default() };
        self.client
            .session_create(&session)
            .await
            .map_err(Failure::of("Lock acquisition failed: failed to create session"))
    }

    async fn run(&self, session: &str, shutdown: &mut Shutdown) -> Result<(), Failure> {
        let holding = Holding::new(&self.client, &self.prefix, session, self.flags.n);
        self.say(match self.flags.n {
            1 => format!("Setting up lock at path: {}", holding.key),
            limit => format!("Setting up semaphore (limit {limit}) at prefix: {}", self.prefix),
        });
        self.say("Attempting lock acquisition");
        let mut acquiring = std::pin::pin!(holding.acquire());
        let acquired = tokio::select! {
            acquired = &mut acquiring => acquired.map_err(Failure::of("Lock acquisition failed")),
            () = self.out_of_patience(shutdown) => {
                // What is on its way may yet make it the holder.
                let settled = async { tokio::select! { _ = &mut acquiring => {}, () = holding.written() => {} } };
                let _ = while_it_lives(settled).await;
                Err(not_acquired())
            }
        };
        let index = match acquired {
            Ok(index) => index,
            Err(failure) => {
                let _ = while_it_lives(holding.give_up()).await;
                return Err(failure);
            }
        };
        let ended = self.run_child(&holding, index, shutdown).await;
        if let Some(problem) = &ended.problem {
            note(problem);
        }
        let given_back = while_it_lives(self.give_back(&holding)).await;
        given_back.unwrap_or_else(|| Err(Failure::new("Lock release failed: the server does not answer")))?;
        match ended.by_itself && ended.problem.is_some() && self.flags.child_exit_code.unwrap_or(false) {
            true => Err(Failure::silent(CHILD_FAILED)),
            false => Ok(()),
        }
    }

    /// Resolves when the lock is not waited for any longer.
    async fn out_of_patience(&self, shutdown: &mut Shutdown) {
        match self.patience {
            None => shutdown.told().await,
            Some(patience) => tokio::select! {
                () = tokio::time::sleep(patience) => {}
                () = shutdown.told() => {}
            },
        }
    }

    async fn run_child(&self, holding: &Holding<'_>, index: u64, shutdown: &mut Shutdown) -> Ended {
        self.say("Starting handler");
        let stdin = if self.flags.pass_stdin.unwrap_or(false) { Stdio::inherit() } else { Stdio::null() };
        match self.script.start(("CONSUL_LOCK_HELD", "true".to_owned()), stdin, Output::Inherited) {
            Ok(child) => self.supervise(child, holding, index, shutdown).await,
            Err(error) => Ended { by_itself: true, problem: Some(format!("Error starting handler: {error}")) },
        }
    }

    /// Waits for the end of the command; brings it about if the lock is lost or this program is to end.
    async fn supervise(&self, mut child: Running, holding: &Holding<'_>, index: u64, shutdown: &mut Shutdown) -> Ended {
        tokio::select! {
            status = child.wait() => {
                self.say("Child terminated, releasing lock");
                return Ended::new(true, status.ok());
            }
            () = holding.lost(index, self.flags.monitor_retry) => self.say("Lock lost, killing child"),
            () = shutdown.told() => self.say("Shutdown triggered, killing child"),
        }
        self.say(format!("Terminating child pid {}", child.0.id().unwrap_or_default()));
        let status = child.kill().await;
        self.say("Child terminated");
        Ended::new(false, status)
    }

    /// Gives the lock back, and removes its key if nobody else needs it.
    async fn give_back(&self, holding: &Holding<'_>) -> Result<(), Failure> {
        let released = holding.release().await;
        holding.withdraw().await;
        match released {
            // Whoever lost it has nothing to give back.
            Ok(()) | Err(HoldingError::NotHeld) => {}
            Err(error) => return Err(Failure::of("Lock release failed")(error)),
        }
        match holding.clean_up().await.map_err(Failure::of("Lock cleanup failed"))? {
            true => self.say("Cleanup succeeded"),
            false => self.say("Cleanup aborted, lock in use"),
        }
        Ok(())
    }
}

/// How a command ended.
struct Ended {
    /// Or by us.
    by_itself: bool,
    problem: Option<String>,
}

impl Ended {
    fn new(by_itself: bool, status: Option<ExitStatus>) -> Self {
        let problem = status.and_then(failure).map(|problem| format!("Error running handler: {problem}"));
        Self { by_itself, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_one_that_a_path_leaves_alone() {
        for (typed, clean) in [("p", "p"), ("/p/sl/", "p/sl"), ("", ""), ("//", ""), ("a//b/./c/../d", "a/b/d")] {
            assert_eq!(cleaned(typed), clean, "{typed}");
        }
    }
}
