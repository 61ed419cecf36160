//! `validate`: what an agent would say to its files, without one being started.

use super::output::{Failure, note, print};
use crate::config::network::Machine;
use crate::config::{self, Entry, Origin, Purpose, Sources, keys};
use crate::flags::ValidateFlags;

/// Says whether an agent would start with these files.
pub(super) fn validate(flags: ValidateFlags) -> Result<(), Failure> {
    if flags.arguments.is_empty() {
        return Err(Failure::new("Must specify at least one config file or directory"));
    }
    let failed = "Config validation failed";
    let (quiet, agent) = agent_flags(flags);
    let read = config::read_for(Purpose::Validate, agent, &Machine::this()).map_err(Failure::of(failed))?;
    // Certificates are read at the start, too.
    let http = &read.settings.http;
    if let Some(files) = &http.tls {
        quorate_http::tls::Tls::new(files).map_err(|error| Failure::of(failed)(http.tls_problem(&error)))?;
    }
    if quiet {
        return Ok(());
    }
    for warning in &read.settings.warnings {
        note(warning);
    }
    print("Configuration is valid!")
}

/// Whether nothing is to be printed, and the flags of an agent that these stand for.
fn agent_flags(flags: ValidateFlags) -> (bool, Sources) {
    let of_key = |name: &'static str, path: &str, value: Option<serde_json::Value>| {
        Some(Entry::new(keys::find(path)?, value?, Origin::Flag(name)))
    };
    let entries = [
        of_key("server", "server", flags.server.map(Into::into)),
        of_key("bootstrap-expect", "bootstrap_expect", flags.bootstrap_expect.map(Into::into)),
        of_key("data-dir", "data_dir", flags.data_dir.map(Into::into)),
    ];
    let agent = Sources {
        is_dev: flags.dev.unwrap_or(false),
        config_paths: flags.arguments,
        config_format: flags.config_format,
        hcl: flags.hcl,
        entries: entries.into_iter().flatten().collect(),
        ..Sources::default()
    };
    (flags.quiet.unwrap_or(false), agent)
}
