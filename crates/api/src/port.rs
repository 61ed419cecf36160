//! Named ports of instances.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One of several ports of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.ServicePort", rename_all = "PascalCase", default)]
pub struct ServicePort {
    /// Its name, unique on its instance.
    pub name: String,
    /// The port.
    pub port: i64,
    /// Whether it is the one that is meant where no name is given.
    pub default: bool,
}

/// Why named ports contradict each other, in the words of the official client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortsError {
    /// One has no name.
    #[error("Ports.Name cannot be empty")]
    Nameless,
    /// One has no number.
    #[error("Ports.Port must be non-zero")]
    Zero,
    /// Two have this name.
    #[error("Ports.Name {0:?} has to be unique")]
    Repeated(String),
    /// None is meant where no name is given.
    #[error("one of the Ports must be marked as Default")]
    NoDefault,
    /// Several are.
    #[error("only one port can be marked as default")]
    SeveralDefaults,
}

impl ServicePort {
    /// Named ports have each a name of their own and a number, and one is the default.
    pub fn check(ports: &[Self]) -> Result<(), PortsError> {
        let mut names = BTreeSet::new();
        for port in ports {
            if port.name.trim().is_empty() {
                return Err(PortsError::Nameless);
            }
            if port.port <= 0 {
                return Err(PortsError::Zero);
            }
            if !names.insert(&port.name) {
                return Err(PortsError::Repeated(port.name.clone()));
            }
        }
        match ports.iter().filter(|port| port.default).count() {
            0 if !ports.is_empty() => Err(PortsError::NoDefault),
            0 | 1 => Ok(()),
            _ => Err(PortsError::SeveralDefaults),
        }
    }
}
