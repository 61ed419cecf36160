//! The agent about itself: `/v1/agent/self`, `/v1/agent/version`, `/v1/agent/members`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quorate_api as api;
use quorate_filter::AGENT_MEMBERS;
use quorate_node::{Role, Server, Status};
use serde_json::json;

use super::filtering::Filtering;
use super::status::own_status;
use super::{Action, Doing};
use crate::call::Call;
use crate::reply::{Outcome, Refused};
use crate::settings::{Settings, Terms};

pub(super) const SELF: Action = Action::Do(|call| Box::pin(agent_self(call)) as Doing);
pub(super) const VERSION: Action = Action::Do(|call| Box::pin(version(call)) as Doing);
pub(super) const MEMBERS: Action = Action::Do(|call| Box::pin(members(call)) as Doing);

/// Texts by name.
type Texts = BTreeMap<Cow<'static, str>, Cow<'static, str>>;

async fn agent_self(call: Call) -> Result<Outcome, Refused> {
    let settings = &call.server.settings;
    let status = own_status(&call).await?;
    let in_force = call.server.in_force();
    let datacenter = call.server.node.datacenter();
    let own = status.servers.iter().find(|server| server.id == status.id);
    let answer = api::AgentSelf {
        config: api::AgentConfig {
            datacenter: datacenter.into(),
            primary_datacenter: datacenter.into(),
            node_name: (&*settings.node_name).into(),
            node_id: (&*settings.node_id).into(),
            revision: (&*settings.revision).into(),
            server: true,
            version: (&*settings.consul_version).into(),
            build_date: (&*settings.build_date).into(),
            quorate_version: (&*settings.quorate_version).into(),
            session_ttl_min: Some(in_force.terms.session_ttl_min.0),
        },
        debug_config: debug_config(settings, datacenter, &in_force.terms),
        coordinate: Some(api::Coordinate::default()),
        member: member(settings, &status, own),
        stats: stats(settings, &status, counts(&call)),
        meta: own_meta(&call),
    };
    Ok(Outcome::Ready(call.json(&answer)))
}

/// The meta data of this node, as it tells it to the catalog.
fn own_meta(call: &Call) -> Texts {
    let meta = call.server.node.registration().node.meta.clone();
    meta.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

/// The parts of Consul's runtime configuration that mean something here, under its names.
fn debug_config(
    settings: &Settings,
    datacenter: &str,
    terms: &Terms,
) -> BTreeMap<Cow<'static, str>, serde_json::Value> {
    let entries = [
        ("ACLsEnabled", json!(false)),
        ("AdvertiseAddrLAN", json!(settings.advertise_address)),
        ("Datacenter", json!(datacenter)),
        ("DataDir", json!(settings.data_directory)),
        ("DefaultQueryTime", json!(go_text(terms.wait_default))),
        ("DevMode", json!(settings.pretty_always)),
        ("HTTPPort", json!(settings.http_port)),
        ("KVMaxValueSize", json!(terms.kv_value_bytes_max)),
        ("MaxQueryTime", json!(go_text(terms.wait_max))),
        ("NodeID", json!(settings.node_id)),
        ("NodeName", json!(settings.node_name)),
        ("PrimaryDatacenter", json!(datacenter)),
        ("Revision", json!(settings.revision)),
        ("SerfPortLAN", json!(settings.gossip_port)),
        ("ServerMode", json!(true)),
        ("ServerPort", json!(settings.server_port)),
        ("SessionTTLMin", json!(terms.session_ttl_min.to_string())),
        ("TxnMaxReqLen", json!(terms.txn_body_bytes_max)),
        ("Version", json!(settings.consul_version)),
    ];
    entries.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn go_text(duration: std::time::Duration) -> String {
    let nanoseconds = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    quorate_base::duration::GoDuration(nanoseconds).to_string()
}

/// A server as a member of the gossip pool, of which each server is one until there is gossip to tell.
fn member<'a>(settings: &'a Settings, status: &Status, server: Option<&Server>) -> api::Member<'a> {
    const ALIVE: u8 = 1;
    let is_own = server.is_none_or(|server| server.id == status.id);
    let address = server.and_then(|server| server.address.rsplit_once(':'));
    let (host, port) = match address {
        Some((host, port)) if !is_own => (host.to_owned(), port.to_owned()),
        _ => (settings.advertise_address.clone(), settings.server_port.to_string()),
    };
    let name = server.map_or_else(|| settings.node_name.clone(), |server| server.name.clone());
    let id = server.map_or_else(|| settings.node_id.clone(), |server| server.id.to_string());
    let tags: [(&str, Cow<'a, str>); 13] = [
        ("acls", "0".into()),
        ("build", format!("{}:", settings.consul_version).into()),
        ("dc", status.datacenter.clone().into()),
        ("ft_fs", "1".into()),
        ("ft_si", "1".into()),
        ("id", id.into()),
        ("port", port.into()),
        ("quorate", (&*settings.quorate_version).into()),
        ("raft_vsn", "3".into()),
        ("role", "consul".into()),
        ("segment", "".into()),
        ("vsn", "2".into()),
        ("vsn_max", "3".into()),
    ];
    let mut tags: BTreeMap<_, _> = tags.into_iter().map(|(name, value)| (name.into(), value)).collect();
    tags.insert("vsn_min".into(), "2".into());
    if status.servers.len() == 1 {
        tags.insert("bootstrap".into(), "1".into());
    }
    api::Member {
        name: name.into(),
        addr: host.into(),
        port: settings.gossip_port,
        tags,
        status: ALIVE,
        protocol_min: 1,
        protocol_max: 5,
        protocol_cur: 2,
        delegate_min: 2,
        delegate_max: 5,
        delegate_cur: 4,
    }
}

