//! The thread that checks run on, so that no run stands in the way of a write: a burst of checks that are due at once, or
//! the start of a command, for which the starting thread waits until the kernel has loaded it.
//!
//! It starts with the first task, since an agent without checks should not pay for its memory. It ends by [`CheckThread::stop`]
//! and takes all runs with it, the commands of scripts included.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::{io, thread};

use quorate_base::Spawn;
use quorate_base::host::Task;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread with a runtime of its own, once something is to be done on it.
#[derive(Default)]
pub(super) struct CheckThread {
    runtime: OnceLock<Handle>,
    running: Mutex<Option<Running>>,
}

/// What it takes to end the thread.
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl CheckThread {
    fn runtime(&self) -> &Handle {
        self.runtime.get_or_init(|| match start() {
            Ok((runtime, running)) => {
                *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
                runtime
            }
            Err(error) => {
                tracing::warn!(%error, "there is no thread for checks; they share the server's");
                Handle::current()
            }
        })
    }

    /// Ends the thread, with all that runs on it.
    pub(super) fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { stop, thread }) = running {
            drop(stop);
            // It can't have panicked: a panic ends the process.
            let _ = thread.join();
        }
    }
}

fn start() -> io::Result<(Handle, Running)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = thread::Builder::new().name("checks".into()).spawn(move || {
        // It is dropped, and never told anything.
        let _ = runtime.block_on(stopped);
        // Without waiting for names that are being looked up.
        runtime.shutdown_background();
    })?;
    Ok((handle, Running { stop, thread }))
}

impl Spawn for CheckThread {
    fn spawn(&self, task: Task) {
        self.runtime().spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) {
        self.runtime().spawn_blocking(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_run_on_the_thread_and_end_with_it() {
        let checks = CheckThread::default();
        checks.stop();
        let (name, named) = std::sync::mpsc::channel();
        checks.spawn(Box::pin(async move {
            name.send(thread::current().name().map(str::to_owned)).unwrap();
            // Held until the task is dropped.
            std::future::pending::<()>().await;
            drop(name);
        }));
        assert_eq!(named.recv().unwrap().as_deref(), Some("checks"));
        assert!(named.try_recv().is_err_and(|error| error == std::sync::mpsc::TryRecvError::Empty));
        checks.stop();
        assert!(named.recv().is_err());
    }
}
