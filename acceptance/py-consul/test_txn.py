"""Transactions: consul.txn.put with every verb of the four kinds, all or nothing."""

import base64
import json

import consul
import pytest

# More operations than either server takes: Consul 1.13.9 takes 64, Quorate 128 by default.
OPERATIONS_TOO_MANY = 129


def encoded(text):
    """A value as transactions carry it."""
    return base64.b64encode(text.encode()).decode()


def kv(verb, key, **fields):
    """One key/value operation."""
    return {"KV": {"Verb": verb, "Key": key, **fields}}


def refused(client, *operations):
    """Runs a transaction that must be refused with 409; gives its errors."""
    with pytest.raises(consul.ConsulException) as refusal:
        client.txn.put(list(operations))
    status, body = str(refusal.value).split(" ", 1)
    assert status == "409"
    return json.loads(body)["Errors"]


def test_writes_are_answered_without_their_values(client, name):
    answer = client.txn.put([kv("set", f"{name}/a", Value=encoded("1"), Flags=7), kv("set", f"{name}/b", Value="")])
    assert answer["Errors"] is None
    entries = [result["KV"] for result in answer["Results"]]
    assert [(e["Key"], e["Value"], e["Flags"]) for e in entries] == [(f"{name}/a", None, 7), (f"{name}/b", None, 0)]
    # One transaction is one write: both keys carry its index.
    assert entries[0]["ModifyIndex"] == entries[1]["ModifyIndex"] == client.kv.get(f"{name}/a")[1]["ModifyIndex"]
    assert client.kv.get(f"{name}/a")[1]["Value"] == b"1"


def test_reads(client, name):
    client.kv.put(f"{name}/a", "1")
    client.kv.put(f"{name}/b", "2")
    answer = client.txn.put([kv("get", f"{name}/a"), kv("get-tree", f"{name}/")])
    found = [(r["KV"]["Key"], base64.b64decode(r["KV"]["Value"])) for r in answer["Results"]]
    assert found == [(f"{name}/a", b"1"), (f"{name}/a", b"1"), (f"{name}/b", b"2")]


def test_cas_and_the_checks(client, name):
    client.kv.put(name, "one")
    version = client.kv.get(name)[1]["ModifyIndex"]
    client.txn.put(
        [
            kv("check-index", name, Index=version),
            kv("check-not-exists", f"{name}/absent"),
            kv("cas", name, Index=version, Value=encoded("two")),
        ]
    )
    assert client.kv.get(name)[1]["Value"] == b"two"
    version = client.kv.get(name)[1]["ModifyIndex"]
    client.txn.put([kv("delete-cas", name, Index=version)])
    assert client.kv.get(name)[1] is None


def test_deletes(client, name):
    for suffix in ["a", "b/1", "b/2"]:
        client.kv.put(f"{name}/{suffix}", "x")
    assert client.txn.put([kv("delete", f"{name}/a"), kv("delete-tree", f"{name}/b/")])["Errors"] is None
    assert client.kv.get(f"{name}/", keys=True)[1] is None


def test_locks(client, name):
    session = client.session.create()
    client.txn.put([kv("lock", name, Session=session, Value=encoded("held"))])
    assert client.kv.get(name)[1]["Session"] == session
    client.txn.put(
        [kv("check-session", name, Session=session), kv("unlock", name, Session=session, Value=encoded("free"))]
    )
    _, entry = client.kv.get(name)
    assert ("Session" in entry, entry["Value"], entry["LockIndex"]) == (False, b"free", 1)
    client.session.destroy(session)


def test_one_refusal_undoes_everything(client, name):
    client.kv.put(f"{name}/taken", "x")
    errors = refused(
        client,
        kv("set", f"{name}/new", Value=encoded("1")),
        kv("delete", f"{name}/taken"),
        kv("check-not-exists", f"{name}/new"),
        kv("get", f"{name}/absent"),
    )
    assert [error["OpIndex"] for error in errors] == [2, 3]
    assert all(error["What"] for error in errors)
    assert client.kv.get(f"{name}/", keys=True)[1] == [f"{name}/taken"]


