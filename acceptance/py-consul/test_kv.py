"""Keys and values: consul.kv.get, put and delete with each of their parameters."""

import time

import consul
import pytest
from conftest import ANSWER_SECONDS_MAX

FLAGS_MAX = 2**64 - 1
# One byte more than Consul's default kv_max_value_size.
VALUE_BYTES_TOO_MANY = 512 * 1024 + 1


def test_put_and_get(client, name):
    assert client.kv.put(name, "bar") is True
    index, entry = client.kv.get(name)
    assert entry["Key"] == name
    assert entry["Value"] == b"bar"
    assert entry["Flags"] == 0
    assert entry["LockIndex"] == 0
    assert "Session" not in entry
    assert entry["CreateIndex"] == entry["ModifyIndex"] > 0
    assert int(index) >= entry["ModifyIndex"]


@pytest.mark.parametrize(
    "value",
    [b"", b"\x00", bytes(range(256)), "schön ☃".encode(), b"x" * (VALUE_BYTES_TOO_MANY - 1)],
    ids=["empty", "nul", "every-byte", "utf-8", "largest"],
)
def test_any_bytes_come_back(client, name, value):
    assert client.kv.put(name, value) is True
    assert (client.kv.get(name)[1]["Value"] or b"") == value


def test_none_marks_a_directory(client, name):
    assert client.kv.put(f"{name}/", None) is True
    assert client.kv.get(f"{name}/")[1]["Value"] is None


@pytest.mark.parametrize("suffix", ["a b", "a.b", "a/b/", "100%", "%2F", "a+b", "a?b#c", "é/☃", "-", "..hidden"])
def test_keys_of_every_shape(client, name, suffix):
    key = f"{name}/{suffix}"
    assert client.kv.put(key, "here") is True
    assert client.kv.get(key)[1]["Key"] == key
    assert client.kv.get(f"{name}/", keys=True)[1] == [key]
    assert client.kv.delete(key) is True
    assert client.kv.get(key)[1] is None


@pytest.mark.parametrize("flags", [0, 1, FLAGS_MAX])
def test_flags(client, name, flags):
    assert client.kv.put(name, "x", flags=flags) is True
    assert client.kv.get(name)[1]["Flags"] == flags


def test_absent_key_has_an_index_to_wait_on(client, name):
    index, entry = client.kv.get(name)
    assert entry is None
    assert int(index) >= 1


def test_recurse_keys_and_separator(client, name):
    for suffix in ["a", "b/1", "b/2", "c/1/x"]:
        client.kv.put(f"{name}/{suffix}", suffix)
    entries = client.kv.get(f"{name}/", recurse=True)[1]
    assert [(e["Key"], e["Value"]) for e in entries] == [
        (f"{name}/{suffix}", suffix.encode()) for suffix in ["a", "b/1", "b/2", "c/1/x"]
    ]
    assert client.kv.get(f"{name}/", keys=True)[1] == [f"{name}/{s}" for s in ["a", "b/1", "b/2", "c/1/x"]]
    assert client.kv.get(f"{name}/", keys=True, separator="/")[1] == [f"{name}/{s}" for s in ["a", "b/", "c/"]]
    assert client.kv.get(f"{name}/none", recurse=True)[1] is None
    assert client.kv.get(f"{name}/none", keys=True)[1] is None


def test_cas_writes_once_per_version(client, name):
    assert client.kv.put(name, "first", cas=0) is True
    assert client.kv.put(name, "second", cas=0) is False
    version = client.kv.get(name)[1]["ModifyIndex"]
    assert client.kv.put(name, "second", cas=version) is True
    assert client.kv.put(name, "third", cas=version) is False
    assert client.kv.get(name)[1]["Value"] == b"second"
    assert client.kv.put(f"{name}/absent", "x", cas=version) is False


def test_delete_with_cas(client, name):
    client.kv.put(name, "x")
    version = client.kv.get(name)[1]["ModifyIndex"]
    client.kv.put(name, "y")
    assert client.kv.delete(name, cas=version) is False
    assert client.kv.delete(name, cas=0) is False
    assert client.kv.delete(name, cas=client.kv.get(name)[1]["ModifyIndex"]) is True
    assert client.kv.get(name)[1] is None


def test_delete_of_one_key_and_of_a_prefix(client, name):
    for suffix in ["a", "ab", "a/1", "a/2"]:
        client.kv.put(f"{name}/{suffix}", "x")
    assert client.kv.delete(f"{name}/a") is True
    assert client.kv.get(f"{name}/", keys=True)[1] == [f"{name}/{s}" for s in ["a/1", "a/2", "ab"]]
    assert client.kv.delete(f"{name}/a/", recurse=True) is True
    assert client.kv.get(f"{name}/", keys=True)[1] == [f"{name}/ab"]
    assert client.kv.delete(f"{name}/never-there") is True


