//! Local checks on one agent: what registering, running and flipping ten thousand of them costs, and what a client that
//! has nothing to do with them feels of it.
//!
//! HTTP checks go through everything: registration, steady state, flips and the restart. TCP checks, scripts and TTL
//! checks follow, each on new servers. What HTTP and TCP checks ask runs in the bench ([`target`]).

mod flip;
mod paced;
mod pipe;
mod population;
mod register;
mod restart;
mod runs;
mod steady;
mod target;
mod ttl;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

use super::Bench;
use crate::report::number;
use paced::Ask;
use pipe::Pipe;
use population::{Population, is_passing, is_there};
use runs::Runs;
use target::{Speaks, Target};

/// The interval of every check.
const INTERVAL: Duration = Duration::from_secs(10);
/// How much longer than an interval it takes until a new check has certainly run.
const FIRST_RUNS_SLACK: Duration = Duration::from_secs(2);
/// TCP and TTL checks are a fifth as many: what one costs does not depend on how many there are, but what Consul takes to
/// register them grows with the square.
const OTHERS_DIVISOR: u32 = 5;
/// Scripts are a tenth as many: a process costs a thousand times what a connection does, and nobody runs as many.
const SCRIPTS_DIVISOR: u32 = 10;

/// How many checks, and for how long they are watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) count: u32,
    pub(crate) steady: Duration,
}

impl Plan {
    fn others(self) -> u32 {
        (self.count / OTHERS_DIVISOR).max(1)
    }
}

/// Measures local checks.
pub(crate) async fn measure(bench: &mut Bench, plan: Plan, root: &Path) -> Result<()> {
    if plan.count == 0 {
        return bench.report.skip("Local checks are not measured: --checks 0.");
    }
    if let Some(missing) = bench.subjects.iter().find(|subject| !subject.can_start()) {
        let role = missing.role();
        let sentence = format!("Local checks are not measured: --{role}-start does not say how to start the {role}.");
        return bench.report.skip(sentence);
    }
    measure_http(bench, plan).await.context("HTTP checks")?;
    measure_tcp(bench, plan).await.context("TCP checks")?;
    measure_scripts(bench, plan, root).await.context("script checks")?;
    ttl::measure(bench, plan.others()).await.context("TTL checks")
}

/// The checks of one server, and what their target saw of them.
struct Side {
    population: Population,
    runs: Runs,
}

async fn measure_http(bench: &mut Bench, plan: Plan) -> Result<()> {
    let shown = format!("{} HTTP checks", number(plan.count.into()));
    let targets = bench.each(|_| Target::start(plan.count, Speaks::Http))?;
    let sides = sides_of(
        &targets,
        plan.count,
        |target, check| json!({ "HTTP": format!("http://{}/{check}", target.address(check)), "Interval": "10s", "Timeout": "5s" }),
    )?;
    let (mut without, mut registered) = (Vec::new(), Vec::new());
    for (subject, side) in bench.subjects.iter_mut().zip(&sides) {
        subject.renew().await?;
        without.push(paced::beside(subject, Ask::Put, sleep(INTERVAL)).await?.0);
        registered.push(register::measure(subject, &side.population).await?);
    }
    register::report(bench, &shown, plan.count, registered)?;
    watch_steady(bench, plan.steady, &shown, &sides).await?;

    let mut beside = Vec::new();
    for subject in &bench.subjects {
        beside.push(paced::beside(subject, Ask::Put, sleep(INTERVAL)).await?.0);
    }
    bench.report.section("PUT at a steady pace, without checks", paced::figures(&mut without))?;
    bench.report.section(format!("PUT at a steady pace, beside {shown}"), paced::figures(&mut beside))?;
    measure_flips(bench, &shown, &sides, &targets).await?;
    restart::measure(bench, &shown, sides[0].population.services()).await
}

async fn measure_flips(bench: &mut Bench, shown: &str, sides: &[Side], targets: &[Target]) -> Result<()> {
    let mut flips = Vec::new();
    for ((subject, side), target) in bench.subjects.iter().zip(sides).zip(targets) {
        let flipped = flip::measure(subject, &side.population, target).await;
        flips.push(flipped.with_context(|| format!("flips, {}", subject.role()))?);
    }
    let mut reads: Vec<_> = flips.iter_mut().map(|flips| std::mem::take(&mut flips.reads)).collect();
    bench.report.section(format!("single flips among {shown}"), flip::single_figures(&mut flips))?;
    bench.report.section(format!("{shown} flip"), flip::all_figures(&flips, sides[0].population.count))?;
    bench.report.section(format!("GET at a steady pace, while {shown} flip"), paced::figures(&mut reads))
}

async fn measure_tcp(bench: &mut Bench, plan: Plan) -> Result<()> {
    let count = plan.others();
    let targets = bench.each(|_| Target::start(count, Speaks::Tcp))?;
    let sides = sides_of(
        &targets,
        count,
        |target, check| json!({ "TCP": target.address(check).to_string(), "Interval": "10s", "Timeout": "5s" }),
    )?;
    register_anew(bench, &sides).await?;
    watch_steady(bench, plan.steady, &format!("{} TCP checks", number(count.into())), &sides).await
}

async fn measure_scripts(bench: &mut Bench, plan: Plan, root: &Path) -> Result<()> {
    let count = (plan.count / SCRIPTS_DIVISOR).max(1);
    let pipes = bench.each(|subject| Pipe::open(root, subject.role()))?;
    let sides = sides_of(
        &pipes,
        count,
        |pipe, check| json!({ "Args": pipe.command(check), "Interval": "10s", "Timeout": "5s" }),
    )?;
    register_anew(bench, &sides).await?;
    watch_steady(bench, plan.steady, &format!("{} script checks", number(count.into())), &sides).await
}

/// What sees the runs of one server's checks.
trait Witness {
    fn runs(&self) -> &Runs;
}

/// `count` checks for each server; `check` defines the one with a number, to be seen by its server's witness.
fn sides_of<W: Witness>(witnesses: &[W], count: u32, check: impl Fn(&W, u32) -> Value) -> Result<Vec<Side>> {
    let side = |witness: &W| {
        let population = Population::new(count, |number| check(witness, number))?;
        Ok(Side { population, runs: witness.runs().clone() })
    };
    witnesses.iter().map(side).collect()
}

/// Registers checks on new servers.
async fn register_anew(bench: &mut Bench, sides: &[Side]) -> Result<()> {
    for (subject, side) in bench.subjects.iter_mut().zip(sides) {
        subject.renew().await?;
        side.population.register(subject).await?;
        side.population.await_catalog(subject, is_there).await?;
    }
    Ok(())
}

/// Waits until all checks pass, and watches them.
async fn watch_steady(bench: &mut Bench, length: Duration, shown: &str, sides: &[Side]) -> Result<()> {
    tokio::time::sleep(INTERVAL + FIRST_RUNS_SLACK).await;
    for (subject, side) in bench.subjects.iter().zip(sides) {
        side.population.await_catalog(subject, is_passing).await?;
    }
    let count = sides[0].population.count;
    let measured = steady::measure(bench, sides, length).await?;
    bench.report.section(format!("{shown}, nothing changes"), steady::figures(&measured, count, length))
}

async fn sleep(length: Duration) -> Result<()> {
    tokio::time::sleep(length).await;
    Ok(())
}
