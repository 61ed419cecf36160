"""Blocking queries: which write wakes which question, with what answer, and how long a wait lasts."""

from story import case

QUESTIONS = [
    "/v1/kv/watch/key",
    "/v1/kv/watch/other",
    "/v1/kv/watch/absent",
    "/v1/kv/watch/?recurse",
    "/v1/kv/watch/?keys",
    "/v1/kv/watch/?keys&separator=/",
    "/v1/kv/elsewhere/?recurse",
    "/v1/kv/?keys",
    "/v1/session/list",
    "/v1/session/node/host",
    "/v1/catalog/nodes",
    "/v1/catalog/services",
    "/v1/catalog/service/web",
    "/v1/catalog/service/absent",
    "/v1/catalog/node/host",
    "/v1/catalog/node/absent",
    "/v1/catalog/node-services/host",
    "/v1/health/node/host",
    "/v1/health/checks/web",
    "/v1/health/service/web",
    "/v1/health/service/web?passing",
    "/v1/health/service/api",
    "/v1/health/service/absent",
    "/v1/health/state/any",
    "/v1/health/state/critical",
    "/v1/health/service/web?tag=a&stale",
    "/v1/catalog/nodes?node-meta=rack:r1",
    "/v1/catalog/nodes?filter=Node==absent",
]
WEB = {"ID": "web1", "Service": "web", "Tags": ["a"], "Port": 80}
WEB_CHECK = {"CheckID": "web-ok", "Name": "web", "Status": "passing", "ServiceID": "web1"}
NODE_CHECK = {"CheckID": "node-ok", "Name": "node", "Status": "passing"}
HOST = {"Node": "host", "Address": "10.0.0.1", "NodeMeta": {"rack": "r1"}}
OTHER = {"Node": "other", "Address": "10.0.0.2"}


def world(both):
    """What all watches look at: some keys, two nodes, two services, checks on one of them."""
    for key in ["watch/key", "watch/other", "watch/dir/a", "elsewhere/x"]:
        both.put(f"/v1/kv/{key}", "before")
    both.put("/v1/catalog/register", {**HOST, "Service": WEB, "Checks": [WEB_CHECK, NODE_CHECK]})
    both.put("/v1/catalog/register", {**HOST, "Service": {"Service": "api"}})
    both.put("/v1/catalog/register", {**OTHER, "Service": {"ID": "web2", "Service": "web"}})


def watch(both, method, target, body=None):
    both.watch(QUESTIONS, method, target, body)


def register(both, **fields):
    watch(both, "PUT", "/v1/catalog/register", fields)


def deregister(both, **fields):
    watch(both, "PUT", "/v1/catalog/deregister", fields)


@case
def a_key_changes(both):
    world(both)
    watch(both, "PUT", "/v1/kv/watch/key", "after")


@case
def a_key_appears(both):
    world(both)
    watch(both, "PUT", "/v1/kv/watch/absent", "here")


@case
def a_key_below_a_separator_appears(both):
    world(both)
    watch(both, "PUT", "/v1/kv/watch/dir/b", "here")


@case
def a_key_elsewhere_changes(both):
    world(both)
    watch(both, "PUT", "/v1/kv/unwatched", "here")


@case
def a_key_is_written_as_it_was(both):
    world(both)
    watch(both, "PUT", "/v1/kv/watch/key", "before")


@case
def only_the_flags_of_a_key_change(both):
    world(both)
    watch(both, "PUT", "/v1/kv/watch/key?flags=5", "before")


@case
def a_key_is_deleted(both):
    world(both)
    watch(both, "DELETE", "/v1/kv/watch/key")


@case
def an_absent_key_is_deleted(both):
    world(both)
    watch(both, "DELETE", "/v1/kv/watch/absent")


@case
def a_tree_is_deleted(both):
    world(both)
    watch(both, "DELETE", "/v1/kv/watch/?recurse")


@case
def an_empty_tree_is_deleted(both):
    world(both)
    watch(both, "DELETE", "/v1/kv/nothing/?recurse")


@case
def a_cas_fails(both):
    world(both)
    watch(both, "PUT", "/v1/kv/watch/key?cas=1", "after")


@case
def a_lock_is_taken_and_freed(both):
    world(both)
    session = both.put("/v1/session/create", {"LockDelay": 0}).take("ID")
    watch(both, "PUT", f"/v1/kv/watch/key?acquire={session}", "held")
    watch(both, "PUT", f"/v1/session/destroy/{session}")


@case
def a_lock_is_refused(both):
    world(both)
    session = both.put("/v1/session/create", {"LockDelay": 0}).take("ID")
    other = both.put("/v1/session/create", {"LockDelay": 0}).take("ID")
    both.put(f"/v1/kv/watch/key?acquire={session}", "held")
    watch(both, "PUT", f"/v1/kv/watch/key?acquire={other}", "held")


@case
def a_session_comes_and_goes(both):
    world(both)
    both.watch(QUESTIONS, "PUT", "/v1/session/create", {"Node": "host", "NodeChecks": ["node-ok"]})
    session = both.put("/v1/session/create", {"Node": "host", "NodeChecks": ["node-ok"]}).take("ID")
    watched = [f"/v1/session/info/{session}", *QUESTIONS]
    both.watch(watched, "PUT", f"/v1/session/renew/{session}")
    both.watch(watched, "PUT", f"/v1/session/destroy/{session}")


@case
def a_transaction_writes_several_keys(both):
    world(both)
    operations = [{"KV": {"Verb": "set", "Key": "watch/key", "Value": "eA=="}}]
    operations.append({"KV": {"Verb": "delete", "Key": "watch/other"}})
    watch(both, "PUT", "/v1/txn", operations)