/// How many scripts, TTL checks, checks and services the agent has.
fn counts(call: &Call) -> [usize; 4] {
    let Some(local) = &call.server.local else { return [0; 4] };
    local.agent.look(|machine| {
        let of_kind =
            |kind: &str| machine.checks().values().filter(|entry| entry.definition.check.kind() == kind).count();
        [of_kind("script"), of_kind("ttl"), machine.checks().len(), machine.services().len()]
    })
}

/// Counters for people, under the names that they know.
fn stats(settings: &Settings, status: &Status, counts: [usize; 4]) -> BTreeMap<Cow<'static, str>, Texts> {
    let part = |entries: &[(&'static str, String)]| -> Texts {
        entries.iter().map(|(name, text)| ((*name).into(), text.clone().into())).collect()
    };
    let leads = status.role == Role::Leader;
    let leader_address = status.leader().map(|leader| leader.address.clone()).unwrap_or_default();
    let parallelism = std::thread::available_parallelism().map_or(1, usize::from);
    [
        (
            "agent",
            part(&[
                ("check_monitors", counts[0].to_string()),
                ("check_ttls", counts[1].to_string()),
                ("checks", counts[2].to_string()),
                ("services", counts[3].to_string()),
            ]),
        ),
        (
            "build",
            part(&[
                ("prerelease", String::new()),
                ("revision", settings.revision.clone()),
                ("version", settings.consul_version.clone()),
                ("version_metadata", String::new()),
            ]),
        ),
        (
            "consul",
            part(&[
                ("acl", "disabled".into()),
                ("bootstrap", (status.servers.len() == 1).to_string()),
                ("known_datacenters", "1".into()),
                ("leader", leads.to_string()),
                ("leader_addr", leader_address),
                ("server", "true".into()),
            ]),
        ),
        ("quorate", part(&[("version", settings.quorate_version.clone())])),
        ("raft", raft_stats(status)),
        (
            "runtime",
            part(&[
                ("arch", std::env::consts::ARCH.into()),
                ("cpu_count", parallelism.to_string()),
                ("os", std::env::consts::OS.into()),
            ]),
        ),
        (
            "serf_lan",
            part(&[
                ("encrypted", "false".into()),
                ("failed", "0".into()),
                ("health_score", "0".into()),
                ("left", "0".into()),
                ("members", status.servers.len().to_string()),
            ]),
        ),
    ]
    .into_iter()
    .map(|(name, part)| (name.into(), part))
    .collect()
}

fn raft_stats(status: &Status) -> Texts {
    let progress = &status.progress;
    let state = match status.role {
        Role::Leader => "Leader",
        Role::Candidate => "Candidate",
        Role::Stopped => "Shutdown",
        Role::Follower | Role::Learner => "Follower",
    };
    let peers = status.servers.iter().filter(|server| server.voter && server.id != status.id).count();
    let entries = [
        ("applied_index", progress.applied.map_or(0, |at| at.index).to_string()),
        ("commit_index", progress.committed.map_or(0, |at| at.index).to_string()),
        ("last_log_index", progress.last_log.map_or(0, |at| at.index).to_string()),
        ("last_log_term", progress.last_log.map_or(0, |at| at.term).to_string()),
        ("last_snapshot_index", progress.snapshot.map_or(0, |at| at.index).to_string()),
        ("last_snapshot_term", progress.snapshot.map_or(0, |at| at.term).to_string()),
        ("num_peers", peers.to_string()),
        ("protocol_version", "3".into()),
        ("state", state.into()),
        ("term", status.term.to_string()),
    ];
    entries.into_iter().map(|(name, text)| (name.into(), text.into())).collect()
}

async fn version(call: Call) -> Result<Outcome, Refused> {
    let settings = &call.server.settings;
    let version = api::AgentVersion {
        sha: (&*settings.revision).into(),
        build_date: (&*settings.build_date).into(),
        human_version: (&*settings.consul_version).into(),
        fips: "".into(),
        quorate_version: (&*settings.quorate_version).into(),
    };
    Ok(Outcome::Ready(call.json(&version)))
}

async fn members(call: Call) -> Result<Outcome, Refused> {
    call.refuse_partition()?;
    let segment = call.parameters.first("segment");
    if !call.parameters.first("wan").is_empty() {
        if !segment.is_empty() && segment != "_all" {
            return Err(Refused::bad_request("Cannot provide a segment with wan=true"));
        }
        // There is no pool across datacenters; Consul answers so where it is switched off.
        return Ok(Outcome::Ready(call.json(&())));
    }
    // All segments are the one that there is.
    if !segment.is_empty() && segment != "_all" {
        return Err(Refused::internal("Network segments are not supported in this version of Consul"));
    }
    let mut filtering = Filtering::of(&call, &AGENT_MEMBERS).await?;
    let settings = &call.server.settings;
    let status = own_status(&call).await?;
    let mut members = Vec::new();
    for server in &status.servers {
        let member = member(settings, &status, Some(server));
        if filtering.passes(&member)? {
            members.push(member);
        }
    }
    Ok(Outcome::Ready(call.json(&members)))
}
