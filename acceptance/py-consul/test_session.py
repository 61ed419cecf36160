"""Sessions and the locks built on them: consul.session, and consul.kv.put with acquire and release."""

import time
import uuid

import consul
import pytest
from conftest import ANSWER_SECONDS_MAX, beyond_consul_1_13, eventually

NANOSECONDS = 10**9
# The shortest TTL that Consul and Quorate accept; a session with it ends between 1x and 2x of it.
TTL_SECONDS_MIN = 10


def test_defaults(client, server_node):
    session = client.session.create()
    _, info = client.session.info(session)
    assert info["ID"] == session == str(uuid.UUID(session))
    assert info["Node"] == server_node
    assert info["LockDelay"] == 15 * NANOSECONDS
    assert info["Behavior"] == "release"
    assert info["TTL"] == ""
    assert info["Name"] == ""
    assert info["NodeChecks"] == ["serfHealth"]
    assert info["CreateIndex"] == info["ModifyIndex"] > 0
    assert client.session.destroy(session) is True


def test_every_parameter(client, name, server_node):
    own = client.agent.self()["Config"]["Datacenter"]
    session = client.session.create(
        name=name, node=server_node, checks=["serfHealth"], lock_delay=3, behavior="delete", ttl=3600, dc=own, token="t"
    )
    _, info = client.session.info(session, dc=own, token="t", consistency="consistent")
    assert info["Name"] == name
    assert info["LockDelay"] == 3 * NANOSECONDS
    assert info["Behavior"] == "delete"
    assert info["TTL"] == "3600s"
    assert info["NodeChecks"] == ["serfHealth"]
    assert client.session.renew(session, dc=own, token="t")["ID"] == session
    assert client.session.destroy(session, dc=own, token="t") is True


def test_list_node_and_info_agree_and_block(client, name, server_node, background):
    index, _ = client.session.list()
    parked = background(client.session.list, index=index, wait="60s")
    session = consul.Consul().session.create(name=name)
    _, sessions = parked.result(ANSWER_SECONDS_MAX)
    assert name in [s["Name"] for s in sessions]
    index, on_node = client.session.node(server_node, consistency="stale")
    assert session in [s["ID"] for s in on_node]
    info_index, info = client.session.info(session)
    assert info in on_node
    parked_node = background(client.session.node, server_node, index=index, wait="60s")
    parked_info = background(client.session.info, session, index=info_index, wait="60s")
    consul.Consul().session.destroy(session)
    assert session not in [s["ID"] for s in parked_node.result(ANSWER_SECONDS_MAX)[1]]
    assert parked_info.result(ANSWER_SECONDS_MAX)[1] is None


def test_unknown_sessions(client):
    unknown = str(uuid.uuid4())
    assert client.session.info(unknown)[1] is None
    assert client.session.destroy(unknown) is True
    with pytest.raises(consul.NotFound):
        client.session.renew(unknown)


def test_refusals_are_in_consuls_words(client, name):
    with pytest.raises(consul.ConsulException, match="500 .*Missing check 'no-such-check' registration"):
        client.session.create(checks=["no-such-check"])
    with pytest.raises(consul.ConsulException, match="500 .*Missing node registration"):
        client.session.create(node=f"{name}-absent", checks=[])


def test_lock_has_one_holder(client, name):
    mine, theirs = client.session.create(), client.session.create()
    assert client.kv.put(name, "mine", acquire=mine) is True
    assert client.kv.put(name, "theirs", acquire=theirs) is False
    _, entry = client.kv.get(name)
    assert (entry["Session"], entry["LockIndex"], entry["Value"]) == (mine, 1, b"mine")
    # The holder may acquire again, which writes the value and is not a new hold.
    assert client.kv.put(name, "mine again", acquire=mine) is True
    assert client.kv.get(name)[1]["LockIndex"] == 1
    assert client.kv.put(name, "theirs", release=theirs) is False
    assert client.kv.put(name, "released", release=mine) is True
    _, entry = client.kv.get(name)
    assert "Session" not in entry
    # No lock-delay follows a release: the next holder comes at once, and the fencing number grows.
    assert client.kv.put(name, "theirs", acquire=theirs) is True
    assert client.kv.get(name)[1]["LockIndex"] == 2
    client.session.destroy(mine)
    client.session.destroy(theirs)


@beyond_consul_1_13  # which sets it back to 0, so that it cannot fence
def test_lock_index_outlives_plain_and_cas_writes(client, name):
    session = client.session.create()
    client.kv.put(name, "x", acquire=session)
    client.kv.put(name, "x", release=session)
    client.kv.put(name, "plain")
    assert client.kv.get(name)[1]["LockIndex"] == 1
    client.kv.put(name, "cas", cas=client.kv.get(name)[1]["ModifyIndex"])
    assert client.kv.get(name)[1]["LockIndex"] == 1
    client.session.destroy(session)


def test_acquire_with_an_unknown_session_is_invalid_session(client, name):
    unknown = str(uuid.uuid4())
    with pytest.raises(consul.ConsulException, match="^500 .*invalid session"):
        client.kv.put(name, "x", acquire=unknown)
    assert client.kv.get(name)[1] is None


