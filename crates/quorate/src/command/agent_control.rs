//! The commands that tell an agent to do something: `reload`, `leave`, `join`, `force-leave`, `maint` and `monitor`.

use std::io::Write as _;

use quorate_api::client::Client;
use serde::Deserialize;

use super::connect::{client, query};
use super::output::{Failure, no_arguments, print};
use crate::flags::{BareFlags, ForceLeaveFlags, JoinFlags, MaintFlags, MonitorFlags};

async fn tell(client: &Client, path: &str, parameters: &[(&str, &str)], failed: &str) -> Result<(), Failure> {
    let answer = client.raw_put(path, parameters, Vec::new()).await.and_then(|answer| answer.success());
    answer.map(drop).map_err(Failure::of(failed))
}

/// Makes the agent read its configuration again.
pub(super) async fn reload(flags: BareFlags) -> Result<(), Failure> {
    tell(&client(&flags.http, None)?, "/v1/agent/reload", &[], "Error reloading").await?;
    print("Configuration reload triggered")
}

/// Makes the agent leave and end.
pub(super) async fn leave(flags: BareFlags) -> Result<(), Failure> {
    no_arguments(&flags.arguments)?;
    tell(&client(&flags.http, None)?, "/v1/agent/leave", &[], "Error leaving").await?;
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
        match tell(&client, &path, parameters, &format!("Error joining address '{address}'")).await {
            Ok(()) => joined += 1,
            Err(failure) => eprintln!("{failure}"),
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
    tell(&client, &format!("/v1/agent/force-leave/{name}"), &parameters, "Error force leaving").await
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
    tell(&client, &path, &parameters, &format!("Error {verb} {what} maintenance")).await?;
    let state = if enable { "enabled" } else { "disabled" };
    print(match subject {
        Some(service) => format!("Service maintenance is now {state} for {service:?}"),
        None => format!("Node maintenance is now {state}"),
    })
}

async fn print_maintenance(flags: &MaintFlags) -> Result<(), Failure> {
    let failed = "Error getting checks";
    let client = client(&flags.http, None)?;
    let answer = client.raw_get("/v1/agent/checks", &[], &query(&flags.http)).await;
    let body = answer.and_then(|answer| answer.success()).map_err(Failure::of(failed))?;
    let checks: std::collections::BTreeMap<String, Check> =
        serde_json::from_slice(&body).map_err(Failure::of(failed))?;
    for check in checks.values() {
        if check.check_id == "_node_maintenance" {
            print(format!("Node:\n  Name:   {}\n  Reason: {}\n", check.node, check.notes))?;
        } else if check.check_id.starts_with("_service_maintenance:") {
            print(format!("Service:\n  ID:     {}\n  Reason: {}\n", check.service_id, check.notes))?;
        }
    }
    Ok(())
}

/// Prints the agent's log until it ends or this program is interrupted.
pub(super) async fn monitor(flags: MonitorFlags) -> Result<(), Failure> {
    let client = client(&flags.http, None)?;
    let mut parameters = vec![("loglevel", flags.log_level.as_str())];
    parameters.extend(flags.log_json.unwrap_or(false).then_some(("logjson", "true")));
    let failed = "Error starting monitor";
    let mut lines = client.raw_stream("/v1/agent/monitor", &parameters).await.map_err(Failure::of(failed))?;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            chunk = lines.chunk() => match chunk.map_err(Failure::of("Error reading the log"))? {
                None => {
                    eprintln!("\nThe agent has ended the log; it has probably ended itself.");
                    return Ok(());
                }
                Some(chunk) => {
                    let mut output = std::io::stdout().lock();
                    let written = output.write_all(&chunk).and_then(|()| output.flush());
                    written.map_err(Failure::of("Error writing the output"))?;
                }
            },
        }
    }
}