@pytest.mark.parametrize("consistency", ["default", "consistent", "stale"])
def test_each_consistency_sees_an_acknowledged_write(client, name, consistency):
    client.kv.put(name, consistency)
    assert client.kv.get(name, consistency=consistency)[1]["Value"] == consistency.encode()
    assert consul.Consul(consistency=consistency).kv.get(name)[1]["Value"] == consistency.encode()


def test_create_index_stays_and_modify_index_grows(client, name):
    client.kv.put(name, "one")
    before = client.kv.get(name)[1]
    client.kv.put(name, "two")
    after = client.kv.get(name)[1]
    assert after["CreateIndex"] == before["CreateIndex"]
    assert after["ModifyIndex"] > before["ModifyIndex"]
    client.kv.delete(name)
    client.kv.put(name, "again")
    assert client.kv.get(name)[1]["CreateIndex"] > after["ModifyIndex"]


def test_blocking_get_of_an_absent_key_answers_when_it_appears(client, name, background):
    index, _ = client.kv.get(name)
    parked = background(client.kv.get, name, index=index, wait="60s")
    consul.Consul().kv.put(name, "now")
    _, entry = parked.result(ANSWER_SECONDS_MAX)
    # The query may have been answered by another key's write before this one; then a second look must see it.
    assert (entry or client.kv.get(name)[1])["Value"] == b"now"


def test_blocking_get_answers_on_change_and_on_delete(client, name, background):
    client.kv.put(name, "old")
    index, _ = client.kv.get(name)
    parked = background(client.kv.get, name, index=index, wait="60s")
    consul.Consul().kv.put(name, "new")
    index, entry = parked.result(ANSWER_SECONDS_MAX)
    assert entry["Value"] == b"new"
    parked = background(client.kv.get, name, index=index, wait="60s")
    consul.Consul().kv.delete(name)
    later, entry = parked.result(ANSWER_SECONDS_MAX)
    assert entry is None
    assert int(later) > int(index)


def test_blocking_prefix_answers_on_add_and_delete_below_it(client, name, background):
    index, _ = client.kv.get(f"{name}/", recurse=True)
    other = consul.Consul()
    for write, expected in [
        (lambda: other.kv.put(f"{name}/a", "1"), [f"{name}/a"]),
        (lambda: other.kv.put(f"{name}/b", "1"), [f"{name}/a", f"{name}/b"]),
        (lambda: other.kv.delete(f"{name}/a"), [f"{name}/b"]),
    ]:
        parked = background(client.kv.get, f"{name}/", recurse=True, index=index, wait="60s")
        write()
        index, entries = parked.result(ANSWER_SECONDS_MAX)
        assert [entry["Key"] for entry in entries] == expected


def test_blocking_get_without_change_ends_within_wait_and_its_jitter(client, name):
    client.kv.put(name, "same")
    index, _ = client.kv.get(name)
    started = time.monotonic()
    later, entry = client.kv.get(name, index=index, wait="1600ms")
    seconds = time.monotonic() - started
    assert (later, entry["Value"]) == (index, b"same")
    assert seconds >= 1.6
    # 17/16 of the wait is what the protocol allows; the rest is for a busy machine.
    assert seconds < 1.7 + 1.0


def test_value_above_the_limit_is_refused(client, name):
    with pytest.raises(consul.ConsulException, match="413"):
        client.kv.put(name, b"x" * VALUE_BYTES_TOO_MANY)
    assert client.kv.get(name)[1] is None


def test_own_datacenter_is_served_and_another_is_named_unknown(client, name):
    own = client.agent.self()["Config"]["Datacenter"]
    assert client.kv.put(name, "x", dc=own) is True
    assert client.kv.get(name, dc=own)[1]["Value"] == b"x"
    assert client.kv.delete(name, dc=own) is True
    with pytest.raises(consul.ConsulException, match="500 No path to datacenter"):
        client.kv.get(name, dc="elsewhere")
    with pytest.raises(consul.ConsulException, match="500 No path to datacenter"):
        client.kv.put(name, "x", dc="elsewhere")


def test_a_token_is_accepted_while_acls_are_off(client, name):
    token = "b1gs3cr3-7e57-4a5e-9d0f-000000000000"
    assert client.kv.put(name, "x", token=token) is True
    assert consul.Consul(token=token).kv.get(name)[1]["Value"] == b"x"
    assert client.kv.delete(name, token=token) is True
