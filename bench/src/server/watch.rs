//! Parked watchers: blocking queries that wait for a change, each on a connection of its own.
//!
//! First every watcher waits on its own key: what one costs in memory, what other writes cost meanwhile, and how long it
//! takes until all have heard when every key changes. Then all wait on one key that changes once a round: the time from
//! the write to the last answer. A watcher that is answered without a change asks again and is counted.
//!
//! Memory is taken in a new process where the bench can start one. In a process that worked before, watchers may move into
//! memory that it holds already and look cheaper than they are.

use anyhow::{Context, Result, bail, ensure};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Bench;
use super::fill::{fill, fill_keys};
use super::keys::{KeySpace, PARK_KEYS, Share};
use super::load::{self, Clients, Plan, Series, join_all, micros_each, millis};
use super::put::{Put, draft_put};
use super::subject::Subject;
use crate::client::{Connection, Draft, Method};
use crate::process::Process;
use crate::report::{Figure, number};
use crate::statistics::{median, percentile};

/// How long watchers may stay unanswered after the change that they wait for.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);
/// A watcher answered this often without a change is not waiting but polling.
const UNCHANGED_ANSWERS_MAX: u32 = 100;
/// The number of the key that all watchers share.
const SHARED_KEY: u32 = 0;
const KILOBYTE: f64 = 1e3;

/// What the watchers of one server took.
#[derive(Debug, Default)]
struct Measured {
    /// Resident bytes of one connection that was used and has nothing to do.
    connection_bytes: f64,
    /// Resident bytes of one parked watcher, with its connection.
    parked_bytes: f64,
    /// Writes to other keys while all were parked.
    writes: Series,
    /// From the first write to the last answer, when each watcher's own key changed.
    own_keys_last: Duration,
    rounds: Vec<SharedKeyRound>,
    unchanged_answers: u32,
}

/// One change of the key that all watch.
#[derive(Debug)]
struct SharedKeyRound {
    half: Duration,
    last: Duration,
    server_cpu_micros: f64,
    generator_cpu_micros: f64,
}

/// Measures `count` parked watchers on each server.
pub(crate) async fn measure(bench: &mut Bench, count: u32) -> Result<()> {
    if count == 0 {
        return bench.report.skip("Parked watchers are not measured: --watchers 0.");
    }
    let mut measured = Vec::new();
    for subject in &mut bench.subjects {
        subject.renew().await?;
        let watchers = measure_subject(subject, count, bench.plan).await;
        measured.push(watchers.with_context(|| format!("parked watchers, {}", subject.role()))?);
        // The connections and the heap that they leave behind are nothing that the next server should share a core with.
        subject.quiet().await?;
    }
    report(bench, count, measured)
}

async fn measure_subject(subject: &Subject, count: u32, plan: Plan) -> Result<Measured> {
    let parked = KeySpace::new(PARK_KEYS, count);
    fill(subject).await?;
    fill_keys(subject, &parked).await?;
    let mut measured = Measured::default();

    let before = resident_when_quiet(subject).await?;
    let watchers = connect(subject, &parked).await?;
    measured.connection_bytes = (resident_when_quiet(subject).await? - before) / f64::from(count);

    let mut tasks = park(watchers, &parked, |number| number);
    measured.parked_bytes = (resident_when_quiet(subject).await? - before) / f64::from(count);

    let mut writer = Clients::open(subject, 1, |_| Put::new(&subject.keys, Share { client: 0, clients: 1 })).await?;
    for _ in 0..plan.rounds {
        writer.run_slice(plan.slice, &mut measured.writes).await?;
    }
    if let Some(ended) = tasks.try_join_next() {
        let number = ended.context("a watcher's task")??.watcher.number;
        bail!("watcher {number} was answered, but its key did not change");
    }

    let start = Instant::now();
    change_all(subject, &parked).await?;
    let woken = collect(&mut tasks).await?;
    measured.own_keys_last = last_answer(&woken, start);
    let mut watchers = measured.take_back(woken);
    for _ in 0..plan.rounds {
        let (woken, round) = change_shared_key(subject, &parked, watchers).await?;
        measured.rounds.push(round);
        watchers = measured.take_back(woken);
    }
    Ok(measured)
}

