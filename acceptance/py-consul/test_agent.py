"""The server as such: agent, status, operator, events and snapshots."""

import uuid

import consul
import pytest
from conftest import ANSWER_SECONDS_MAX, beyond_consul_1_13


def test_agent_self(client, server_node):
    about = client.agent.self()
    config = about["Config"]
    assert config["NodeName"] == server_node
    assert config["Datacenter"] == "dc1"
    assert config["Server"] is True
    assert str(uuid.UUID(config["NodeID"])) == config["NodeID"]
    assert all(part.isdigit() for part in config["Version"].split("."))
    assert about["Member"]["Name"] == server_node
    assert {"DebugConfig", "Stats", "Coord", "Meta"} <= about.keys()


def test_agent_members(client, server_node):
    (member,) = client.agent.members()
    assert (member["Name"], member["Addr"], member["Status"]) == (server_node, "127.0.0.1", 1)
    assert member["Tags"]["role"] == "consul"
    assert member["Tags"]["dc"] == "dc1"


@beyond_consul_1_13  # which answers 500 "json: unsupported value: NaN" while it has not measured everything once
def test_agent_metrics(client):
    metrics = client.agent.metrics()
    assert {"Timestamp", "Gauges", "Points", "Counters", "Samples"} <= metrics.keys()


@beyond_consul_1_13  # which has it only with a setting
def test_agent_metrics_for_prometheus(client):
    assert "# TYPE " in client.agent.metrics(format_prometheus=True)


def test_status_and_raft_configuration_agree(client, server_node):
    leader = client.status.leader()
    assert client.status.peers() == [leader]
    (server,) = client.operator.raft_config()["Servers"]
    assert (server["Address"], server["Node"], server["Leader"], server["Voter"]) == (leader, server_node, True, True)
    assert server["ID"] == client.agent.self()["Config"]["NodeID"]


def test_event_is_listed_as_it_was_fired(client, name):
    fired = client.event.fire(name, "a payload \x00", node=".*", service="consul", tag=".*", token="t")
    assert fired["Name"] == name
    assert str(uuid.UUID(fired["ID"])) == fired["ID"]
    # Its service filter matches no service of this agent, so nobody stores it; one without filters is stored.
    fired = client.event.fire(name, "a payload \x00")
    index, events = client.event.list(name)
    while fired["ID"] not in [event["ID"] for event in events]:
        index, events = client.event.list(name, index=index, wait="10s")
    event = next(event for event in events if event["ID"] == fired["ID"])
    assert event["Payload"] == b"a payload \x00"
    assert event["LTime"] > 0
    assert [e["Name"] for e in client.event.list(name, node=".*")[1]][-1] == name
    assert fired["ID"] in [e["ID"] for e in client.event.list()[1]]


def test_event_without_a_payload_and_the_wait_for_it(client, name, background):
    client.event.fire(f"{name}-other", "x")
    index, events = client.event.list(name)
    assert events == []
    parked = background(client.event.list, name, index=index, wait="60s")
    consul.Consul().event.fire(name)
    index, events = parked.result(ANSWER_SECONDS_MAX)
    while not events:
        index, events = client.event.list(name, index=index, wait="10s")
    assert [(event["Name"], event["Payload"]) for event in events] == [(name, None)]


def test_snapshot_brings_everything_back(client, name, background):
    session = client.session.create(name=name)
    client.kv.put(f"{name}/kept", "before", flags=9)
    client.kv.put(f"{name}/locked", "x", acquire=session)
    client.catalog.register(name, "127.0.0.7", service={"Service": f"{name}-web", "Tags": ["v1"]})
    entries = client.kv.get(f"{name}/", recurse=True)[1]
    instances = client.catalog.service(f"{name}-web")[1]
    archive = client.snapshot.save(stale=True)
    # What an archive looks like inside is each server's own affair.
    assert len(client.snapshot.save()) >= len(archive) > 0

    client.kv.put(f"{name}/kept", "after")
    client.kv.put(f"{name}/later", "x")
    client.session.destroy(session)
    client.catalog.deregister(name)
    index, _ = client.kv.get(f"{name}/", recurse=True)
    parked = background(client.kv.get, f"{name}/", recurse=True, index=index, wait="60s")
    assert consul.Consul().snapshot.restore(archive) is True

    parked.result(ANSWER_SECONDS_MAX)  # from before or after the restore, but at once
    assert client.kv.get(f"{name}/", recurse=True)[1] == entries
    assert client.catalog.service(f"{name}-web")[1] == instances
    assert client.session.info(session)[1]["Name"] == name
    client.session.destroy(session)
    client.catalog.deregister(name)


def test_a_damaged_snapshot_changes_nothing(client, name):
    client.kv.put(name, "stays")
    archive = client.snapshot.save()
    damaged = archive[: len(archive) // 2] + b"\xff" * 8 + archive[len(archive) // 2 + 8 :]
    for not_a_snapshot in [b"rubbish", archive[:-20], damaged]:
        with pytest.raises(consul.ConsulException):
            client.snapshot.restore(not_a_snapshot)
    assert client.kv.get(name)[1]["Value"] == b"stays"
