"""/v1/txn: all verbs on keys, nodes, services and checks; atomicity, errors, limits, reads without the log."""

from story import case

# Consul 1.13.9 takes 64 operations; Quorate takes 128 by default, which is on the list of differences.
OPERATIONS_MAX = 64
OPERATIONS_MAX_OURS = 128
BODY_BYTES_MAX = 512 * 1024


def kv(verb, key=None, value=None, **rest):
    """One operation on a key; `value` is base64."""
    operation = {"Verb": verb, **rest}
    if key is not None:
        operation["Key"] = key
    if value is not None:
        operation["Value"] = value
    return {"KV": operation}


def node(verb, name, **rest):
    return {"Node": {"Verb": verb, "Node": {"Node": name, **rest}}}


def service(verb, on, **rest):
    return {"Service": {"Verb": verb, "Node": on, "Service": rest}}


def check(verb, on, identifier, **rest):
    return {"Check": {"Verb": verb, "Check": {"Node": on, "CheckID": identifier, **rest}}}


def txn(both, *operations, query=""):
    return both.put(f"/v1/txn{query}", list(operations))


@case
def bodies_that_are_no_transaction(both):
    for body in ["", "{", "{}", "x", "5", '"text"', "[", "[{]", "[5]", '["x"]', "[[]]", "true", "[{}}", "nul"]:
        both.put("/v1/txn", body)
    for body in ['[{"KV":5}]', '[{"KV":[]}]', '[{"KV":{"Key":5}}]', '[{"KV":{"Verb":5}}]', '[{"KV":{"Flags":"x"}}]']:
        both.put("/v1/txn", body)
    for body in ['[{"KV":{"Flags":-1}}]', '[{"KV":{"Index":"1"}}]', '[{"KV":{"Value":5}}]', '[{"KV":{"Value":"!!"}}]']:
        both.put("/v1/txn", body)
    for body in ['[{"KV":{"Value":"YQ"}}]', '[{"KV":{"Session":1}}]', '[{"Node":5}]', '[{"Node":{"Node":"x"}}]']:
        both.put("/v1/txn", body)
    for body in ['[{"Service":{"Service":{"Port":"x"}}}]', '[{"Check":{"Check":{"Definition":{"Interval":"x"}}}}]']:
        both.put("/v1/txn", body)
    both.put("/v1/txn")
    # `[null]` is left out: Consul's handler panics on it and closes the connection.


@case
def nothing_to_do(both):
    both.put("/v1/txn", "[]")
    both.put("/v1/txn", "null")
    both.put("/v1/txn", "[{}]")
    both.put("/v1/txn", '[{"Unknown":{"Verb":"get"}}]')
    both.put("/v1/txn", '[{"KV":null}]')
    both.put("/v1/txn", "[] trailing")
    both.put("/v1/txn", '[{"Session":{"Verb":"delete","Session":{"ID":"x"}}}]')


@case
def set_and_get(both):
    txn(both, kv("set", "txn/a", "aGk=", Flags=3), kv("get", "txn/a"))
    both.get("/v1/kv/txn/a")
    txn(both, kv("get", "txn/a"))
    txn(both, kv("set", "txn/b", ""), kv("set", "txn/c"), kv("get", "txn/b"), kv("get", "txn/c"))
    txn(both, {"KV": {"Verb": "set", "Key": "txn/d", "Value": None}}, kv("get", "txn/d"))
    txn(both, kv("set", "txn/a", "aGk=", Flags=3))
    txn(both, kv("get", "txn/a"), kv("get", "txn/b"), kv("get", "txn/missing"), kv("get", "txn/gone"))
    both.put("/v1/txn", '[{"kv":{"verb":"get","key":"txn/a"}}]')
    both.put("/v1/txn", '[{"KV":{"Verb":"set","Key":"txn/e","value":"aGk=","FLAGS":7}}]')
    both.get("/v1/kv/txn/e")
    both.put("/v1/txn", '[{"KV":{"Verb":"get","Key":"txn/a","Unknown":1}}]')
    both.get("/v1/kv/txn/?recurse")