def test_waiting_contender_sees_the_release(client, name, background):
    holder = client.session.create()
    client.kv.put(name, "held", acquire=holder)
    index, _ = client.kv.get(name)
    parked = background(client.kv.get, name, index=index, wait="60s")
    consul.Consul().kv.put(name, "free", release=holder)
    assert "Session" not in parked.result(ANSWER_SECONDS_MAX)[1]
    client.session.destroy(holder)


def test_destroyed_session_releases_its_keys_and_keeps_them(client, name, background):
    session = client.session.create(lock_delay=0)
    client.kv.put(name, "kept", acquire=session)
    index, _ = client.kv.get(name)
    parked = background(client.kv.get, name, index=index, wait="60s")
    consul.Consul().session.destroy(session)
    _, entry = parked.result(ANSWER_SECONDS_MAX)
    assert entry["Value"] == b"kept"
    assert "Session" not in entry
    assert entry["LockIndex"] == 1


def test_behavior_delete_removes_the_keys(client, name, background):
    session = client.session.create(behavior="delete", lock_delay=0)
    client.kv.put(f"{name}/held", "x", acquire=session)
    client.kv.put(f"{name}/other", "x")
    index, _ = client.kv.get(f"{name}/", recurse=True)
    parked = background(client.kv.get, f"{name}/", recurse=True, index=index, wait="60s")
    consul.Consul().session.destroy(session)
    assert [e["Key"] for e in parked.result(ANSWER_SECONDS_MAX)[1]] == [f"{name}/other"]


@pytest.mark.parametrize("behavior", ["release", "delete"])
def test_lock_delay_holds_the_next_one_off(client, name, behavior):
    first = client.session.create(lock_delay=1, behavior=behavior)
    second = client.session.create()
    client.kv.put(name, "x", acquire=first)
    started = time.monotonic()
    client.session.destroy(first)
    assert client.kv.put(name, "x", acquire=second) is False
    while not client.kv.put(name, "x", acquire=second):
        assert time.monotonic() - started < ANSWER_SECONDS_MAX
        time.sleep(0.05)
    assert time.monotonic() - started >= 1.0
    client.session.destroy(second)


def test_lock_delay_of_zero_lets_the_next_one_in_at_once(client, name):
    first, second = client.session.create(lock_delay=0), client.session.create()
    client.kv.put(name, "x", acquire=first)
    client.session.destroy(first)
    assert client.kv.put(name, "x", acquire=second) is True
    client.session.destroy(second)


def test_ttl_ends_an_unrenewed_session_and_spares_a_renewed_one(client, name, background):
    dying = client.session.create(ttl=TTL_SECONDS_MIN, lock_delay=0)
    living = client.session.create(ttl=TTL_SECONDS_MIN, lock_delay=0)
    client.kv.put(f"{name}/dying", "x", acquire=dying)
    client.kv.put(f"{name}/living", "x", acquire=living)
    started = time.monotonic()
    index, _ = client.kv.get(f"{name}/dying")
    while True:
        index, entry = client.kv.get(f"{name}/dying", index=index, wait="2s")
        if "Session" not in entry:
            break
        assert time.monotonic() - started < 2 * TTL_SECONDS_MIN + 5, "the session outlived twice its TTL"
        assert client.session.renew(living)["TTL"] == f"{TTL_SECONDS_MIN}s"
    assert time.monotonic() - started >= TTL_SECONDS_MIN
    assert client.session.info(dying)[1] is None
    assert client.kv.get(f"{name}/living")[1]["Session"] == living
    client.session.destroy(living)


def register(client, node, status="passing"):
    """A node with a check of its own, and the one that the older `Checks` of py-consul brings along."""
    for check, state in [("serfHealth", "passing"), ("alive", status)]:
        entry = {"Node": node, "CheckID": check, "Name": check, "Status": state}
        assert client.catalog.register(node, "127.0.0.2", check=entry) is True


def test_session_ends_with_its_check_its_check_id_or_its_node(client, name):
    endings = {
        "critical": lambda node: register(client, node, "critical"),
        "check-gone": lambda node: client.catalog.deregister(node, check_id="alive"),
        "node-gone": lambda node: client.catalog.deregister(node),
    }
    for ending, end in endings.items():
        node = f"{name}-{ending}"
        register(client, node)
        session = client.session.create(node=node, checks=["alive"], lock_delay=0)
        assert client.kv.put(node, "x", acquire=session) is True
        end(node)
        entry = eventually(
            lambda index, key=node: client.kv.get(key, index=index, wait="5s"), lambda e: "Session" not in e
        )
        assert entry["Value"] == b"x"
        assert client.session.info(session)[1] is None
        client.catalog.deregister(node)


def test_no_session_on_a_critical_check(client, name):
    register(client, name, "critical")
    with pytest.raises(consul.ConsulException, match="500 .*Check 'alive' is in critical state"):
        client.session.create(node=name, checks=["alive"])
    # With no checks at all the session stands on the node alone.
    session = client.session.create(node=name, checks=[])
    assert client.session.info(session)[1]["NodeChecks"] in ([], None)
    client.session.destroy(session)
    client.catalog.deregister(name)
