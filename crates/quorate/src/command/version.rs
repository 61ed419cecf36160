//! `version`.

use serde::Serialize;

use super::output::{Failure, print};
use crate::flags::VersionFlags;
use crate::version::{CONSUL_API, QUORATE};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: &'static str,
    revision: &'static str,
    prerelease: &'static str,
    quorate_version: &'static str,
}

/// Prints the version of the Consul API that is served, in the line where programs look for it, and Quorate's own.
pub(super) fn version(flags: &VersionFlags) -> Result<(), Failure> {
    match flags.format.as_str() {
        "pretty" => print(format!("Consul v{CONSUL_API}\nQuorate v{QUORATE}")),
        "json" => {
            let version = Version { version: CONSUL_API, revision: "", prerelease: "", quorate_version: QUORATE };
            let json = serde_json::to_vec_pretty(&version).map_err(Failure::of("Failed to marshal version info"))?;
            print(json)
        }
        other => Err(Failure::new(format!("Unknown format: {other}"))),
    }
}