@case
def get_tree(both):
    for key in ["tree/a", "tree/b/c", "tree2"]:
        both.put(f"/v1/kv/{key}", key)
    for key in ["tree", "tree/", "tree/b", "nothing"]:
        txn(both, kv("get-tree", key))
    txn(both, kv("get-tree", ""))
    txn(both, kv("get-tree"))
    txn(both, kv("get-tree", "tree/"), kv("get", "tree2"), kv("set", "tree3", "eA=="), kv("get-tree", "tree"))


@case
def get_or_empty(both):
    both.put("/v1/kv/full", "x")
    txn(both, kv("get-or-empty", "full"))
    txn(both, kv("get-or-empty", "missing"))
    txn(both, kv("get-or-empty", "full"), kv("set", "other", "eA=="), kv("get-or-empty", "missing"))
    txn(both, kv("get-or-empty", ""))


@case
def check_index(both):
    both.put("/v1/kv/ci", "x")
    index = both.get("/v1/kv/ci").take("0.ModifyIndex")
    txn(both, kv("check-index", "ci", Index=index))
    txn(both, kv("check-index", "ci", Index=index), kv("set", "ci", "eQ=="))
    txn(both, kv("check-index", "ci", Index=index), kv("set", "ci", "eg=="))
    both.get("/v1/kv/ci")
    txn(both, kv("check-index", "ci", Index=1))
    txn(both, kv("check-index", "ci"))
    txn(both, kv("check-index", "missing", Index=1))
    txn(both, kv("check-index", "missing", Index=0))
    txn(both, kv("check-index", ""))


@case
def check_session(both):
    session = both.put("/v1/session/create").take("ID")
    both.put(f"/v1/kv/cs?acquire={session}", "x")
    both.put("/v1/kv/free", "x")
    txn(both, kv("check-session", "cs", Session=session))
    txn(both, kv("check-session", "cs", Session=session), kv("set", "cs/data", "eA=="))
    txn(both, kv("check-session", "cs", Session="other"), kv("set", "cs/data", "eQ=="))
    txn(both, kv("check-session", "cs"))
    txn(both, kv("check-session", "free"))
    txn(both, kv("check-session", "free", Session="other"))
    txn(both, kv("check-session", "missing", Session="other"))
    both.get("/v1/kv/cs/?recurse")


@case
def check_not_exists(both):
    both.put("/v1/kv/cne", "x")
    txn(both, kv("check-not-exists", "cne"))
    txn(both, kv("check-not-exists", "missing"))
    txn(both, kv("check-not-exists", "missing"), kv("set", "missing", "eA=="))
    txn(both, kv("check-not-exists", "missing"), kv("set", "missing", "eQ=="))
    txn(both, kv("check-not-exists", ""))
    both.get("/v1/kv/missing?raw")


@case
def compare_and_set(both):
    both.put("/v1/kv/tc", "x")
    index = both.get("/v1/kv/tc").take("0.ModifyIndex")
    txn(both, kv("cas", "tc", "eQ==", Index=1))
    txn(both, kv("cas", "tc", "eQ==", Index=0))
    txn(both, kv("cas", "tc", "eQ==", Index=index))
    txn(both, kv("cas", "new", "eQ==", Index=0))
    txn(both, kv("cas", "new2", "eQ==", Index=5))
    txn(both, kv("cas", "new3", "eQ=="))
    txn(both, kv("cas", "", "eQ==", Index=0))
    both.get("/v1/kv/?recurse")


@case
def deletes(both):
    for key in ["del/a", "del/b", "del/c/d", "del/c/e", "keep"]:
        both.put(f"/v1/kv/{key}", "x")
    index = both.get("/v1/kv/del/b").take("0.ModifyIndex")
    txn(both, kv("delete", "del/a"))
    txn(both, kv("delete", "del/a"))
    txn(both, kv("delete-cas", "del/b", Index=1))
    txn(both, kv("delete-cas", "del/b"))
    txn(both, kv("delete-cas", "del/b", Index=index))
    txn(both, kv("delete-cas", "del/b", Index=index))
    txn(both, kv("delete-tree", "del/c/"))
    txn(both, kv("delete-tree", "nothing"))
    txn(both, kv("delete", ""))
    txn(both, kv("delete-cas", ""))
    both.get("/v1/kv/?keys")
    txn(both, kv("delete-tree", ""))
    both.get("/v1/kv/?keys")


