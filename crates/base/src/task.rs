//! Which machine the running task belongs to.
//!
//! A library that starts tasks of its own does so through a plain function, with no value of ours in its hands (the Raft
//! library's runtime trait is such a place). So each task that [`Host::spawn`] starts carries its [`Host`] in a thread-local
//! for as long as it is polled: what it starts in turn finds the host with [`current`] and inherits it. In a simulation
//! many hosts share one thread, and this is what tells their tasks apart; a crash of one host ends exactly its own.

use std::cell::RefCell;
use std::future::{Future, poll_fn};

use crate::host::Host;

thread_local! {
    static CURRENT: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// The host of the task that is being polled on this thread, if it was started through one.
pub fn current() -> Option<Host> {
    CURRENT.with_borrow(Clone::clone)
}

/// Calls `f` with the host of the task that is being polled on this thread, without copying it.
pub fn with_current<T>(f: impl FnOnce(Option<&Host>) -> T) -> T {
    CURRENT.with_borrow(|host| f(host.as_ref()))
}

/// Runs `future` as part of `host`: [`current`] gives it whenever `future` is polled.
pub fn scoped<F: Future>(host: Host, future: F) -> impl Future<Output = F::Output> + use<F> {
    // Boxed: an async function would keep room for the future twice, once as its argument and once where it is polled,
    // and a parked request is little more than its future.
    let (mut host, mut future) = (Some(host), Box::pin(future));
    poll_fn(move |context| {
        let _entered = Entered::new(&mut host);
        future.as_mut().poll(context)
    })
}

/// Puts a host in place while it lives. The host moves in and out, so entering costs no reference counting.
struct Entered<'a> {
    /// The host before entering, the one that was displaced after.
    slot: &'a mut Option<Host>,
}

impl<'a> Entered<'a> {
    fn new(slot: &'a mut Option<Host>) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, slot));
        Self { slot }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.slot));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::host::{Random, Spawn, Task};

    struct Named(u8);

    impl Random for Named {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    /// Runs a task at once, to its end.
    struct AtOnce;

    impl Spawn for AtOnce {
        fn spawn(&self, mut task: Task) {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(task.as_mut().poll(&mut context).is_ready());
        }

        fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) {
            work();
        }
    }

    fn host(name: u8) -> Host {
        Host { random: Arc::new(Named(name)), tasks: Arc::new(AtOnce), ..Host::real() }
    }

    fn name() -> Option<u8> {
        with_current(|host| host.map(|host| host.random.number() as u8))
    }

    #[test]
    fn tasks_and_those_they_start_know_their_host() {
        assert_eq!(name(), None);
        host(1).spawn(async {
            assert_eq!(name(), Some(1));
            let inherited = current().expect("inside a task of a host");
            inherited.spawn(async { assert_eq!(name(), Some(1)) });
            host(2).spawn(async { assert_eq!(name(), Some(2)) });
            assert_eq!(name(), Some(1), "restored after the inner task");
        });
        assert_eq!(name(), None);
    }

    #[test]
    fn a_panic_restores_the_host_before() {
        let panicked = std::panic::catch_unwind(|| host(3).spawn(async { panic!("on purpose") }));
        assert!(panicked.is_err());
        assert_eq!(name(), None);
    }
}