def test_each_condition_can_refuse(client, name):
    client.kv.put(name, "x")
    for operation in [
        kv("cas", name, Index=1, Value=encoded("y")),
        kv("delete-cas", name, Index=1),
        kv("check-index", name, Index=1),
        kv("check-session", name, Session="8a1d4c6e-0000-4000-8000-000000000000"),
        kv("check-not-exists", name),
        kv("unlock", name, Session="8a1d4c6e-0000-4000-8000-000000000000"),
        kv("lock", name, Session="8a1d4c6e-0000-4000-8000-000000000000"),
    ]:
        assert [error["OpIndex"] for error in refused(client, operation)] == [0], operation
    assert client.kv.get(name)[1]["Value"] == b"x"


def test_too_many_operations(client, name):
    with pytest.raises(consul.ConsulException, match="413"):
        client.txn.put([kv("set", f"{name}/{number}", Value="") for number in range(OPERATIONS_TOO_MANY)])
    assert client.kv.get(f"{name}/", keys=True)[1] is None


def test_an_empty_transaction(client):
    answer = client.txn.put([])
    assert (answer["Results"], answer["Errors"]) == ([], None)


def test_node_service_and_check_verbs(client, name):
    node = {"Node": name, "Address": "127.0.0.3", "Meta": {"rack": "r1"}}
    service = {"ID": "web1", "Service": f"{name}-web", "Tags": ["v1"], "Port": 80}
    check = {"Node": name, "CheckID": "web1-ok", "Name": "ok", "Status": "passing", "ServiceID": "web1"}
    answer = client.txn.put(
        [
            {"Node": {"Verb": "set", "Node": node}},
            {"Service": {"Verb": "set", "Node": name, "Service": service}},
            {"Check": {"Verb": "set", "Check": check}},
        ]
    )
    kinds = [next(iter(result)) for result in answer["Results"]]
    assert kinds == ["Node", "Service", "Check"]
    assert answer["Results"][0]["Node"]["Meta"] == {"rack": "r1"}

    reads = [
        {"Node": {"Verb": "get", "Node": {"Node": name}}},
        {"Service": {"Verb": "get", "Node": name, "Service": {"ID": "web1"}}},
        {"Check": {"Verb": "get", "Check": {"Node": name, "CheckID": "web1-ok"}}},
    ]
    found = client.txn.put(reads)["Results"]
    assert found[0]["Node"]["Address"] == "127.0.0.3"
    assert found[1]["Service"]["Tags"] == ["v1"]
    assert found[2]["Check"]["ServiceName"] == f"{name}-web"

    check_version, service_version = found[2]["Check"]["ModifyIndex"], found[1]["Service"]["ModifyIndex"]
    node_version = found[0]["Node"]["ModifyIndex"]
    changed = {**check, "Status": "critical", "ModifyIndex": check_version}
    client.txn.put([{"Check": {"Verb": "cas", "Check": changed}}])
    assert client.health.node(name)[1][0]["Status"] == "critical"
    # The version has moved on, so the same cas is refused now.
    assert refused(client, {"Check": {"Verb": "cas", "Check": changed}})[0]["OpIndex"] == 0
    client.txn.put(
        [
            {
                "Service": {
                    "Verb": "cas",
                    "Node": name,
                    "Service": {**service, "Port": 81, "ModifyIndex": service_version},
                }
            },
            {"Node": {"Verb": "cas", "Node": {**node, "Address": "127.0.0.4", "ModifyIndex": node_version}}},
        ]
    )
    entry = client.catalog.service(f"{name}-web")[1][0]
    assert (entry["Address"], entry["ServicePort"]) == ("127.0.0.4", 81)

    client.txn.put(
        [
            {"Check": {"Verb": "delete", "Check": {"Node": name, "CheckID": "web1-ok"}}},
            {"Service": {"Verb": "delete", "Node": name, "Service": service}},
            {"Node": {"Verb": "delete", "Node": {"Node": name}}},
        ]
    )
    assert client.catalog.node(name)[1] is None
