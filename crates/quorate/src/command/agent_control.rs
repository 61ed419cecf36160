//! The commands that tell an agent to do something: `reload`, `leave`, `join`, `force-leave`, `maint` and `monitor`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::connect::{ask, client, query, tell};
use super::output::{Failure, no_arguments, note, print, write};
use crate::child::Shutdown;
use crate::flags::{BareFlags, ForceLeaveFlags, JoinFlags, MaintFlags, MonitorFlags};

/// Makes the agent read its configuration again.
pub(super) async fn reload(flags: BareFlags) -> Result<(), Failure> {
    tell(&client(&flags.http, None)?, "/v1/agent/reload", &[], Vec::new(), "Error reloading").await?;
    print("Configuration reload triggered")
}

/// Makes the agent leave and end.
pub(super) async fn leave(flags: BareFlags) -> Result<(), Failure> {
    no_arguments(&flags.arguments)?;
    tell(&client(&flags.http, None)?, "/v1/agent/leave", &[], Vec::new(), "Error leaving").await?;
    print("Graceful leave complete")
}

/// Makes the agent join others.
pub(super) async fn join(flags: JoinFlags) -> Result<(), Failure> {
    if flags.arguments.is_empty() {
        return Err(Failure::new("At least one address to join must be specified."));
    }
    let client = client(&flags.http, None)?;
    let parameters = if flags.wan.unwrap_or(false) { &[("wan", "1")][..] } else { &[] };
    let mut joined = 0;
    for address in &flags.arguments {
        let path = format!("/v1/agent/join/{address}");
        match tell(&client, &path, parameters, Vec::new(), &format!("Error joining address '{address}'")).await {
            Ok(()) => joined += 1,
            Err(failure) => note(failure),
        }
    }
    if joined == 0 {
        return Err(Failure::new("Failed to join any nodes."));
    }
    print(format!("Successfully joined cluster by contacting {joined} nodes."))
}

/// Makes a failed member count as one that has left.
pub(super) async fn force_leave(flags: ForceLeaveFlags) -> Result<(), Failure> {
    let [name] = flags.arguments.as_slice() else {
        return Err(Failure::new("A single node name must be specified to force leave."));
    };
    let client = client(&flags.http, None)?;
    let mut parameters = Vec::new();
    parameters.extend(flags.prune.unwrap_or(false).then_some(("prune", "1")));
    parameters.extend(flags.wan.unwrap_or(false).then_some(("wan", "1")));
    let path = format!("/v1/agent/force-leave/{name}");
    tell(&client, &path, &parameters, Vec::new(), "Error force leaving").await
}

/// A check of the agent, as far as maintenance needs it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    node: String,
    #[serde(rename = "CheckID")]
    check_id: String,
    #[serde(default)]
    notes: String,
    #[serde(rename = "ServiceID", default)]
    service_id: String,
}

/// Begins or ends maintenance, or prints what is in it.
pub(super) async fn maint(flags: MaintFlags) -> Result<(), Failure> {
    let (enable, disable) = (flags.enable.unwrap_or(false), flags.disable.unwrap_or(false));
    if enable && disable {
        return Err(Failure::new("Only one of -enable or -disable may be provided"));
    }
    if !enable && !disable {
        return match (flags.reason.is_empty(), flags.service.is_empty()) {
            (false, _) => Err(Failure::new("Reason may only be provided with -enable")),
            (_, false) => Err(Failure::new("Service requires either -enable or -disable")),
            _ => print_maintenance(&flags).await,
        };
    }
    let client = client(&flags.http, None)?;
    let (path, subject) = match flags.service.as_str() {
        "" => ("/v1/agent/maintenance".to_owned(), None),
        service => (format!("/v1/agent/service/maintenance/{service}"), Some(service)),
    };
    let mut parameters = vec![("enable", if enable { "true" } else { "false" })];
    if enable {
        parameters.push(("reason", flags.reason.as_str()));
    }
    let verb = if enable { "enabling" } else { "disabling" };
    let what = if subject.is_some() { "service" } else { "node" };
    tell(&client, &path, &parameters, Vec::new(), &format!("Error {verb} {what} maintenance")).await?;
    let state = if enable { "enabled" } else { "disabled" };
    print(match subject {
        Some(service) => format!("Service maintenance is now {state} for {service:?}"),
        None => format!("Node maintenance is now {state}"),
    })
}

async fn print_maintenance(flags: &MaintFlags) -> Result<(), Failure> {
    let client = client(&flags.http, None)?;
    let checks: BTreeMap<String, Check> =
        ask(&client, "/v1/agent/checks", &[], &query(&flags.http), "Error getting checks").await?;
    for check in checks.values() {
        if check.check_id == "_node_maintenance" {
            print(format!("Node:\n  Name:   {}\n  Reason: {}\n", check.node, check.notes))?;
        } else if check.check_id.starts_with("_service_maintenance:") {
            print(format!("Service:\n  ID:     {}\n  Reason: {}\n", check.service_id, check.notes))?;
        }
    }
    Ok(())
}

/// What is said when the log ends and nobody told this program to: Consul's words.
const REMOTE_ENDED: &str =
    "\nRemote side ended the monitor! This usually means that the\nremote side has exited or crashed.";

/// Prints the agent's log until it ends or this program is told to.
pub(super) async fn monitor(flags: MonitorFlags) -> Result<(), Failure> {
    let mut shutdown = Shutdown::listen().map_err(Failure::of("Error listening to signals"))?;
    tokio::select! {
        outcome = print_log(&flags) => outcome,
        () = shutdown.told() => Ok(()),
    }
}

async fn print_log(flags: &MonitorFlags) -> Result<(), Failure> {
    let client = client(&flags.http, None)?;
    let mut parameters = vec![("loglevel", flags.log_level.as_str())];
    parameters.extend(flags.log_json.unwrap_or(false).then_some(("logjson", "true")));
    let failed = "Error starting monitor";
    let mut lines = client.raw_stream("/v1/agent/monitor", &parameters).await.map_err(Failure::of(failed))?;
    // An agent that is killed ends it in the midst of a piece, one that stops behind one: either way it is gone.
    while let Ok(Some(chunk)) = lines.chunk().await {
        write(&[&chunk])?;
    }
    Err(Failure::new(REMOTE_ENDED))
}