async fn resident_when_quiet(subject: &Subject) -> Result<f64> {
    subject.quiet().await?;
    Ok(subject.process.memory()?.resident as f64)
}

/// One watcher.
struct Watcher {
    /// The key that is its own.
    number: u32,
    connection: Connection,
    draft: Draft,
    /// The index of the last answer.
    index: u64,
}

/// A watcher that heard of its change.
struct Woken {
    watcher: Watcher,
    at: Instant,
    unchanged_answers: u32,
}

impl Watcher {
    /// Asks for a key without waiting; after that the watcher knows its index.
    async fn look(&mut self, parked: &KeySpace, number: u32) -> Result<()> {
        self.draft.start(Method::Get).path(format_args!("/v1/kv/{}", parked.key(number)));
        let answer = self.connection.exchange(&self.draft).await?;
        parked.expect_current(number, &answer)?;
        self.index = answer.index.context("an answer without X-Consul-Index")?;
        Ok(())
    }

    /// Waits until a key has the value that `parked` knows by the time of the answer, and another index than before.
    async fn watch(mut self, parked: KeySpace, number: u32) -> Result<Woken> {
        for unchanged_answers in 0..=UNCHANGED_ANSWERS_MAX {
            let path = self.draft.start(Method::Get);
            path.path(format_args!("/v1/kv/{}?index={}&wait=5m", parked.key(number), self.index));
            let answer = self.connection.exchange(&self.draft).await?;
            let at = Instant::now();
            answer.expect_ok()?;
            let index = answer.index.context("an answer without X-Consul-Index")?;
            ensure!(index >= self.index, "the index went back from {} to {index}", self.index);
            let changed = index > self.index && parked.is_current(number, &answer);
            self.index = index;
            if changed {
                return Ok(Woken { watcher: self, at, unchanged_answers });
            }
        }
        bail!("more than {UNCHANGED_ANSWERS_MAX} answers without a change to {}", parked.key(number))
    }
}

/// Opens a connection for each key and asks once over it.
async fn connect(subject: &Subject, parked: &KeySpace) -> Result<Vec<Watcher>> {
    let mut watchers = Vec::new();
    for number in 0..parked.count() {
        let connection = Connection::open(subject.address).await?;
        let mut watcher = Watcher { number, connection, draft: Draft::default(), index: 0 };
        watcher.look(parked, number).await.with_context(|| {
            format!("watcher {} of {}; the server may limit connections per client", number + 1, parked.count())
        })?;
        watchers.push(watcher);
    }
    Ok(watchers)
}

/// Sends every watcher to wait on the key that `key_of` gives for its number.
fn park(watchers: Vec<Watcher>, parked: &KeySpace, key_of: impl Fn(u32) -> u32) -> JoinSet<Result<Woken>> {
    let mut tasks = JoinSet::new();
    for watcher in watchers {
        let number = key_of(watcher.number);
        tasks.spawn(watcher.watch(parked.clone(), number));
    }
    tasks
}

/// Writes a new value to every key.
async fn change_all(subject: &Subject, parked: &KeySpace) -> Result<()> {
    let mut discarded = Vec::new();
    for number in 0..parked.count() {
        parked.write_next_value(number, &mut discarded);
        discarded.clear();
    }
    fill_keys(subject, parked).await
}

