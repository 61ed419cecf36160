//! What the agent is told while it runs: by signals, and by requests to read the configuration again.

use std::convert::Infallible;

use nix::sys::signal::{SigSet, Signal};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::notify;
use super::reload::Reloader;

/// Who waits for the configuration to be read again.
pub(super) type Reloads = mpsc::Receiver<oneshot::Sender<Result<(), String>>>;

/// A signal to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) name: &'static str,
    /// Whether clients are waited for.
    pub(super) is_in_order: bool,
    /// The exit code if they are not.
    pub(super) code_at_once: i32,
}

const INTERRUPT: Stop = Stop { name: "SIGINT", is_in_order: true, code_at_once: 1 };
const TERMINATE: Stop = Stop { name: "SIGTERM", is_in_order: true, code_at_once: 1 };
/// Ends the process at once with the code that Go's programs end with; without a core file, which would hold the data.
const QUIT: Stop = Stop { name: "SIGQUIT", is_in_order: false, code_at_once: 2 };

/// The signals that are held and listened to.
const LISTENED: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];

/// Holds signals back until [`Signals::listen`]: before that, each of them would kill the process. To be called while the
/// process has one thread.
pub(crate) fn hold() {
    // It can't fail for signals that there are.
    let _ = SigSet::from_iter(LISTENED).thread_block();
}

/// The signals that the agent listens to, and the requests that mean the same as SIGHUP.
pub(super) struct Signals {
    stops: Stops,
    others: Others,
}

/// The signals to stop.
struct Stops {
    interrupt: Stream,
    terminate: Stream,
    quit: Stream,
}

/// What means to read the configuration again, and signals that have to be listened to.
struct Others {
    hangup: Stream,
    /// Consul reports its measurements at the first of these; the kernel ends whoever does not listen to them.
    user: [Stream; 2],
    reloads: Reloads,
}

impl Signals {
    /// Listens, and hears those that were held back.
    pub(super) fn listen(reloads: Reloads) -> std::io::Result<Self> {
        let stops = Stops {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
        };
        let user = [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?];
        let others = Others { hangup: signal(SignalKind::hangup())?, user, reloads };
        SigSet::from_iter(LISTENED).thread_unblock()?;
        Ok(Self { stops, others })
    }

    /// Waits for a signal to stop; reads the configuration again when it is asked to. A stop does not wait for that.
    pub(super) async fn stop(&mut self, reloader: &mut Reloader) -> Stop {
        let stop = tokio::select! {
            stop = self.stops.next() => stop,
            never = self.others.reload_when_asked(reloader) => match never {},
        };
        let process = &reloader.current().process;
        say_leave(match stop.name {
            "SIGINT" => !process.skip_leave_on_interrupt,
            "SIGTERM" => process.leave_on_terminate,
            _ => false,
        });
        stop
    }

    /// Waits for a signal to stop while there is nothing to read again.
    pub(super) async fn stop_at_once(&mut self) -> Stop {
        self.stops.next().await
    }
}

impl Stops {
    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => TERMINATE,
            _ = self.quit.recv() => QUIT,
        }
    }
}

impl Others {
    async fn reload_when_asked(&mut self, reloader: &mut Reloader) -> Infallible {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => drop(reload(reloader, "SIGHUP").await),
                _ = self.user[0].recv() => info!("SIGUSR1: the measurements are at /v1/agent/metrics"),
                Some(asker) = self.reloads.recv() => {
                    // An asker that has gone is no reason to take it back.
                    let _ = asker.send(reload(reloader, "a request").await);
                }
            }
        }
    }
}

/// Reads the configuration again.
async fn reload(reloader: &mut Reloader, by: &str) -> Result<(), String> {
    notify::tell(notify::State::Reloading).await;
    let outcome = reloader.reload().await;
    if let Err(error) = &outcome {
        error!(error, by, "the configuration was not taken, and nothing has changed");
    }
    notify::tell(notify::State::Ready).await;
    outcome
}

/// Says what leaving means for a server that has nobody to tell.
fn say_leave(leaves: bool) {
    if leaves {
        info!("leaving: there are no other members, so this is the same as stopping");
    }
}
