"""/v1/agent: who the agent is, whom it knows and what it measures. Its numbers are its own; their form is compared."""

import time

from story import case

# What clients read from agent/self. DebugConfig is documented as unstable and follows Consul's inner workings.
CONFIG = ["Datacenter", "PrimaryDatacenter", "NodeName", "NodeID", "Server", "Version", "Revision"]
# Three intervals of Consul's metrics and its first half minute.
METRICS_SECONDS_MAX = 60
# What both measure, under the names and kinds that Consul's documentation gives.
METRICS = {
    "Gauges": ["consul.raft.applied_index", "consul.raft.last_index", "consul.session_ttl.active"]
    + ["consul.consul.state.nodes", "consul.consul.state.services", "consul.consul.state.service_instances"]
    + ["consul.consul.state.kv_entries", "consul.server.isLeader"],
    "Counters": ["consul.raft.apply", "consul.rpc.query", "consul.rpc.request"],
    "Samples": ["consul.api.http", "consul.kvs.apply", "consul.txn.apply", "consul.txn.read", "consul.session.apply"]
    + ["consul.catalog.register", "consul.catalog.deregister", "consul.raft.commitTime", "consul.raft.fsm.apply"]
    + ["consul.fsm.kvs", "consul.fsm.register", "consul.fsm.deregister", "consul.fsm.session", "consul.fsm.txn"],
}


def config(body):
    return {name: body["Config"].get(name, "(absent)") for name in CONFIG}


@case
def self_for_clients(both):
    both.get("/v1/agent/self", select=config)
    both.get("/v1/agent/self", select=lambda body: body["Config"], shape=True)
    both.get("/v1/agent/self", select=lambda body: sorted(set(body) - {"DebugConfig", "xDS"}))
    both.get("/v1/agent/self", select=lambda body: body["Member"], shape=True)
    both.get("/v1/agent/self", select=lambda body: body["Meta"])
    both.get("/v1/agent/self", select=lambda body: sorted(set(body["Stats"]) - {"quorate"}))
    both.get("/v1/agent/self?pretty", select=config)


@case
def own_statistics(both):
    both.get("/v1/agent/self", select=lambda body: "quorate" in body["Stats"])


@case
def statistics_for_clients(both):
    stats = {"agent": ["check_monitors", "check_ttls", "checks", "services"]}
    stats["build"] = ["prerelease", "revision", "version"]
    stats["consul"] = ["bootstrap", "known_datacenters", "leader", "leader_addr", "server"]
    stats["raft"] = ["applied_index", "commit_index", "last_log_index", "last_log_term", "num_peers", "state", "term"]
    for group, names in stats.items():
        both.get("/v1/agent/self", select=lambda body: {name: name in body["Stats"].get(group, {}) for name in names})
    both.get("/v1/agent/self", select=lambda body: body["Stats"]["consul"].get("leader"))
    both.get("/v1/agent/self", select=lambda body: body["Stats"]["raft"].get("state"))


@case
def members(both):
    both.get("/v1/agent/members", shape=True)
    pick = ["Name", "Addr", "Status"]
    both.get("/v1/agent/members", select=lambda members: [{name: member[name] for name in pick} for member in members])
    tags = ["role", "dc", "id", "build", "vsn", "bootstrap", "segment", "raft_vsn", "acls"]
    both.get(
        "/v1/agent/members",
        select=lambda members: [{tag: member["Tags"].get(tag) for tag in tags} for member in members],
    )
    both.get("/v1/agent/members?segment=")
    both.get("/v1/agent/members?segment=_all", shape=True)
    both.get("/v1/agent/members?segment=x")
    both.get("/v1/agent/members?wan=1&segment=x")
    both.get("/v1/agent/members?wan=1&segment=_all", shape=True)
    both.get("/v1/agent/members?wan=1")
    both.get("/v1/agent/members?wan=true")
    both.get("/v1/agent/members?pretty", shape=True)


def told(body):
    """Which of the METRICS an answer has, by kind."""
    return {kind: sorted({part["Name"] for part in body[kind]} & set(names)) for kind, names in METRICS.items()}


def all_told(body):
    return told(body) == {kind: sorted(names) for kind, names in METRICS.items()}


def families(text):
    """The types of those METRICS that a Prometheus answer has."""
    types = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE"))
    names = (name.replace(".", "_") for names in METRICS.values() for name in names)
    return {name: types.get(name, "(absent)") for name in names}


def labels(body, name):
    """The labels of all samples of a name."""
    return [part["Labels"] for part in body["Samples"] if part["Name"] == name]


def measured_work(both):
    """One of everything that METRICS count."""
    session = both.put("/v1/session/create").take("ID")
    both.put(f"/v1/session/destroy/{session}")
    both.put("/v1/txn", [{"KV": {"Verb": "set", "Key": "m", "Value": ""}}])
    both.put("/v1/txn", [{"KV": {"Verb": "get", "Key": "m"}}])
    both.put("/v1/kv/m", "x")
    both.get("/v1/kv/m")
    both.put("/v1/catalog/register", {"Node": "host", "Address": "10.0.0.1"})
    both.put("/v1/catalog/deregister", {"Node": "host"})


@case
def version(both):
    both.get("/v1/agent/version")


@case
def metrics(both):
    # Consul tells of the last whole interval of ten seconds, and nothing at all in its first half minute (it has NaN
    # among its numbers then). So the work goes on until both tell of an interval that had it.
    give_up = time.monotonic() + METRICS_SECONDS_MAX
    while not both.peek("/v1/agent/metrics", all_told) and time.monotonic() < give_up:
        measured_work(both)
        time.sleep(1)
    both.get("/v1/agent/metrics", select=told)
    both.get("/v1/agent/metrics", select=sorted)
    for kind in METRICS:
        both.get("/v1/agent/metrics", select=lambda body: [sorted(part) for part in body[kind][:1]])
    both.get("/v1/agent/metrics?pretty", select=sorted)
    both.get(
        "/v1/agent/metrics", select=lambda body: {"method": "PUT", "path": "v1_kv_"} in labels(body, "consul.api.http")
    )


@case
def metrics_for_prometheus(both):
    measured_work(both)
    both.get("/v1/agent/metrics?format=prometheus", select=families)
    both.get("/v1/agent/metrics", headers=[("Accept", "application/openmetrics-text")], select=lambda body: True)
    both.get("/v1/agent/metrics?format=bogus", select=lambda body: True)
