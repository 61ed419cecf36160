"""What all routes have in common: paths, verbs, query options, datacenters, namespaces, tokens, formats, ACLs off."""

from story import case

READS = [
    "/v1/kv/common",
    "/v1/kv/?keys",
    "/v1/session/list",
    "/v1/session/info/00000000-0000-0000-0000-000000000000",
    "/v1/session/node/nobody",
    "/v1/catalog/nodes",
    "/v1/catalog/services",
    "/v1/catalog/service/nothing",
    "/v1/catalog/node/nobody",
    "/v1/catalog/node-services/nobody",
    "/v1/health/node/nobody",
    "/v1/health/checks/nothing",
    "/v1/health/service/nothing",
    "/v1/health/state/critical",
]
# Routes that answer without an index.
PLAIN_READS = ["/v1/status/leader", "/v1/status/peers", "/v1/operator/raft/configuration", "/v1/catalog/datacenters"]
# Every covered route with the verbs it does not take.
WRONG_VERBS = [
    ("/v1/kv/a", ["POST", "PATCH", "HEAD"]),
    ("/v1/txn", ["GET", "POST", "DELETE", "HEAD"]),
    ("/v1/session/create", ["GET", "POST", "DELETE"]),
    ("/v1/session/destroy/x", ["GET", "DELETE"]),
    ("/v1/session/renew/x", ["GET", "POST"]),
    ("/v1/session/info/x", ["PUT", "HEAD"]),
    ("/v1/session/node/x", ["PUT"]),
    ("/v1/session/list", ["PUT", "DELETE"]),
    ("/v1/catalog/register", ["GET", "POST"]),
    ("/v1/catalog/deregister", ["GET", "DELETE"]),
    ("/v1/catalog/datacenters", ["PUT"]),
    ("/v1/catalog/nodes", ["PUT", "HEAD", "FOO"]),
    ("/v1/catalog/services", ["POST"]),
    ("/v1/catalog/service/x", ["DELETE"]),
    ("/v1/catalog/node/x", ["PUT"]),
    ("/v1/catalog/node-services/x", ["PUT"]),
    ("/v1/health/node/x", ["PUT"]),
    ("/v1/health/checks/x", ["PUT"]),
    ("/v1/health/service/x", ["PUT", "HEAD"]),
    ("/v1/health/state/any", ["PUT"]),
    ("/v1/event/fire/x", ["GET", "POST"]),
    ("/v1/event/list", ["PUT"]),
    ("/v1/status/leader", ["PUT", "HEAD"]),
    ("/v1/status/peers", ["POST"]),
    ("/v1/operator/raft/configuration", ["PUT", "DELETE"]),
    ("/v1/snapshot", ["POST", "DELETE", "HEAD"]),
    ("/v1/agent/self", ["PUT", "HEAD"]),
    ("/v1/agent/members", ["POST"]),
    ("/v1/agent/metrics", ["PUT"]),
    ("/v1/agent/services", ["PUT"]),
    ("/v1/agent/service/x", ["PUT", "DELETE"]),
    ("/v1/agent/service/register", ["GET", "POST"]),
    ("/v1/agent/service/deregister/x", ["GET", "DELETE"]),
    ("/v1/agent/service/maintenance/x", ["GET"]),
    ("/v1/agent/checks", ["PUT"]),
    ("/v1/agent/check/register", ["GET", "POST"]),
    ("/v1/agent/check/deregister/x", ["GET"]),
    ("/v1/agent/check/pass/x", ["GET", "POST"]),
    ("/v1/agent/check/warn/x", ["GET"]),
    ("/v1/agent/check/fail/x", ["GET"]),
    ("/v1/agent/check/update/x", ["GET"]),
    ("/v1/agent/health/service/id/x", ["PUT", "HEAD"]),
    ("/v1/agent/health/service/name/x", ["PUT"]),
    ("/v1/agent/maintenance", ["GET"]),
    ("/v1/agent/host", ["PUT"]),
    ("/v1/agent/monitor", ["PUT"]),
    ("/v1/agent/metrics/stream", ["PUT"]),
    ("/v1/agent/reload", ["GET"]),
    ("/v1/agent/leave", ["GET"]),
    ("/v1/agent/join/x", ["GET"]),
    ("/v1/agent/force-leave/x", ["GET"]),
]


