//! `validate`: what an agent would say to its files, without one being started.

use super::output::{Failure, note, print};
use crate::config;
use crate::config::network::Machine;
use crate::flags::{AgentFlags, ValidateFlags};

/// Says whether an agent would start with these files.
pub(super) fn validate(flags: ValidateFlags) -> Result<(), Failure> {
    if flags.arguments.is_empty() {
        return Err(Failure::new("Must specify at least one config file or directory"));
    }
    let agent =
        AgentFlags { config_paths: flags.arguments, config_format: flags.config_format, ..AgentFlags::default() };
    let failed = "Config validation failed";
    let read = config::read(agent, &Machine::this()).map_err(Failure::of(failed))?;
    // Certificates are read at the start, too.
    if let Some(files) = &read.settings.http.tls {
        quorate_http::tls::Tls::new(files).map_err(Failure::of(failed))?;
    }
    if flags.quiet.unwrap_or(false) {
        return Ok(());
    }
    for warning in &read.settings.warnings {
        note(warning);
    }
    print("Configuration is valid!")
}
