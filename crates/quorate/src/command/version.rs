//! `version`.

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::PrettyFormatter;

use super::output::{Failure, print};
use crate::flags::VersionFlags;
use crate::version::{CONSUL_API, QUORATE};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: &'static str,
    revision: &'static str,
    prerelease: &'static str,
    #[serde(rename = "RPC")]
    rpc: Protocols,
    quorate_version: &'static str,
}

/// The versions of the protocol among servers, as members tell of them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Protocols {
    default: u8,
    min: u8,
    max: u8,
}

/// Those of Consul 1.13: what is compared is the version of the API, which was served with these.
const RPC: Protocols = Protocols { default: 2, min: 2, max: 3 };

/// Prints the version of the Consul API that is served, in the line where programs look for it, and Quorate's own.
pub(super) fn version(flags: &VersionFlags) -> Result<(), Failure> {
    match flags.format.as_str() {
        "pretty" => {
            let Protocols { default, min, max } = RPC;
            print(format!(
                "Consul v{CONSUL_API}\nQuorate v{QUORATE}\nProtocol {default} spoken by default, understands {min} to {max} \
                 (agent will automatically use protocol >{default} when speaking to compatible agents)\n"
            ))
        }
        "json" => {
            let version =
                Version { version: CONSUL_API, revision: "", prerelease: "", rpc: RPC, quorate_version: QUORATE };
            let mut json = Vec::new();
            let formatter = PrettyFormatter::with_indent(b"   ");
            let written = version.serialize(&mut Serializer::with_formatter(&mut json, formatter));
            written.map_err(Failure::of("Failed to marshal version info"))?;
            print(json)
        }
        other => Err(Failure::new(format!("Unknown format: {other}"))),
    }
}
