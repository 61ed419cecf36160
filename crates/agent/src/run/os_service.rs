//! Services of the operating system: asks systemd for the state of a unit, through `systemctl`, which is there wherever
//! systemd is. Active passes; a unit on its way from one state to another warns; any other is critical.

use std::time::Duration;

use quorate_state::CheckStatus;

use super::{critical, script};
use crate::definition::Script;
use crate::machine::RunResult;

pub(super) async fn run(name: &str, timeout: Duration, bytes_max: usize) -> RunResult {
    if name.starts_with('-') {
        return critical(format!("{name:?} is no name of a service"));
    }
    let properties = "--property=LoadState,ActiveState,SubState";
    let arguments = ["systemctl", "show", "--no-pager", properties, "--", name].map(str::to_owned).into();
    let shown = script::run(&Script { arguments }, timeout, bytes_max).await;
    if shown.status != CheckStatus::Passing {
        return critical(format!("OS service {name:?} can't be looked up: {}", shown.output.trim_end()));
    }
    judge(name, &shown.output)
}

/// What the properties of a unit say of it.
fn judge(name: &str, properties: &str) -> RunResult {
    let value = |property: &str| {
        let mut lines = properties.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == property).map_or("", |(_, value)| value)
    };
    let (loaded, active, sub) = (value("LoadState"), value("ActiveState"), value("SubState"));
    if loaded == "not-found" {
        return critical(format!("OS service {name:?} does not exist"));
    }
    let status = match active {
        "active" => CheckStatus::Passing,
        "activating" | "deactivating" | "reloading" => CheckStatus::Warning,
        _ => CheckStatus::Critical,
    };
    RunResult { status, output: format!("OS service {name:?} is {active} ({sub})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_units_are_judged() {
        for (properties, status, output) in [
            ("LoadState=loaded\nActiveState=active\nSubState=running\n", CheckStatus::Passing, "is active (running)"),
            ("LoadState=loaded\nActiveState=activating\nSubState=start", CheckStatus::Warning, "is activating (start)"),
            ("LoadState=loaded\nActiveState=failed\nSubState=failed", CheckStatus::Critical, "is failed (failed)"),
            ("LoadState=not-found\nActiveState=inactive\nSubState=dead", CheckStatus::Critical, "does not exist"),
            ("", CheckStatus::Critical, "is  ()"),
        ] {
            let result = judge("x", properties);
            assert_eq!((result.status, result.output), (status, format!("OS service \"x\" {output}")));
        }
    }
}