@case
def a_transaction_fails(both):
    world(both)
    operations = [{"KV": {"Verb": "set", "Key": "watch/key", "Value": "eA=="}}]
    operations.append({"KV": {"Verb": "check-not-exists", "Key": "watch/other"}})
    watch(both, "PUT", "/v1/txn", operations)


@case
def a_node_appears(both):
    world(both)
    register(both, Node="absent", Address="10.0.0.9")


@case
def a_node_changes_its_address(both):
    world(both)
    register(both, **{**HOST, "Address": "10.0.0.9"})


@case
def a_registration_is_repeated(both):
    world(both)
    register(both, **HOST, Service=WEB, Checks=[WEB_CHECK, NODE_CHECK])


@case
def an_unrelated_node_changes(both):
    world(both)
    register(both, **{**OTHER, "NodeMeta": {"a": "b"}})


@case
def a_service_appears(both):
    world(both)
    register(both, **HOST, Service={"Service": "absent"})


@case
def an_instance_appears(both):
    world(both)
    register(both, **OTHER, Service={"ID": "web3", "Service": "web", "Tags": ["a"]})


@case
def an_instance_changes_its_port(both):
    world(both)
    register(both, **HOST, Service={**WEB, "Port": 81})


@case
def an_instance_changes_its_tags(both):
    world(both)
    register(both, **HOST, Service={**WEB, "Tags": ["b"]})


@case
def a_service_check_turns_critical_and_back(both):
    world(both)
    register(both, **HOST, Check={**WEB_CHECK, "Status": "critical"})
    register(both, **HOST, Check={**WEB_CHECK, "Status": "passing"})


@case
def only_the_output_of_a_check_changes(both):
    world(both)
    register(both, **HOST, Check={**WEB_CHECK, "Output": "new"})


@case
def a_node_check_turns_critical(both):
    world(both)
    register(both, **HOST, Check={**NODE_CHECK, "Status": "critical"})


@case
def a_node_check_appears(both):
    world(both)
    register(both, **OTHER, Check={"CheckID": "new", "Name": "new", "Status": "passing"})


@case
def a_check_is_deregistered(both):
    world(both)
    deregister(both, Node="host", CheckID="web-ok")


@case
def an_instance_is_deregistered(both):
    world(both)
    deregister(both, Node="host", ServiceID="web1")


@case
def the_last_instance_is_deregistered(both):
    world(both)
    deregister(both, Node="host", ServiceID="api")


@case
def a_node_is_deregistered(both):
    world(both)
    deregister(both, Node="host")


@case
def something_absent_is_deregistered(both):
    world(both)
    deregister(both, Node="host", ServiceID="absent")


@case
def a_wait_ends_on_time(both):
    both.put("/v1/kv/wait", "x")
    index = both.get("/v1/kv/wait").take_header("X-Consul-Index")
    for question in ["kv/wait", "kv/wait?recurse", "kv/wait?stale", "kv/wait?consistent"]:
        joint = "&" if "?" in question else "?"
        both.get(f"/v1/{question}{joint}index={index}&wait=200ms").took(0.2, 1)
    both.get(f"/v1/kv/wait?index={index}&wait=1ms").took(0, 1)
    both.get(f"/v1/kv/wait?index={index}&wait=1us").took(0, 1)
    both.get("/v1/kv/wait?index=0&wait=10s").took(0, 1)
    both.get("/v1/kv/wait?wait=10s").took(0, 1)
    both.get("/v1/kv/wait?index=1&wait=10s").took(0, 1)


@case
def an_index_from_the_future_waits(both):
    both.put("/v1/kv/future", "x")
    both.get("/v1/kv/future?index=1000000000&wait=200ms").took(0.2, 1)
    both.get("/v1/kv/absent?index=1000000000&wait=200ms").took(0.2, 1)
    both.get("/v1/catalog/nodes?index=1000000000&wait=200ms").took(0.2, 1)
    both.get("/v1/health/service/absent?index=1000000000&wait=200ms").took(0.2, 1)
    both.get("/v1/session/list?index=1000000000&wait=200ms").took(0.2, 1)


@case
def an_index_from_the_past_answers_at_once(both):
    both.put("/v1/kv/past", "x")
    both.put("/v1/catalog/register", {**HOST, "Service": WEB})
    for question in [
        "kv/past",
        "kv/?keys",
        "kv/past?recurse",
        "catalog/nodes",
        "catalog/service/web",
        "health/service/web",
    ]:
        joint = "&" if "?" in question else "?"
        both.get(f"/v1/{question}{joint}index=1&wait=10s").took(0, 2)


@case
def questions_that_never_wait(both):
    for route in ["status/leader", "status/peers", "catalog/datacenters", "operator/raft/configuration"]:
        both.get(f"/v1/{route}?index=1000000000&wait=10s").took(0, 2)
    both.get("/v1/agent/self?index=1000000000&wait=10s", select=lambda body: body["Config"]).took(0, 2)
    both.put("/v1/txn?index=1000000000&wait=10s", [{"KV": {"Verb": "get-tree", "Key": "x"}}]).took(0, 2)


@case
def errors_do_not_wait(both):
    both.get("/v1/catalog/nodes?filter=bogus&index=1000000000&wait=10s").took(0, 2)
    both.get("/v1/kv/?index=1000000000&wait=10s").took(0, 2)
    both.get("/v1/health/service/?index=1000000000&wait=10s").took(0, 2)