# Routes of Consul 1.13 that are none of Quorate's yet. Those that stream, leave the cluster or reload are left out.
LATER_READS = [
    "agent/connect/ca/roots",
    "catalog/connect/x",
    "catalog/gateway-services/x",
]
LATER_READS += ["config/service-defaults", "connect/ca/roots", "connect/ca/configuration", "connect/intentions"]
LATER_READS += ["connect/intentions/match", "coordinate/datacenters", "coordinate/nodes", "coordinate/node/x"]
LATER_READS += ["discovery-chain/x", "health/connect/x", "health/ingress/x", "internal/federation-states"]
LATER_READS += [
    "internal/ui/nodes",
    "internal/ui/node/x",
    "internal/ui/services",
    "operator/keyring",
    "query",
    "query/x",
]
LATER_READS += ["operator/autopilot/configuration", "operator/autopilot/health", "operator/autopilot/state"]
LATER_READS += ["peerings", "peering/x"]
LATER_WRITES = ["coordinate/update", "config"]


@case
def unknown_paths(both):
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/kvs/a", "/v2/kv/a", "/foo", "/foo/v1/bar", "/V1/kv/a"]:
        both.get(path)
    both.put("/v1/nothing", "x")
    both.delete("/v1/nothing")
    both.request("OPTIONS", "/v1/nothing")
    both.request("HEAD", "/v1/nothing")


@case
def paths_with_a_slash_too_many_or_too_few(both):
    for path in ["/v1/catalog/nodes/", "/v1/status/leader/", "/v1/session/list/", "/v1/txn/", "/v1/snapshot/"]:
        both.get(path)
    for path in ["/v1/kv", "/v1/catalog/service", "/v1/catalog/node", "/v1/health/state", "/v1/session/info"]:
        both.get(path)
    both.get("/v1/kv?recurse&separator=/")
    both.put("/v1/kv", "x")
    both.delete("/v1/kv?recurse")
    both.put("/v1/session/renew")


@case
def paths_that_are_cleaned_by_a_redirect(both):
    both.put("/v1/kv/a/b", "x")
    for path in ["//v1/kv/a", "/v1//kv/a", "/v1/kv/a//b", "/v1/kv/a/./b", "/v1/kv/a/../b", "/v1/kv/../catalog/nodes"]:
        both.get(path)
    both.get("/v1/kv/a//b?raw&pretty")
    both.put("/v1/kv/a//b", "x")
    both.delete("/v1/kv//a")
    both.request("HEAD", "/v1/kv//a")
    both.get("/v1/kv/a/..")
    both.get("/v1/kv/..")
    both.get("//")
    both.get("/v1/nothing//x")


@case
def paths_with_unprintable_characters(both):
    for path in ["%00", "%01", "%0a", "%09", "%1f", "%7f", "%C2%A0", "%C2%AD", "%E2%80%8B", "%E2%80%A8", "%EE%80%80"]:
        both.get(f"/v1/kv/{path}")
    both.put("/v1/kv/%0a", "x")
    both.get("/v1/nothing/%01")
    both.get("/%01")
    for path in ["%ff", "%c3%a9", "%20", "%F0%9F%98%80"]:
        both.get(f"/v1/kv/{path}")


@case
def broken_escapes(both):
    both.get("/v1/kv/%zz")
    both.get("/v1/kv/%")
    both.get("/v1/kv/a?%zz")
    both.get("/v1/kv/a?x=%zz")
    both.get("/v1/kv/a?a;b")
    both.get("/v1/kv/a?raw;keys=1")
    both.get("/v1/catalog/nodes?%")
    both.get("/v1/nothing?%zz")


@case
def verbs_a_route_does_not_take(both):
    for path, verbs in WRONG_VERBS:
        for verb in verbs:
            both.request(verb, path)


