//! openraft's runtime: tokio's time and channels, the host's tasks and randomness.
//!
//! openraft starts its tasks by a plain function. The one here starts them on the host of the task that is running, found
//! by [`quorate_base::task`]; so a simulated crash ends openraft's tasks with all others of the host, and election
//! time-outs come from the host's randomness.
//!
//! Very short sleeps yield instead: openraft's task that forwards completed syncs waits for a microsecond to gather more
//! of them, which tokio's timer would make a millisecond.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use openraft::AsyncRuntime;
use openraft::rt::Instant as _;
use openraft_rt_tokio::{TokioInstant, TokioMpsc, TokioMutex, TokioOneshot, TokioRuntime, TokioWatch};
use quorate_base::task;
use tokio::sync::oneshot;

/// A sleep shorter than this yields once instead. tokio's timer rounds up to a millisecond.
const YIELD_BELOW: Duration = Duration::from_micros(100);

/// See the module. A value of it is a runtime of its own, which only openraft's tests make.
#[derive(Debug)]
pub(crate) struct HostRuntime(tokio::runtime::Runtime);

impl AsyncRuntime for HostRuntime {
    type JoinError = Ended;
    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sleep = Sleep;
    type Instant = TokioInstant;
    type TimeoutError = tokio::time::error::Elapsed;
    type Timeout<R, T: Future<Output = R> + Send> = tokio::time::Timeout<T>;
    type ThreadLocalRng = HostRng;
    type Mpsc = TokioMpsc;
    type Watch = TokioWatch;
    type Oneshot = TokioOneshot;
    type Mutex<T: Send + 'static> = TokioMutex<T>;

    fn spawn<T>(future: T) -> JoinHandle<T::Output>
    where
        T: Future + Send + 'static,
        T::Output: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let task = async move {
            // Nobody need wait for it.
            let _ = sender.send(future.await);
        };
        match task::current() {
            Some(host) => host.spawn(task),
            // Only a call from outside of any host's task ends here; `Consensus` makes none.
            None => quorate_base::Host::real().spawn(task),
        }
        JoinHandle(receiver)
    }

    fn sleep(duration: Duration) -> Sleep {
        if duration < YIELD_BELOW {
            Sleep::Yield { yielded: false }
        } else {
            Sleep::Timer(Box::pin(tokio::time::sleep(duration)))
        }
    }

    fn sleep_until(deadline: TokioInstant) -> Sleep {
        Self::sleep(deadline.saturating_duration_since(TokioInstant::now()))
    }

    fn timeout<R, F: Future<Output = R> + Send>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        tokio::time::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + Send>(deadline: TokioInstant, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(_: &Ended) -> bool {
        // A task of a stopped host ends the same way; neither gives an answer.
        false
    }

    fn thread_rng() -> HostRng {
        HostRng
    }

    fn new(_threads: usize) -> Self {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        // openraft's tests measure their sleeps: only a clock of their own keeps them from failing on a busy machine.
        #[cfg(test)]
        builder.start_paused(true);
        Self(builder.enable_all().build().expect("the operating system has a runtime to give"))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}

/// A sleep that may be a mere yield.
pub(crate) enum Sleep {
    /// Lets the other tasks run once.
    Yield {
        /// Whether it has.
        yielded: bool,
    },
    /// Waits.
    Timer(Pin<Box<tokio::time::Sleep>>),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.get_mut() {
            Self::Yield { yielded: true } => Poll::Ready(()),
            Self::Yield { yielded } => {
                *yielded = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Timer(sleep) => sleep.as_mut().poll(context),
        }
    }
}

/// Gives a task's result. Dropping it lets the task go on.
pub(crate) struct JoinHandle<T>(oneshot::Receiver<T>);

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Ended>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(|_| Ended)
    }
}

/// A task ended without a result: it panicked, or its host stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task ended without a result")
    }
}

/// The randomness of the host whose task is running.
pub(crate) struct HostRng;

impl rand::TryRng for HostRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        task::with_current(|host| match host {
            Some(host) => host.random.fill(bytes),
            None => quorate_base::Host::real().random.fill(bytes),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// openraft's own tests of a runtime.
    #[test]
    fn it_is_a_runtime() {
        openraft::rt::testing::Suite::<HostRuntime>::test_all();
    }
}
