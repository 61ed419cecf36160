//! Lines on their way to a place that may stall: a pipe that nobody reads, a disk that hangs.
//!
//! A line goes into the queue of each place, and the caller goes on; a thread for each place writes. What a full queue has no
//! room for and what a place refuses is lost and counted, and when the place takes lines again, one says how many are missing.
//! [`Queue::flush`] waits for the last lines at the end, and not for ever.
//!
//! The crate `tracing-appender` does nearly this. Its guard prints to standard output when the queue is full at the end, which is
//! to wait for ever on the very pipe that has stalled; and it bounds lines, not bytes, and counts no failed writes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::lost::Lost;

/// How many bytes of lines wait for a place: some thousand lines, which a busy start may log at once.
const BYTES_WAITING_MAX: usize = 1 << 20;

/// A place that lines go to.
pub(super) trait Place: Send + 'static {
    /// Writes lines, each with its end; how many of them could not be written.
    fn write(&mut self, lines: &[u8]) -> u64;
}

/// The way to one place.
pub(super) struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// The thread waits for it.
    filled: Condvar,
    /// A flush waits for it.
    emptied: Condvar,
    lost: Lost,
}

#[derive(Default)]
struct Waiting {
    /// Whole lines, and how many are missing after them.
    lines: Vec<u8>,
    lost: u64,
    is_writing: bool,
}

impl Queue {
    /// Starts the thread of a place. `say_lost` makes the line about so many lost ones.
    pub(super) fn start(
        name: &str,
        place: impl Place,
        lost: Lost,
        say_lost: impl Fn(u64) -> String + Send + 'static,
    ) -> std::io::Result<Self> {
        let (waiting, filled, emptied) = (Mutex::default(), Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { waiting, filled, emptied, lost });
        let writer = shared.clone();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || writer.write_to(place, say_lost))?;
        Ok(Self { shared })
    }

    /// Puts a line into the queue if there is room.
    pub(super) fn put(&self, line: &[u8]) {
        let mut waiting = self.shared.lock();
        if waiting.lines.len() + line.len() > BYTES_WAITING_MAX {
            waiting.lost += 1;
            self.shared.lost.count(1);
            return;
        }
        waiting.lines.extend_from_slice(line);
        self.shared.filled.notify_one();
    }

    /// Waits until all lines are written, but no longer than this; whether they are.
    pub(super) fn flush(&self, wait: Duration) -> bool {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || waiting.has_news();
        let waiting = self.shared.emptied.wait_timeout_while(self.shared.lock(), wait, is_busy);
        !waiting.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Waiting {
    fn has_news(&self) -> bool {
        !self.lines.is_empty() || self.lost > 0
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, for as long as the process lives.
    fn write_to(&self, mut place: impl Place, say_lost: impl Fn(u64) -> String) {
        let mut missing = 0;
        loop {
            let (lines, lost) = self.take();
            let failed = place.write(&lines);
            self.lost.count(failed);
            missing += failed + lost;
            if missing > 0 && failed == 0 && place.write(say_lost(missing).as_bytes()) == 0 {
                missing = 0;
            }
        }
    }

    /// Waits for lines and takes all of them, with the number of those that are missing after them.
    fn take(&self) -> (Vec<u8>, u64) {
        let mut waiting = self.lock();
        waiting.is_writing = false;
        if !waiting.has_news() {
            self.emptied.notify_all();
        }
        let is_idle = |waiting: &mut Waiting| !waiting.has_news();
        let mut waiting = self.filled.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.lost))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Gives what it is to write, and writes when it is let.
    struct Stalling {
        asked: Sender<String>,
        go_on: Receiver<u64>,
    }

    impl Place for Stalling {
        fn write(&mut self, lines: &[u8]) -> u64 {
            self.asked.send(String::from_utf8(lines.to_vec()).unwrap()).unwrap();
            self.go_on.recv().unwrap()
        }
    }

    fn start() -> (Queue, Lost, Receiver<String>, Sender<u64>) {
        let ((asked, is_asked), (go, go_on)) = (channel(), channel());
        let lost = Lost::default();
        let say = |count| format!("{count} lost\n");
        let queue = Queue::start("test", Stalling { asked, go_on }, lost.clone(), say).unwrap();
        (queue, lost, is_asked, go)
    }

    #[test]
    fn a_stalled_place_loses_lines_and_says_how_many() {
        let (queue, lost, asked, go) = start();
        queue.put(b"first\n");
        assert_eq!(asked.recv().unwrap(), "first\n");
        // The place stalls; more comes than can wait.
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..BYTES_WAITING_MAX / line.len() + 7 {
            queue.put(&line);
        }
        assert_eq!(lost.total(), 7);
        assert!(!queue.flush(Duration::from_millis(1)), "it waits for ever");
        go.send(0).unwrap();
        assert_eq!(asked.recv().unwrap().lines().count(), BYTES_WAITING_MAX / line.len());
        go.send(0).unwrap();
        assert_eq!(asked.recv().unwrap(), "7 lost\n");
        queue.put(b"last\n");
        go.send(0).unwrap();
        assert_eq!(asked.recv().unwrap(), "last\n");
        go.send(0).unwrap();
        assert!(queue.flush(Duration::from_secs(30)));
    }

    #[test]
    fn what_a_place_refuses_is_lost() {
        let (queue, lost, asked, go) = start();
        queue.put(b"a\n");
        asked.recv().unwrap();
        go.send(1).unwrap();
        queue.put(b"b\n");
        assert_eq!(asked.recv().unwrap(), "b\n");
        go.send(0).unwrap();
        assert_eq!(asked.recv().unwrap(), "1 lost\n");
        // That it can't say so is no line that was lost.
        go.send(1).unwrap();
        queue.put(b"c\n");
        assert_eq!(asked.recv().unwrap(), "c\n");
        go.send(0).unwrap();
        assert_eq!(asked.recv().unwrap(), "1 lost\n");
        go.send(0).unwrap();
        assert_eq!(lost.total(), 1);
    }
}
