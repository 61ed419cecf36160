//! What is to be written, and whoever waits for it.
//!
//! A later write of a file takes the place of an earlier one that still waits. Batches are taken in the order in which files
//! were first asked for, and written away from the runtime's thread. One file that can't be written does not keep another:
//! it is told to whoever waits for it and tried again later, until it is written or something else is to be.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quorate_base::{Host, OpenMode};
use tokio::sync::{Notify, oneshot, watch};

use super::UNFINISHED;

/// How many files are written in one go: few enough that nobody waits long behind those that came before.
const BATCH_FILES_MAX: usize = 256;

/// How long after a failure what could not be written is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// What a file survives once it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Also the loss of power.
    PowerLoss,
    /// The end of the process, however it ends.
    Kill,
}

/// Word of one write: that it was made, or why it could not be.
pub(crate) struct Receipt(oneshot::Receiver<Result<(), String>>);

impl Receipt {
    /// Waits for it.
    pub(crate) async fn received(self) -> Result<(), String> {
        self.0.await.unwrap_or_else(|_| Err("the agent has stopped".to_owned()))
    }
}

/// The files of one durability, in one directory.
pub(super) struct Queue {
    host: Host,
    directory: PathBuf,
    durability: Durability,
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// All writes up to this one were tried.
    tried: watch::Sender<u64>,
}

#[derive(Default)]
struct Waiting {
    /// What each file is to hold. There are no more than entries of the agent.
    files: HashMap<String, Write>,
    /// The files in their order.
    order: BTreeMap<u64, String>,
    /// What could not be written and is tried again.
    failed: HashMap<String, Option<Vec<u8>>>,
    /// How many writes were ever asked for.
    asked: u64,
}

struct Write {
    /// What the file is to hold; `None` removes it.
    content: Option<Vec<u8>>,
    waiters: Vec<oneshot::Sender<Result<(), String>>>,
}

type Batch = Vec<(String, Write)>;

impl Queue {
    pub(super) fn new(host: Host, directory: &Path, durability: Durability) -> Self {
        Self {
            host,
            directory: directory.to_owned(),
            durability,
            waiting: Mutex::default(),
            wake: Notify::new(),
            tried: watch::Sender::new(0),
        }
    }

    /// Asks for a file to be written, or removed.
    pub(super) fn put(&self, name: String, content: Option<Vec<u8>>) -> Receipt {
        let (waiter, receipt) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.failed.remove(&name);
        waiting.put(name, content, Some(waiter));
        self.wake.notify_one();
        Receipt(receipt)
    }

    /// Waits until all that was asked for so far was tried.
    pub(super) async fn settle(&self) {
        let asked = self.waiting().asked;
        // It fails only if the queue is gone, and its writer with it.
        let _ = self.tried.subscribe().wait_for(|tried| *tried >= asked).await;
    }

    /// Writes what is asked for, for ever.
    pub(super) async fn run(&self) {
        loop {
            let batch = self.waiting().take();
            if batch.is_empty() {
                let is_waiting_to_retry = !self.waiting().failed.is_empty();
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(RETRY_DELAY), if is_waiting_to_retry => self.waiting().retry(),
                }
                continue;
            }
            let written = self.write_elsewhere(batch).await;
            self.conclude(written);
        }
    }

    async fn write_elsewhere(&self, batch: Batch) -> Vec<(String, Write, io::Result<()>)> {
        let (host, directory, durability) = (self.host.clone(), self.directory.clone(), self.durability);
        let (sender, receiver) = oneshot::channel();
        self.host.tasks.spawn_blocking(Box::new(move || {
            // Nobody waits only when the process ends.
            let _ = sender.send(write(&host, &directory, durability, batch));
        }));
        receiver.await.unwrap_or_default()
    }

    /// Answers whoever waits, and keeps what failed.
    fn conclude(&self, written: Vec<(String, Write, io::Result<()>)>) {
        let mut first_error = None;
        let mut failed = 0;
        let mut waiting = self.waiting();
        for (name, write, outcome) in written {
            let outcome = outcome.map_err(|error| error.to_string());
            for waiter in write.waiters {
                // Not everybody who asks waits.
                let _ = waiter.send(outcome.clone());
            }
            let Err(error) = outcome else { continue };
            failed += 1;
            first_error.get_or_insert(error);
            if !waiting.files.contains_key(&name) {
                waiting.failed.insert(name, write.content);
            }
        }
        if let Some(error) = first_error {
            tracing::error!(failed, error, "files of the agent could not be written; they are tried again");
        }
        let tried = waiting.order.keys().next().map_or(waiting.asked, |next| next - 1);
        self.tried.send_replace(tried);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // It is whole between its methods; a panic elsewhere does not spoil it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn put(&mut self, name: String, content: Option<Vec<u8>>, waiter: Option<oneshot::Sender<Result<(), String>>>) {
        self.asked += 1;
        match self.files.get_mut(&name) {
            Some(write) => {
                write.content = content;
                write.waiters.retain(|waiter| !waiter.is_closed());
                write.waiters.extend(waiter);
            }
            None => {
                self.order.insert(self.asked, name.clone());
                self.files.insert(name, Write { content, waiters: waiter.into_iter().collect() });
            }
        }
    }

    /// The files that have waited for longest.
    fn take(&mut self) -> Batch {
        let mut batch = Vec::new();
        while batch.len() < BATCH_FILES_MAX
            && let Some((_, name)) = self.order.pop_first()
        {
            batch.extend(self.files.remove_entry(&name));
        }
        batch
    }

    /// What failed is asked for again.
    fn retry(&mut self) {
        for (name, content) in std::mem::take(&mut self.failed) {
            self.put(name, content, None);
        }
    }
}

fn write(host: &Host, directory: &Path, durability: Durability, batch: Batch) -> Vec<(String, Write, io::Result<()>)> {
    let one_by_one = batch.into_iter().map(|(name, write)| {
        let outcome = match &write.content {
            Some(content) => replace(host, directory, &name, content, durability),
            None => remove(host, &directory.join(&name)),
        };
        (name, write, outcome)
    });
    let mut written: Vec<_> = one_by_one.collect();
    if durability == Durability::PowerLoss
        && let Err(error) = host.disk.sync_directory(directory)
    {
        for (_, _, outcome) in &mut written {
            *outcome = Err(io::Error::new(error.kind(), error.to_string()));
        }
    }
    written
}

fn replace(host: &Host, directory: &Path, name: &str, content: &[u8], durability: Durability) -> io::Result<()> {
    let unfinished = directory.join(format!("{name}{UNFINISHED}"));
    let written = host.disk.open(&unfinished, OpenMode::Replace).and_then(|file| {
        file.write_at(content, 0)?;
        if durability == Durability::PowerLoss { file.sync() } else { Ok(()) }
    });
    let renamed = written.and_then(|()| host.disk.rename(&unfinished, &directory.join(name)));
    if renamed.is_err() {
        // It may hold room that others need. If that fails too, the next start removes it.
        let _ = host.disk.remove(&unfinished);
    }
    renamed
}

fn remove(host: &Host, path: &Path) -> io::Result<()> {
    match host.disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