@case
def options_of_every_route(both):
    for path, _ in WRONG_VERBS:
        both.request("OPTIONS", path)
    both.request("OPTIONS", "/v1/kv/a?ns=foo&index=x")
    both.request("OPTIONS", "/")


@case
def options_of_routes_below_acl(both):
    both.request("OPTIONS", "/v1/acl/tokens")
    both.request("OPTIONS", "/v1/acl/token/x")


@case
def wait_and_index_that_are_no_numbers(both):
    for query in ["index=x", "index=-1", "index=1.5", "index=99999999999999999999999", "index=0x1", "index=%201"]:
        both.get(f"/v1/kv/common?{query}")
    for query in ["wait=x", "wait=10", "wait=1s1", "wait=1h1x", "wait=.s", "wait=1e3s", "wait=99999999999h"]:
        both.get(f"/v1/kv/common?{query}")
    for query in ["wait=", "index=", "index=0", "wait=0", "wait=1.5s", "wait=-1s", "wait=1h1m1s", "wait=%2B1s"]:
        both.get(f"/v1/kv/common?{query}")
    both.get("/v1/kv/common?index=x&wait=x")
    # The first of several counts. For what was never there both tell an index of their own, so a wait is short there.
    both.get("/v1/kv/common?index=1&index=x&wait=10ms")
    both.put("/v1/kv/there", "x")
    both.get("/v1/kv/there?index=1&index=x").took(0, 5)
    both.get("/v1/kv/there?index=&index=x").took(0, 5)
    both.get("/v1/kv/there?index=x&index=1")
    both.get("/v1/kv/there?index=1&wait=10s&wait=x").took(0, 5)
    for route in READS:
        joint = "&" if "?" in route else "?"
        both.get(f"{route}{joint}index=x")
        both.get(f"{route}{joint}wait=x")
    for route in PLAIN_READS:
        both.get(f"{route}?index=x")
    both.get("/v1/event/list?wait=x")
    both.get("/v1/event/list?index=x")
    both.put("/v1/kv/common?index=x", "x")
    both.put("/v1/session/create?index=x")
    both.get("/v1/agent/self?index=x", select=lambda body: body["Config"])


@case
def consistency_options(both):
    for route in READS:
        joint = "&" if "?" in route else "?"
        for option in ["stale", "consistent", "stale&consistent"]:
            both.get(f"{route}{joint}{option}")
    for route in PLAIN_READS:
        both.get(f"{route}?stale")
        both.get(f"{route}?stale&consistent")
    for option in [
        "leader",
        "stale=false",
        "consistent=0",
        "max_stale=10s",
        "max_stale=0s",
        "max_stale=x",
        "max_stale=",
    ]:
        both.get(f"/v1/kv/common?{option}")
        both.get(f"/v1/catalog/nodes?{option}")
    both.get("/v1/catalog/nodes?max_stale=10s&consistent")
    both.get("/v1/kv/common?cached&consistent")
    both.get("/v1/catalog/service/nothing?cached&consistent")
    both.get("/v1/catalog/service/nothing?cached&stale&consistent")
    both.put("/v1/kv/common?stale&consistent", "x")
    both.delete("/v1/kv/common?stale&consistent")
    both.put("/v1/session/renew/x?stale&consistent")


@case
def cache_control(both):
    for value in ["max-age=x", "max-age=", "stale-if-error=x", "max-age=3, stale-if-error=-"]:
        both.get("/v1/kv/common", headers=[("Cache-Control", value)])
        both.get("/v1/health/service/nothing", headers=[("Cache-Control", value)])
    for value in ["max-age=3", "max-age=0", "must-revalidate", "no-cache", "Max-Age=3, Must-Revalidate", "max-age=-3"]:
        both.get("/v1/kv/common", headers=[("Cache-Control", value)])