@case
def locks(both):
    one = both.put("/v1/session/create", {"LockDelay": 0}).take("ID")
    two = both.put("/v1/session/create", {"LockDelay": 0}).take("ID")
    txn(both, kv("lock", "tl", "eA==", Session=one))
    txn(both, kv("lock", "tl", "eQ==", Session=one))
    txn(both, kv("lock", "tl", "eg==", Session=two))
    txn(both, kv("unlock", "tl", "eg==", Session=two))
    both.get("/v1/kv/tl")
    txn(both, kv("unlock", "tl", "dQ==", Session=one))
    txn(both, kv("unlock", "tl", "dQ==", Session=one))
    both.get("/v1/kv/tl")
    txn(both, kv("lock", "tl", "eA==", Session="nosuch"))
    txn(both, kv("lock", "tl", "eA=="))
    txn(both, kv("lock", "tl", "eA==", Session=""))
    txn(both, kv("unlock", "tl", "eA==", Session="nosuch"))
    txn(both, kv("unlock", "tl", "eA=="))
    txn(both, kv("unlock", "missing", "eA==", Session=one))
    txn(both, kv("lock", "", "eA==", Session=one))
    txn(both, kv("lock", "tl", "eA==", Session=two), kv("check-session", "tl", Session=two), kv("get", "tl"))
    both.get("/v1/kv/tl")


@case
def a_lock_within_the_lock_delay(both):
    one = both.put("/v1/session/create", {"LockDelay": "30s"}).take("ID")
    two = both.put("/v1/session/create").take("ID")
    txn(both, kv("lock", "delayed", "eA==", Session=one))
    both.put(f"/v1/session/destroy/{one}")
    txn(both, kv("lock", "delayed", "eA==", Session=two))
    txn(both, kv("set", "other", "eA=="), kv("lock", "delayed", "eA==", Session=two))
    both.get("/v1/kv/?keys")


@case
def request_keys_in_any_case(both):
    both.put("/v1/txn", '[{"kv":{"verb":"set","key":"low","value":"eA==","flags":7}}]')
    both.put("/v1/txn", '[{"Kv":{"VERB":"get","KEY":"low"}},{"KV":{"Verb":"get","Key":"low"}}]')
    both.put("/v1/txn", '[{"node":{"verb":"set","node":{"node":"tn","address":"10.0.0.1","meta":{"K":"V"}}}}]')
    both.put("/v1/txn", '[{"service":{"verb":"set","node":"tn","service":{"service":"web","port":80}}}]')
    both.put("/v1/txn", '[{"check":{"verb":"set","check":{"node":"tn","checkid":"c","name":"n","status":"passing"}}}]')
    both.put("/v1/txn", '[{"KV":{"Verb":"SET","Key":"low"}}]')
    both.get("/v1/health/service/web")


@case
def values_of_any_bytes(both):
    for value in ["AAECAwT/", "", "eA", "eA=", "e A==", "eA==\n", "-_8=", "not base64", None, 5]:
        txn(both, {"KV": {"Verb": "set", "Key": "bytes", "Value": value}})
        both.get("/v1/kv/bytes")
    for key in ["a/b c", "é", "%2F", "/lead", "\u0000", "<&>", "..", "a//b"]:
        txn(both, kv("set", key, "eA=="), kv("get", key))
    both.get("/v1/kv/?keys")


