//! What the node is called, and what it tells about itself.

use std::collections::BTreeMap;

use super::{ConfigError, NodeSettings, Resolver};
use crate::config::Warning;
use crate::config::network::Machine;

impl Resolver<'_> {
    pub(super) fn datacenter(&mut self) -> Result<String, ConfigError> {
        let datacenter = self.text("datacenter").unwrap_or("dc1").to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if datacenter.is_empty() || !datacenter.chars().all(fits) {
            return Err(self.wrong("datacenter", "it takes letters, digits, - and _"));
        }
        if let Some(entry) = self.entry("primary_datacenter")
            && let Some(primary) = entry.value.as_str()
            && !primary.is_empty()
            && !primary.eq_ignore_ascii_case(&datacenter)
        {
            self.warnings
                .push(Warning::of(entry, format_args!("it has no effect: {datacenter:?} is the only datacenter yet")));
        }
        Ok(datacenter)
    }

    pub(super) fn node(&mut self, machine: &Machine) -> Result<NodeSettings, ConfigError> {
        let name = self.text("node_name").map(str::trim).unwrap_or(&machine.hostname).to_owned();
        if name.is_empty() {
            return Err(self.wrong("node_name", "it is empty"));
        }
        if let Some(why) = no_label(&name) {
            self.warn("node_name", format_args!("DNS won't find the node {name:?}: {why}"));
        }
        let id = match self.text("node_id").filter(|id| !id.is_empty()) {
            None => None,
            Some(id) => Some(uuid::Uuid::try_parse(id).map_err(|_| self.wrong("node_id", "it must be a UUID"))?),
        };
        if self.flag("disable_host_node_id") == Some(false) {
            self.warn("disable_host_node_id", "ids are random and kept in the data directory; the host's is not used");
        }
        Ok(NodeSettings { name, id, meta: self.node_meta()? })
    }

    fn node_meta(&self) -> Result<BTreeMap<String, String>, ConfigError> {
        let Some(entries) = self.entry("node_meta").and_then(|entry| entry.value.as_object()) else {
            return Ok(BTreeMap::new());
        };
        if entries.len() > META_PAIRS_MAX {
            let problem = format_args!("{} pairs, more than the {META_PAIRS_MAX} allowed", entries.len());
            return Err(self.wrong("node_meta", problem));
        }
        let mut meta = BTreeMap::new();
        for (key, value) in entries {
            let wrong = |problem: String| Err(self.wrong_part("node_meta", key, problem));
            let value = value.as_str().unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if key.is_empty() || key.len() > META_KEY_BYTES_MAX || !key.chars().all(fits) {
                return wrong(format!("the key {key:?} must be 1 to {META_KEY_BYTES_MAX} letters, digits, - and _"));
            }
            if key.starts_with("consul-") {
                return wrong(format!("the key {key:?} is reserved: it begins with \"consul-\""));
            }
            if value.len() > META_VALUE_BYTES_MAX {
                return wrong(format!("the value of {key:?} is longer than {META_VALUE_BYTES_MAX} bytes"));
            }
            meta.insert(key.clone(), value.to_owned());
        }
        Ok(meta)
    }
}

/// Why a name is no label of a DNS name.
fn no_label(name: &str) -> Option<String> {
    if name.len() > DNS_LABEL_BYTES_MAX {
        return Some(format!("it is longer than {DNS_LABEL_BYTES_MAX} bytes"));
    }
    let wrong = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-');
    wrong.map(|c| format!("it has {c:?}, and a name of DNS has letters, digits and - alone"))
}

/// The longest label of a DNS name.
const DNS_LABEL_BYTES_MAX: usize = 63;

/// The most pairs of meta data that a node has, and the longest keys and values; Consul's bounds.
const META_PAIRS_MAX: usize = 64;
const META_KEY_BYTES_MAX: usize = 128;
const META_VALUE_BYTES_MAX: usize = 512;