@case
def another_datacenter(both):
    for route in [*READS, *PLAIN_READS]:
        joint = "&" if "?" in route else "?"
        both.get(f"{route}{joint}dc=elsewhere")
    for dc in ["DC1", "dc1%20", "dc1", ""]:
        both.get(f"/v1/kv/common?dc={dc}")
    both.put("/v1/kv/common?dc=elsewhere", "x")
    both.delete("/v1/kv/common?dc=elsewhere")
    both.put("/v1/txn?dc=elsewhere", [{"KV": {"Verb": "get", "Key": "a"}}])
    both.put("/v1/txn?dc=elsewhere", [{"KV": {"Verb": "set", "Key": "a", "Value": ""}}])
    both.put("/v1/session/create?dc=elsewhere")
    both.put("/v1/session/destroy/x?dc=elsewhere")
    both.put("/v1/session/renew/x?dc=elsewhere")
    both.put("/v1/event/fire/x?dc=elsewhere")
    both.get("/v1/snapshot?dc=elsewhere")
    both.put("/v1/snapshot?dc=elsewhere", "x")
    both.put("/v1/catalog/register", {"Datacenter": "elsewhere", "Node": "far", "Address": "10.0.0.1"})
    both.put("/v1/catalog/deregister", {"Datacenter": "elsewhere", "Node": "far"})
    both.put("/v1/catalog/register?dc=elsewhere", {"Node": "near", "Address": "10.0.0.1"})
    both.put("/v1/catalog/register", {"Datacenter": "dc1", "Node": "near", "Address": "10.0.0.2"})
    both.get("/v1/catalog/nodes")
    both.get("/v1/kv/common?dc=elsewhere&index=x")
    both.get("/v1/kv/common?dc=elsewhere&ns=foo")
    both.get("/v1/kv/?dc=elsewhere")
    both.get("/v1/agent/self?dc=elsewhere", select=lambda body: body["Config"])


@case
def namespaces_and_partitions(both):
    for route in READS:
        joint = "&" if "?" in route else "?"
        both.get(f"{route}{joint}ns=team")
        both.get(f"{route}{joint}partition=team")
        both.get(route, headers=[("X-Consul-Namespace", "team")])
        both.get(route, headers=[("X-Consul-Partition", "team")])
    for query in ["ns=", "ns=default", "ns=*", "partition=", "partition=default", "ns=a&partition=b"]:
        both.get(f"/v1/kv/common?{query}")
    for route in [*PLAIN_READS, "/v1/event/list", "/v1/agent/members"]:
        both.get(f"{route}?ns=team", shape=True)
        both.get(f"{route}?partition=team", shape=True)
    both.put("/v1/kv/common?ns=team", "x")
    both.delete("/v1/kv/common?ns=team")
    both.put("/v1/txn?ns=team", [])
    both.put("/v1/session/create?ns=team")
    both.put("/v1/session/destroy/x?ns=team")
    both.put("/v1/session/renew/x?ns=team")
    both.put("/v1/catalog/register?ns=team", {"Node": "near", "Address": "10.0.0.1"})
    both.put("/v1/catalog/deregister?partition=team", {"Node": "near"})
    both.get("/v1/kv/?ns=team")
    both.get("/v1/kv/common?ns=team&index=x")


@case
def tokens_while_acls_are_off(both):
    both.get("/v1/kv/common?token=anything")
    both.get("/v1/kv/common?token=")
    both.get("/v1/kv/common", headers=[("X-Consul-Token", "anything")])
    both.get("/v1/kv/common", headers=[("Authorization", "Bearer anything")])
    both.get("/v1/kv/common", headers=[("Authorization", "Basic eDp4")])
    both.put("/v1/kv/common?token=anything", "x")
    both.put("/v1/session/create", headers=[("X-Consul-Token", "anything")])
    both.get("/v1/catalog/nodes?token=anything")
    both.get("/v1/event/list?token=anything&name=none")
    both.get("/v1/agent/members?token=anything", shape=True)