@case
def all_or_nothing(both):
    both.put("/v1/kv/aon", "x")
    txn(both, kv("set", "aon", "eQ=="), kv("set", "new", "eA=="), kv("check-index", "aon", Index=1))
    both.get("/v1/kv/?recurse")
    txn(both, kv("cas", "aon", "eQ==", Index=1), kv("cas", "new", "", Index=0), kv("delete-cas", "aon", Index=1))
    both.get("/v1/kv/?recurse")
    txn(both, kv("set", "", "eQ=="), kv("set", "new", "eA=="), kv("bogus", "x"), kv("get", ""))
    txn(both, kv("bogus", "x"), kv("set", "new", "eA=="), kv("get", "missing"))
    txn(both, kv("get", "missing"), kv("get", "missing2"), kv("get", "aon"))
    both.get("/v1/kv/?recurse")
    txn(both, kv("set", "seq", "MQ=="), kv("delete", "seq"), kv("check-not-exists", "seq"), kv("set", "seq", "Mg=="))
    both.get("/v1/kv/seq")
    txn(both, kv("set", "seq", "MQ=="), kv("set", "seq", "Mg=="), kv("get", "seq"))


@case
def unknown_verbs(both):
    for verb in ["bogus", "", "GET", "Set", "read"]:
        txn(both, kv(verb, "x"))
        txn(both, node(verb, "x"))
        txn(both, service(verb, "x", ID="y", Service="y"))
        txn(both, check(verb, "x", "y"))
    txn(both, {"KV": {}})
    txn(both, {"KV": {"Key": "x"}})
    txn(both, {"Node": {}})
    txn(both, {"Service": {}})
    txn(both, {"Check": {}})


@case
def reads_with_a_consistency(both):
    both.put("/v1/kv/rc", "x")
    for query in [
        "?stale",
        "?consistent",
        "?stale&consistent",
        "?index=x",
        "?wait=x",
        "?index=1&wait=1ms",
        "?max_stale=x",
    ]:
        txn(both, kv("get", "rc"), query=query)
        txn(both, kv("set", "rc", "eQ=="), query=query)
    txn(both, kv("get", "rc"), kv("check-index", "rc", Index=0), query="?stale")


@case
def too_many_operations(both):
    both.put("/v1/txn", [kv("set", f"many/{n}", "eA==") for n in range(OPERATIONS_MAX)])
    both.get("/v1/kv/many/?keys")
    both.put("/v1/txn", [kv("get", f"many/{n}") for n in range(OPERATIONS_MAX)])
    both.put("/v1/txn", [kv("get", "many/0") for n in range(1000)])
    both.put("/v1/txn", [{} for n in range(OPERATIONS_MAX_OURS + 1)])


@case
def as_many_operations_as_newer_releases_take(both):
    both.put("/v1/txn", [kv("set", f"more/{n}", "eA==") for n in range(OPERATIONS_MAX + 1)])
    both.put("/v1/txn", [kv("delete", f"more/{n}") for n in range(OPERATIONS_MAX_OURS)])


@case
def bodies_past_the_limit(both):
    both.put("/v1/txn", [kv("set", "big", "A" * 700_000)])
    both.put("/v1/txn", "x" * (BODY_BYTES_MAX + 1))
    both.put("/v1/txn", "[" + " " * BODY_BYTES_MAX + "]", chunked=True)
    both.put("/v1/txn", [kv("set", "big", "A" * 520_000)])
    both.get("/v1/kv/big", select=lambda entries: len(entries[0]["Value"]))
    both.put("/v1/txn", "[" + " " * 1000 + "]", chunked=True)


@case
def nodes(both):
    txn(both, node("set", "tn", Address="10.9.9.9", Meta={"a": "b"}))
    txn(both, node("get", "tn"))
    txn(both, node("get", "TN"))
    both.get("/v1/catalog/node/tn")
    txn(both, node("set", "tn", Address="10.9.9.9", Meta={"a": "b"}))
    index = both.get("/v1/catalog/node/tn").take("Node.ModifyIndex")
    txn(both, node("cas", "tn", Address="10.9.9.8", ModifyIndex=1))
    txn(both, node("cas", "tn", Address="10.9.9.8", ModifyIndex=index))
    txn(both, node("cas", "new", Address="10.9.9.7", ModifyIndex=0))
    txn(both, node("cas", "new2", Address="10.9.9.7", ModifyIndex=5))
    both.get("/v1/catalog/nodes")
    txn(both, node("delete-cas", "tn", ModifyIndex=1))
    index = both.get("/v1/catalog/node/tn").take("Node.ModifyIndex")
    txn(both, node("delete-cas", "tn", ModifyIndex=index))
    txn(both, node("delete", "new"))
    txn(both, node("delete", "nobody"))
    txn(both, node("delete-cas", "nobody", ModifyIndex=3))
    txn(both, node("get", "nobody"))
    both.get("/v1/catalog/nodes")


