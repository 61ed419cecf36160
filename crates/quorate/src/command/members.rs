//! `members` and `info`.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

use super::connect::{ask, client, query};
use super::output::{Failure, columns, print};
use crate::flags::{BareFlags, MembersFlags};

/// The exit code if no member is as it was asked for.
const NO_MEMBERS: u8 = 2;

/// A member as an agent tells of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    name: String,
    addr: String,
    port: u16,
    tags: Option<BTreeMap<String, String>>,
    status: i64,
    #[serde(default)]
    protocol_cur: i64,
}

/// Prints the members as a table.
pub(super) async fn members(flags: MembersFlags) -> Result<(), Failure> {
    let status = Regex::new(&flags.status).map_err(Failure::of("Failed to compile status regexp"))?;
    let client = client(&flags.http, None)?;
    let mut parameters = vec![("segment", flags.segment.as_str())];
    if flags.wan.unwrap_or(false) {
        parameters.push(("wan", "1"));
    }
    let path = "/v1/agent/members";
    // A pool that there is not is `null`.
    let members: Option<Vec<Member>> =
        ask(&client, path, &parameters, &query(&flags.http), "Error retrieving members").await?;
    let mut members = members.unwrap_or_default();
    members.retain(|member| status.is_match(state(member.status)));
    for member in &mut members {
        let tags = member.tags.get_or_insert_default();
        // Servers are in all segments.
        if tags.get("role").is_some_and(|role| role == "consul") && tags.get("segment").is_none_or(String::is_empty) {
            tags.insert("segment".to_owned(), "<all>".to_owned());
        }
    }
    for tags in members.iter_mut().filter_map(|member| member.tags.as_mut()) {
        tags.entry("ap".to_owned()).or_insert_with(|| "default".to_owned());
    }
    if members.is_empty() {
        return Err(Failure::silent(NO_MEMBERS));
    }
    let order = |member: &Member| (member.tag("segment").to_owned(), member.name.clone());
    members.sort_by_key(order);
    let is_detailed = flags.detailed.unwrap_or(false);
    let heading: &[&str] = if is_detailed {
        &["Node", "Address", "Status", "Tags"]
    } else {
        &["Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Partition", "Segment"]
    };
    let mut rows: Vec<Vec<String>> = vec![heading.iter().map(|name| (*name).to_owned()).collect()];
    rows.extend(members.iter().map(|member| if is_detailed { member.details() } else { member.summary() }));
    print(columns(&rows, "", 2))
}

impl Member {
    fn tag(&self, name: &str) -> &str {
        self.tags.as_ref().and_then(|tags| tags.get(name)).map_or("", String::as_str)
    }

    fn address(&self) -> String {
        if self.addr.contains(':') {
            format!("[{}]:{}", self.addr, self.port)
        } else {
            format!("{}:{}", self.addr, self.port)
        }
    }

    fn summary(&self) -> Vec<String> {
        let kind = match self.tag("role") {
            "consul" => "server",
            "node" => "client",
            _ => "unknown",
        };
        let build = match self.tag("build").split(':').next() {
            None | Some("") => "< 0.3",
            Some(build) => build,
        };
        let protocol = self.protocol_cur.to_string();
        let address = self.address();
        let cells = [
            &self.name,
            &address,
            state(self.status),
            kind,
            build,
            &protocol,
            self.tag("dc"),
            self.tag("ap"),
            self.tag("segment"),
        ];
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    fn details(&self) -> Vec<String> {
        let tags = self.tags.iter().flatten().map(|(name, value)| format!("{name}={value}"));
        let tags: Vec<String> = tags.collect();
        vec![self.name.clone(), self.address(), state(self.status).to_owned(), tags.join(",")]
    }
}

fn state(number: i64) -> &'static str {
    match number {
        0 => "none",
        1 => "alive",
        2 => "leaving",
        3 => "left",
        _ => "failed",
    }
}

/// Prints what the agent counts, by part and name.
pub(super) async fn info(flags: BareFlags) -> Result<(), Failure> {
    let told = client(&flags.http, None)?.agent_self().await.map_err(Failure::of("Error querying agent"))?;
    for (part, values) in &told.stats {
        print(format!("{part}:"))?;
        for (name, value) in values {
            print(format!("\t{name} = {value}"))?;
        }
    }
    Ok(())
}