@case
def acl_routes_while_acls_are_off(both):
    for path in ["tokens", "token/self", "token/x", "policies", "policy/x", "policy/name/x", "roles", "role/x"]:
        both.get(f"/v1/acl/{path}")
    for path in ["role/name/x", "binding-rules", "binding-rule/x", "auth-methods", "auth-method/x", "replication"]:
        both.get(f"/v1/acl/{path}")
    for path in ["bootstrap", "token", "policy", "role", "binding-rule", "auth-method", "token/x", "policy/x"]:
        both.put(f"/v1/acl/{path}", "{}")
    both.request("POST", "/v1/acl/login", "{}")
    both.request("POST", "/v1/acl/logout")
    both.request("POST", "/v1/internal/acl/authorize", "[]")
    both.delete("/v1/acl/token/x")
    both.delete("/v1/acl/tokens")
    both.get("/v1/acl/bootstrap")
    both.put("/v1/acl/replication")
    both.get("/v1/acl/unknown")
    both.get("/v1/acl/")
    both.get("/v1/acl")


@case
def acl_routes_of_the_removed_system(both):
    for path in ["create", "update", "destroy/x", "clone/x"]:
        both.put(f"/v1/acl/{path}", "{}")
    for path in ["list", "info/x", "rules/translate/x"]:
        both.get(f"/v1/acl/{path}")
    both.request("POST", "/v1/acl/rules/translate")


@case
def routes_that_come_later(both):
    for route in LATER_READS:
        both.get(f"/v1/{route}", select=lambda body: "not compared")
    for route in LATER_WRITES:
        both.put(f"/v1/{route}", "")


@case
def pretty_json(both):
    both.put("/v1/kv/pretty", "<a> & 'b'")
    for path in ["/v1/kv/pretty", "/v1/kv/pretty?recurse", "/v1/kv/?keys", "/v1/kv/missing", "/v1/catalog/nodes"]:
        joint = "&" if "?" in path else "?"
        for value in ["pretty", "pretty=0", "pretty="]:
            both.get(f"{path}{joint}{value}")
    both.get("/v1/status/leader?pretty")
    both.get("/v1/catalog/node/nobody?pretty")
    both.get("/v1/catalog/service/nothing?pretty")
    both.get("/v1/kv/pretty?raw&pretty")
    both.put("/v1/kv/pretty?pretty", "x")
    both.put("/v1/session/create?pretty")
    both.put("/v1/txn?pretty", [{"KV": {"Verb": "get", "Key": "missing"}}])
    both.put("/v1/txn?pretty", [{"KV": {"Verb": "get", "Key": "pretty"}}])


@case
def characters_that_json_escapes(both):
    for name in ["%3Chtml%3E%26", "%22quote%22", "back%5Cslash", "%E2%80%A9"]:
        both.put(f"/v1/kv/escape/{name}", "x")
    both.get("/v1/kv/escape/?keys")
    both.get("/v1/kv/escape/?recurse")


@case
def gzip_for_clients_that_accept_it(both):
    both.put("/v1/kv/gzip/small", "x" * 100)
    both.put("/v1/kv/gzip/large", "x" * 5000)
    # Consul's limit is 1400 bytes.
    for length in [1399, 1400, 1401]:
        both.put(f"/v1/kv/gzip/{length}", "x" * length)
        both.get(f"/v1/kv/gzip/{length}?raw", headers=[("Accept-Encoding", "gzip")])
    for accept in ["gzip", "gzip, deflate, br", "identity", "deflate", "gzip;q=0", "gzip;q=0.5", "*"]:
        both.get("/v1/kv/gzip/large", headers=[("Accept-Encoding", accept)])
    both.get("/v1/kv/gzip/small", headers=[("Accept-Encoding", "gzip")])
    both.get("/v1/kv/gzip/large?raw", headers=[("Accept-Encoding", "gzip")])
    both.get("/v1/kv/gzip/?recurse", headers=[("Accept-Encoding", "gzip")])
    both.get("/v1/kv/gzip/missing", headers=[("Accept-Encoding", "gzip")])
    both.get("/v1/nothing", headers=[("Accept-Encoding", "gzip")])