/// Parks all watchers on one key, changes it, and waits for all of them.
async fn change_shared_key(
    subject: &Subject,
    parked: &KeySpace,
    mut watchers: Vec<Watcher>,
) -> Result<(Vec<Woken>, SharedKeyRound)> {
    let first = watchers.first_mut().context("no watchers")?;
    first.look(parked, SHARED_KEY).await?;
    let (index, count) = (first.index, watchers.len());
    watchers.iter_mut().for_each(|watcher| watcher.index = index);
    let mut tasks = park(watchers, parked, |_| SHARED_KEY);
    subject.quiet().await?;

    let mut draft = Draft::default();
    let mut connection = Connection::open(subject.address).await?;
    let cpu = (subject.process.cpu()?, Process::own().cpu()?);
    draft_put(&mut draft, parked, SHARED_KEY);
    let start = Instant::now();
    connection.exchange(&draft).await?.expect_true()?;
    let woken = collect(&mut tasks).await?;
    let round = SharedKeyRound {
        half: percentile(&mut woken.iter().map(|woken| woken.at - start).collect::<Vec<_>>(), 0.5),
        last: last_answer(&woken, start),
        server_cpu_micros: micros_each(subject.process.cpu()? - cpu.0, count),
        generator_cpu_micros: micros_each(Process::own().cpu()? - cpu.1, count),
    };
    Ok((woken, round))
}

async fn collect(tasks: &mut JoinSet<Result<Woken>>) -> Result<Vec<Woken>> {
    let result = tokio::time::timeout(ANSWER_WAIT_MAX, join_all(tasks)).await;
    match result {
        Ok(woken) => woken,
        Err(_) => bail!("{} watchers heard nothing for {ANSWER_WAIT_MAX:?} after their change", tasks.len()),
    }
}

fn last_answer(woken: &[Woken], start: Instant) -> Duration {
    woken.iter().map(|woken| woken.at - start).max().unwrap_or_default()
}

impl Measured {
    /// The watchers, for the next round.
    fn take_back(&mut self, woken: Vec<Woken>) -> Vec<Watcher> {
        self.unchanged_answers += woken.iter().map(|woken| woken.unchanged_answers).sum::<u32>();
        woken.into_iter().map(|woken| woken.watcher).collect()
    }
}

fn report(bench: &mut Bench, count: u32, mut measured: Vec<Measured>) -> Result<()> {
    let mut writes: Vec<_> = measured.iter_mut().map(|measured| std::mem::take(&mut measured.writes)).collect();
    let each = |value: fn(&Measured) -> f64| -> Vec<f64> { measured.iter().map(value).collect() };
    let memory = vec![
        Figure::new("memory of each, parked", "kB", &each(|measured| measured.parked_bytes / KILOBYTE)).headline(),
        Figure::new("of that, its idle connection", "kB", &each(|measured| measured.connection_bytes / KILOBYTE)),
    ];
    let own = vec![
        Figure::new("first write to last answer", "ms", &each(|measured| millis(measured.own_keys_last))).headline(),
        Figure::new("answers without a change", "", &each(|measured| f64::from(measured.unchanged_answers))),
    ];
    let shared = vec![
        Figure::new("change to last answer", "ms", &each(|measured| measured.of_rounds(|round| millis(round.last))))
            .headline(),
        Figure::new(
            "change to half of the answers",
            "ms",
            &each(|measured| measured.of_rounds(|round| millis(round.half))),
        ),
        Figure::new("CPU per answer", "µs", &each(|measured| measured.of_rounds(|round| round.server_cpu_micros)))
            .headline(),
        Figure::new(
            "generator's CPU per answer",
            "µs",
            &each(|measured| measured.of_rounds(|round| round.generator_cpu_micros)),
        ),
    ];
    let count = number(count.into());
    bench.report.section(format!("{count} watchers, each on its own key"), memory)?;
    bench
        .report
        .section(format!("PUT to other keys, 1 client, beside {count} watchers"), load::figures(&mut writes))?;
    bench.report.section(format!("{count} watchers, every key changed"), own)?;
    bench.report.section(format!("{count} watchers, all on one key"), shared)
}

impl Measured {
    /// The median over the rounds on the shared key.
    fn of_rounds(&self, value: fn(&SharedKeyRound) -> f64) -> f64 {
        median(&self.rounds.iter().map(value).collect::<Vec<_>>())
    }
}