@case
def nodes_with_ids(both):
    identifier = "aaaaaaaa-1111-2222-3333-444444444444"
    txn(
        both,
        node("set", "ti", ID=identifier, Address="10.9.9.9", TaggedAddresses={"lan": "10.9.9.9"}, Datacenter="dc1"),
    )
    txn(both, node("get", "", ID=identifier))
    txn(both, node("get", "wrong", ID=identifier))
    txn(both, node("get", "ti", ID="bbbbbbbb-1111-2222-3333-444444444444"))
    txn(both, node("set", "ti", ID="bad", Address="10.9.9.9"))
    txn(both, node("set", "renamed", ID=identifier, Address="10.9.9.9"))
    both.get("/v1/catalog/nodes")
    txn(both, node("set", "renamed", ID="cccccccc-1111-2222-3333-444444444444", Address="10.9.9.9"))
    txn(both, node("set", "", Address="10.9.9.9"))
    txn(both, node("set", "bare"))
    txn(both, node("delete", ""))
    both.get("/v1/catalog/nodes")


@case
def services(both):
    txn(both, node("set", "tn", Address="10.9.9.9"))
    full = {"ID": "ts1", "Service": "ts", "Port": 80, "Tags": ["b", "a"], "Address": "10.1.1.1", "Meta": {"m": "1"}}
    txn(both, service("set", "tn", **full, Weights={"Passing": 3, "Warning": 2}, EnableTagOverride=True))
    txn(both, service("get", "tn", ID="ts1"))
    txn(both, service("get", "tn", ID="TS1"))
    txn(both, service("set", "tn", **full, Weights={"Passing": 3, "Warning": 2}, EnableTagOverride=True))
    txn(both, service("set", "tn", Service="unnamed"))
    txn(both, service("set", "tn", ID="only-id"))
    txn(both, service("set", "tn", Service="bad", Address="0.0.0.0"))
    txn(both, service("set", "nobody", Service="ts"))
    txn(both, service("get", "tn", ID="missing"))
    txn(both, service("get", "nobody", ID="missing"))
    txn(both, service("get", "tn"))
    both.get("/v1/catalog/node/tn")
    index = both.get("/v1/catalog/node/tn").take("Services.ts1.ModifyIndex")
    txn(both, service("cas", "tn", ID="ts1", Service="ts", Port=81, ModifyIndex=1))
    txn(both, service("cas", "tn", ID="ts1", Service="ts", Port=81, ModifyIndex=index))
    txn(both, service("cas", "tn", ID="fresh", Service="ts", ModifyIndex=0))
    txn(both, service("cas", "tn", ID="fresh2", Service="ts", ModifyIndex=7))
    txn(both, service("delete-cas", "tn", ID="ts1", Service="ts", ModifyIndex=1))
    index = both.get("/v1/catalog/node/tn").take("Services.ts1.ModifyIndex")
    txn(both, service("delete-cas", "tn", ID="ts1", Service="ts", ModifyIndex=index))
    txn(both, service("delete", "tn", ID="fresh", Service="ts"))
    txn(both, service("delete", "tn", ID="fresh"))
    txn(both, service("delete", "tn", ID="missing", Service="ts"))
    txn(both, service("delete", "nobody", ID="missing", Service="ts"))
    both.get("/v1/catalog/node/tn")


@case
def proxies(both):
    txn(both, node("set", "tn", Address="10.9.9.9"))
    proxy = {"DestinationServiceName": "web", "DestinationServiceID": "web1", "LocalServicePort": 80}
    txn(both, service("set", "tn", ID="px", Service="px", Kind="connect-proxy", Port=8080, Proxy=proxy))
    txn(both, service("set", "tn", ID="px2", Service="px", Kind="connect-proxy", Port=8080))
    txn(both, service("get", "tn", ID="px"))
    both.get("/v1/catalog/service/px")