@case
def bodies_that_a_read_ignores(both):
    both.put("/v1/kv/common", "x")
    both.request("GET", "/v1/kv/common", "ignored")
    both.request("GET", "/v1/catalog/services", "{}")
    both.request("DELETE", "/v1/kv/common", "ignored")


@case
def near_keeps_the_order_of_a_single_coordinate(both):
    both.put("/v1/catalog/register", {"Node": "n-b", "Address": "10.0.0.2", "Service": {"Service": "web"}})
    both.put("/v1/catalog/register", {"Node": "n-a", "Address": "10.0.0.1", "Service": {"Service": "web"}})
    for node in ["n-b", "nobody", ""]:
        for route in ["catalog/nodes", "catalog/service/web", "health/service/web", "health/checks/web"]:
            both.get(f"/v1/{route}?near={node}")
    both.get("/v1/health/state/any?near=n-b")


@case
def near_in_its_other_forms(both):
    both.put("/v1/catalog/register", {"Node": "n-b", "Address": "10.0.0.2", "Service": {"Service": "web"}})
    both.put("/v1/catalog/register", {"Node": "n-a", "Address": "10.0.0.1", "Service": {"Service": "web"}})
    for near in ["_agent", "_ip", "_bogus", both.own_node(), "N-B", "n-b&near=n-a", "n%2Fb"]:
        for route in ["catalog/nodes", "catalog/services", "catalog/service/web", "health/service/web"]:
            both.get(f"/v1/{route}?near={near}")
    both.get("/v1/health/service/web?near=_ip", headers=[("X-Forwarded-For", "10.0.0.1")])
    both.get("/v1/health/service/web?near=_agent&passing&node-meta=a:b&filter=Service.Port==0")


@case
def services_of_other_peers(both):
    both.put("/v1/catalog/register", {"Node": "host", "Address": "10.0.0.1", "Service": {"Service": "web"}})
    for route in ["catalog/nodes", "catalog/services", "catalog/service/web", "catalog/node/host", "health/node/host"]:
        both.get(f"/v1/{route}?peer=elsewhere")
    for route in ["catalog/node-services/host", "health/checks/web", "health/state/any", "health/service/web"]:
        both.get(f"/v1/{route}?peer=elsewhere")
    both.get("/v1/health/service/web?peer=elsewhere&index=1&wait=10ms")


@case
def parameters_in_other_cases_and_places(both):
    both.put("/v1/kv/case", "x")
    both.get("/v1/kv/case?Raw")
    both.get("/v1/catalog/nodes?Filter=Node==x")
    both.get("/v1/kv/case?INDEX=x")
    both.put("/v1/kv/case", "raw=1&cas=0", headers=[("Content-Type", "application/x-www-form-urlencoded")])
    both.get("/v1/kv/case")
    both.put("/v1/catalog/register", '{"Node":"h","Address":"1.1.1.1","WriteRequest":{"Token":"t"}}')
    both.put("/v1/catalog/register", '{"Node":"h","Address":"1.1.1.1","Token":"t"}')
    both.put("/v1/catalog/deregister", '{"Node":"h","WriteRequest":{"Token":"t"}}')


@case
def queries_written_in_odd_ways(both):
    both.put("/v1/kv/odd", "x")
    both.get("/v1/kv/odd?")
    both.get("/v1/kv/odd?&&")
    both.get("/v1/kv/odd?raw=")
    both.get("/v1/kv/odd?raw=false")
    both.get("/v1/kv/odd?unknown=1")
    both.get("/v1/kv/odd?RAW")
    both.get("/v1/kv/odd?r%61w")
    both.get("/v1/kv/odd?=raw")


@case
def expectations_and_methods_that_nobody_serves(both):
    for value in ["more", "100-continue", "100-Continue", ""]:
        both.request("GET", "/v1/kv/expected", headers=[("Expect", value)])
    both.request("CONNECT", "localhost:80")
    both.request("CONNECT", "/v1/kv/a")


@case
def a_fragment_in_the_request_line(both):
    both.put("/v1/kv/odd", "x")
    both.get("/v1/kv/odd?raw#fragment")
