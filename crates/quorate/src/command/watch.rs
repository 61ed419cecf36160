//! `watch`: asks again and again, and runs a command with each other answer; without a command, prints the first one.

use std::process::Stdio;
use std::time::Duration;

use quorate_api::client::Client;

use super::connect::{client, query};
use super::output::{Failure, note, print};
use crate::child::{Output, Script, Shutdown, end_beside, failure};
use crate::flags::WatchFlags;
use crate::watch::json_text::indented;
use crate::watch::{News, Plan, Question, Subject};

/// Watches until it is told to end, or the command fails.
pub(super) async fn watch(mut flags: WatchFlags) -> Result<(), Failure> {
    let words = std::mem::take(&mut flags.arguments);
    if let known @ ("connect_roots" | "connect_leaf" | "agent_service") = flags.kind.as_str() {
        return Err(Failure::new(format!("Type {known} is not supported in the CLI tool")));
    }
    let query = query(&flags.http);
    let script = (!words.is_empty()).then(|| Script::new(words, flags.shell.unwrap_or(true)));
    let question = Question::new(&subject(&flags)).map_err(Failure::new)?;
    let client = client(&flags.http, None)?;
    let mut shutdown = Shutdown::listen().map_err(Failure::of("Error listening to signals"))?;
    tokio::select! {
        outcome = run(Plan::new(client.clone(), question, query), &client, script.as_ref()) => outcome,
        () = shutdown.told() => Ok(()),
    }
}

/// What is said of a server that can't be asked at all.
const NOT_ASKED: &str = "Error querying Consul agent";

fn subject(flags: &WatchFlags) -> Subject {
    Subject {
        kind: flags.kind.clone(),
        key: flags.key.clone(),
        name: flags.name.clone(),
        passingonly: flags.passingonly,
        prefix: flags.prefix.clone(),
        service: flags.service.clone(),
        state: flags.state.clone(),
        tags: flags.tag.clone(),
        ..Subject::default()
    }
}

async fn run(mut plan: Plan, client: &Client, script: Option<&Script>) -> Result<(), Failure> {
    // Where there is no server, or not the datacenter, there is nothing to wait for.
    client.status_leader().await.map_err(Failure::of(NOT_ASKED))?;
    let Some(script) = script else {
        let news = plan.next().await.map_err(Failure::of(NOT_ASKED))?;
        return print(indented(&news.json));
    };
    loop {
        let again = |problem: &str, wait: Duration| note(format_args!("Error asking again in {wait:?}: {problem}"));
        handle(script, &plan.news(again).await).await?;
    }
}

/// Runs the command with news as its standard input.
async fn handle(script: &Script, news: &News) -> Result<(), Failure> {
    let failed = "Error executing handler";
    let variable = ("CONSUL_INDEX", news.index.to_string());
    let started = script.start(variable, Stdio::piped(), Output::Inherited);
    let mut child = started.map_err(Failure::of("Error starting handler"))?;
    let write = child.write(format!("{}\n", news.json));
    match end_beside(child.wait(), write).await.map_err(Failure::of(failed))? {
        status if status.success() => Ok(()),
        status => Err(Failure::new(format!("{failed}: {}", failure(status).unwrap_or_default()))),
    }
}
