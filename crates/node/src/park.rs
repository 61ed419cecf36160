//! Parking a question: one task for each that somebody waits for.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quorate_state::Topic;
use tokio::time::Instant;

use crate::asked::{Asked, Evaluated};
use crate::error::Refusal;
use crate::evaluation;
use crate::handle::Handle;
use crate::parked::{Entry, Joined, Waiter};
use crate::question::Indexed;
use crate::request::Wait;
use crate::watch::{TooManyWatches, Watch, Woken};

/// How long a question is followed after its last waiter has left: longer than a client takes to ask again.
const LINGER: Duration = Duration::from_secs(2);

/// Parks a question, or finds that the asker's answer is old. The node's state must be as fresh as was asked for.
pub(crate) async fn join(node: &Handle, client: Option<IpAddr>, asked: Asked, wait: Wait) -> Result<Joined, Refusal> {
    if let Some(entry) = node.parked().find(&asked) {
        return Ok(enter(node, client, entry, wait, None)?.unwrap_or(Joined::OldAndUnknown));
    }
    let evaluated = evaluation::ready(node, asked).await?;
    let charge = node.parked().charge(client, &evaluated)?;
    // The watch comes first: what changes after it is either seen by the evaluation or wakes the watch.
    let (watch, topics) = watch(node, &evaluated)?;
    let (until, answer) = evaluation::answer(node, &evaluated).await?;
    if answer.index > wait.seen {
        return Ok(Joined::Old(answer));
    }
    let mut entries = node.parked().lock();
    // A different asker may have started to follow it while this one evaluated.
    if let Some(entry) = entries.get(&evaluated.asked).cloned() {
        drop(entries);
        return Ok(enter(node, client, entry, wait, None)?.unwrap_or(Joined::Old(answer)));
    }
    let entry = Entry::new(evaluated, &answer, until, charge);
    let joined = enter(node, client, entry.clone(), wait, Some(&answer))?;
    if let Some(Joined::Waiting(_)) = &joined {
        entries.insert(entry.evaluated.asked.clone(), entry.clone());
        drop(entries);
        node.host().spawn(Driver { node: node.clone(), entry, watch, topics }.run());
    }
    Ok(joined.unwrap_or(Joined::Old(answer)))
}

/// Watches what a question depends on.
fn watch(node: &Handle, evaluated: &Evaluated) -> Result<(Watch, Vec<Topic>), TooManyWatches> {
    let mut topics = evaluated.question().topics(&node.published());
    loop {
        let watch = node.watch(&topics)?;
        // What it depends on may have become something else before the watch was there to see it.
        let topics_now = evaluated.question().topics(&node.published());
        if topics_now == topics {
            return Ok((watch, topics));
        }
        topics = topics_now;
    }
}

/// Follows one question.
struct Driver {
    node: Handle,
    entry: Arc<Entry>,
    watch: Watch,
    topics: Vec<Topic>,
}

impl Driver {
    async fn run(mut self) {
        let mut deserted_since = None;
        loop {
            if self.entry.waiters.load(Ordering::Acquire) > 0 {
                deserted_since = None;
                tokio::select! {
                    woken = self.watch.changed() => Box::pin(self.evaluate(woken)).await,
                    () = self.entry.deserted.notified() => {}
                }
                continue;
            }
            let end = *deserted_since.get_or_insert_with(Instant::now) + LINGER;
            match tokio::time::timeout_at(end, self.watch.changed()).await {
                Ok(woken) => Box::pin(self.evaluate(woken)).await,
                Err(_) if self.node.parked().forget(&self.entry) => return,
                Err(_) => {}
            }
        }
    }

    async fn evaluate(&mut self, woken: Woken) {
        // If there is no room to watch anything else, the old topics are watched on: nothing that the answer depends on
        // comes to be without touching one of them.
        if self.entry.evaluated.question().topics(&self.node.published()) != self.topics
            && let Ok(watched) = watch(&self.node, &self.entry.evaluated)
        {
            (self.watch, self.topics) = watched;
        }
        self.node.metrics().parked_evaluated.increment();
        match evaluation::answer(&self.node, &self.entry.evaluated).await {
            Ok((until, answer)) => self.entry.update(answer, until, woken),
            // It grew past what a filter may cost. Those who wait ask again and are refused.
            Err(_) => self.entry.nudge(),
        }
    }
}

fn enter(
    node: &Handle,
    client: Option<IpAddr>,
    entry: Arc<Entry>,
    wait: Wait,
    first: Option<&Arc<Indexed>>,
) -> Result<Option<Joined>, Refusal> {
    let newest_given_out = node.leads().then(|| node.published().index());
    Waiter::enter(node.parked(), entry, client, wait, newest_given_out, first)
}