@case
def checks(both):
    txn(both, node("set", "tn", Address="10.9.9.9"), service("set", "tn", ID="ts1", Service="ts", Tags=["a"]))
    txn(both, check("set", "tn", "tc", Name="tc", Status="passing", ServiceID="ts1", Notes="n", Output="o"))
    txn(both, check("get", "tn", "tc"))
    txn(both, check("get", "tn", "TC"))
    txn(both, check("set", "tn", "tc", Name="tc", Status="passing", ServiceID="ts1", Notes="n", Output="o"))
    txn(both, check("set", "tn", "node", Name="node check"))
    txn(both, check("set", "tn", "", Name="named by its name", Status="warning"))
    txn(both, check("set", "tn", "", Status="warning"))
    txn(both, check("set", "tn", "bad", Name="bad", Status="bogus"))
    txn(both, check("set", "tn", "orphan", Name="x", ServiceID="missing"))
    txn(both, check("set", "nobody", "tc", Name="tc"))
    txn(both, check("get", "tn", "missing"))
    txn(both, check("get", "nobody", "tc"))
    both.get("/v1/health/node/tn")
    index = both.get("/v1/health/checks/ts").take("0.ModifyIndex")
    txn(both, check("cas", "tn", "tc", Name="tc", Status="critical", ServiceID="ts1", ModifyIndex=1))
    txn(both, check("cas", "tn", "tc", Name="tc", Status="critical", ServiceID="ts1", ModifyIndex=index))
    txn(both, check("cas", "tn", "fresh", Name="fresh", ModifyIndex=0))
    txn(both, check("cas", "tn", "fresh2", Name="fresh", ModifyIndex=9))
    index = both.get("/v1/health/checks/ts").take("0.ModifyIndex")
    txn(both, check("delete-cas", "tn", "tc", ModifyIndex=1))
    txn(both, check("delete-cas", "tn", "tc", ModifyIndex=index))
    txn(both, check("delete", "tn", "fresh"))
    txn(both, check("delete", "tn", "missing"))
    txn(both, check("delete", "nobody", "missing"))
    both.get("/v1/health/node/tn")


@case
def check_definitions(both):
    txn(both, node("set", "tn", Address="10.9.9.9"))
    http = {
        "HTTP": "http://x",
        "Method": "POST",
        "Body": "b",
        "Header": {"a": ["1"]},
        "Interval": "10s",
        "Timeout": "5s",
    }
    txn(both, check("set", "tn", "http", Name="http", Definition={**http, "DeregisterCriticalServiceAfter": "90s"}))
    txn(both, check("set", "tn", "tcp", Name="tcp", Definition={"TCP": "x:80", "IntervalDuration": "10s"}))
    txn(
        both,
        check(
            "set",
            "tn",
            "tls",
            Name="tls",
            Definition={"HTTP": "https://x", "TLSSkipVerify": True, "TLSServerName": "s"},
        ),
    )
    both.get("/v1/health/node/tn")


@case
def everything_in_one(both):
    operations = [node("set", "tn", Address="10.9.9.9"), service("set", "tn", ID="ts1", Service="ts", Port=1)]
    operations += [check("set", "tn", "tc", Name="tc", ServiceID="ts1"), kv("set", "tk", "eA=="), kv("get", "tk")]
    operations += [node("get", "tn"), service("get", "tn", ID="ts1"), check("get", "tn", "tc")]
    txn(both, *operations)
    both.get("/v1/health/service/ts")
    txn(both, node("delete", "tn"), kv("set", "tk", "eQ=="), kv("get", "missing"))
    both.get("/v1/health/service/ts")
    txn(both, service("get", "tn", ID="ts1"), check("get", "tn", "tc"), kv("get-tree", "t"), query="?stale")
    txn(both, node("delete", "tn"), kv("delete", "tk"))
    both.get("/v1/health/service/ts")
