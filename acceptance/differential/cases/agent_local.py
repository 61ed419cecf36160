"""/v1/agent about its own services and checks: registering, health, maintenance, blocking, and what the catalog gets.

Checks that run over a network have the servers themselves and a port that nobody listens on as targets. Scripts are off on
both sides, as they are by default.
"""

import http.client
import json
import re
import threading

from story import case

REGISTER = "/v1/agent/service/register"
CHECK = "/v1/agent/check/register"
# Nobody listens there.
NOBODY = "127.0.0.1:1"
# Bodies that name what is wrong with them.
WRONG_SERVICES = [
    "",
    "{",
    "[]",
    "null",
    "5",
    "{}",
    '{"Name":""}',
    '{"Name":5}',
    '{"Name":"x","Bogus":1}',
    '{"Name":"x","Port":"80"}',
    '{"Name":"x","Port":1.5}',
    '{"Name":"x","Tags":"a"}',
    '{"Name":"x","Tags":[1]}',
    '{"Name":"x","Meta":{"a":1}}',
    '{"Name":"x","Namespace":"foo"}',
    '{"Name":"x","Address":"0.0.0.0"}',
    '{"Name":"x","Address":"::"}',
    '{"Name":"x","Address":"[::]"}',
    '{"Name":"x","Meta":{"consul-x":"1"}}',
    '{"Name":"x","Meta":{"a b":"1"}}',
    '{"Name":"x","Meta":{"":"1"}}',
    '{"Name":"x","Meta":{"' + "k" * 129 + '":"1"}}',
    '{"Name":"x","Meta":{"k":"' + "v" * 513 + '"}}',
    '{"Name":"x","Meta":{' + ",".join(f'"k{number}":"v"' for number in range(65)) + "}}",
    '{"Name":"x","Weights":{}}',
    '{"Name":"x","Weights":{"Passing":0,"Warning":1}}',
    '{"Name":"x","Weights":{"Passing":-1}}',
    '{"Name":"x","Weights":{"Passing":1,"Warning":-1}}',
    '{"Name":"x","Weights":{"Passing":70000}}',
    '{"Name":"x","TaggedAddresses":{"lan":"1.1.1.1"}}',
    '{"Name":"x","Kind":"connect-proxy"}',
    '{"Name":"x","Kind":"connect-proxy","Port":1}',
    '{"Name":"x","Kind":"connect-proxy","Port":1,"Proxy":{"DestinationServiceName":"*"}}',
    '{"Name":"x","Connect":{"Native":true}}',
    '{"Name":"x","Check":5}',
    '{"Name":"x","Check":[]}',
    '{"Name":"x","Check":{"Bogus":1}}',
    '{"Name":"x","Check":{"Notes":"n"}}',
    '{"Name":"x","Check":{"TTL":"x"}}',
    '{"Name":"x","Check":{"Interval":"10s"}}',
    '{"Name":"x","Check":{"TTL":"10s","Status":"bogus"}}',
    '{"Name":"x","Check":{"HTTP":"http://x","Interval":"5s","Header":{"a":"b"}}}',
    '{"Name":"x","Checks":[{}]}',
    '{"Name":"x","Checks":[[]]}',
    '{"Name":"x","Checks":{}}',
    '{"Name":"x","Checks":[{"Name":5}]}',
    '{"Name":"x","Checks":[{"ID":"x","TTL":"5s"}]}',
    '{"Name":"x","Check":{"TTL":"5s"},"Checks":[{"TTL":"5s","Status":"zz"},{}]}',
    '{"Name":"x","Check":{"Args":["true"],"Interval":"5s"}}',
    '{"Name":"x","Kind":5}',
    '{"Name":"x","socket_path":"y"}',
    '{"Name":"x","Check":{"OutputMaxSize":"y"}}',
    '{"Name":"x","Check":{"Args":"y"}}',
    '{"Name":"x","Check":{"HTTP":"http://x","Interval":"5s","disable_redirects":true}}',
    '{"Name":"x","Check":{"HTTP":"http://x","Interval":"5s","AliasService":"y"}}',
    '{"Name":"x","Kind":"mesh-gateway"}',
    '{"Name":"x","Kind":"terminating-gateway","Connect":{"Native":true}}',
    '{"Name":"x","Kind":"ingress-gateway","Proxy":{"DestinationServiceName":"a","LocalServicePort":1,"Upstreams":[{}]}}',
    '{"Name":"x","Kind":"connect-proxy","Connect":{"Native":true}}',
]
# Proxies of `a` at a port, each with upstreams that it can't have, or paths that it can't expose.
WRONG_UPSTREAMS = [
    [{}],
    [{"DestinationName": "db"}],
    [{"LocalBindPort": 1}],
    [{"DestinationName": "*", "LocalBindPort": 1}],
    [{"DestinationName": "db", "LocalBindPort": 1, "LocalBindSocketPath": "/s"}],
    [{"DestinationName": "db", "LocalBindPort": 1, "DestinationType": "bogus"}],
    [{"DestinationName": "db", "LocalBindPort": 1, "DestinationPeer": "p", "Datacenter": "d"}],
    [{"DestinationName": "db", "LocalBindPort": 1}, {"DestinationName": "db", "LocalBindPort": 2}],
    [{"DestinationName": "db", "LocalBindPort": 1}, {"DestinationName": "ca", "LocalBindPort": 1, "LocalBindAddress": "127.0.0.1"}],
    [{"DestinationName": "db", "LocalBindSocketPath": "/s"}, {}, {"DestinationName": "ca", "LocalBindSocketPath": "/s"}],
]
WRONG_PATHS = [
    [{}],
    [{"Path": "/a", "ListenerPort": 70000}],
    # An unknown Protocol is left out: 1.13.9 lists the known ones in the order of a hash map.
    [{"Path": "/a", "ListenerPort": 1}, {"Path": "/b", "ListenerPort": 1}],
]
WRONG_CHECKS = [
    "",
    "{",
    "[]",
    "{}",
    '{"Name":5}',
    '{"Name":"x"}',
    '{"Name":"","TTL":"5s"}',
    '{"Name":"x","Bogus":1}',
    '{"Name":"x","CheckID":"y","TTL":"5s"}',
    '{"Name":"x","Script":"ls","Interval":"1s"}',
    '{"Name":"x","TTL":"-1s"}',
    '{"Name":"x","TTL":"foo"}',
    '{"Name":"x","TTL":"15s","Status":"bogus"}',
    '{"Name":"x","TTL":"15s","ServiceID":"nope"}',
    '{"Name":"x","HTTP":"http://x"}',
    '{"Name":"x","HTTP":"http://x","Interval":"-1s"}',
    '{"Name":"x","HTTP":"http://x","Interval":"1s","TTL":"3s"}',
    '{"Name":"x","HTTP":"http://x","Interval":"1s","OutputMaxSize":-1}',
    '{"Name":"x","HTTP":"x","Interval":"1s","FailuresBeforeWarning":3,"FailuresBeforeCritical":1}',
    '{"Name":"x","Args":["a"],"Interval":"1s"}',
    '{"Name":"x","Args":["a"],"Interval":"1s","DockerContainerID":"x"}',
    '{"Name":"x","ScriptArgs":["a"],"TTL":"1s"}',
    '{"Name":"x","args":["a"]}',
    '{"Name":"x","DockerContainerID":"x","Interval":"1s"}',
    '{"Name":"x","AliasService":"x","TTL":"1s"}',
    '{"Name":"x","Interval":"1s"}',
    '{"Name":"x","TCP":"a:1"}',
    '{"Name":"x","UDP":"a:1"}',
    '{"Name":"x","GRPC":"a:1"}',
    '{"Name":"x","H2PING":"a:1"}',
    '{"Name":"x","TTL":"1m","FailuresBeforeWarning":3}',
    '{"Name":"x","TTL":"1m","FailuresBeforeCritical":-2}',
    '{"Name":"x","HTTP":"http://x","Interval":"1s","AliasService":"y"}',
    '{"Name":"x","HTTP":"http://x","Interval":"1s","ProxyHTTP":"y"}',
    '{"Name":"x","OutputMaxSize":"y"}',
    '{"Name":"x","Args":"y"}',
    '{"Name":"x","TTL":"15s","service_id":"second","ServiceID":"first"}',
    '{"Name":"x","TTL":"15s","service_id":"second","ServiceID":""}',
]


def register(both, **fields):
    return both.put(REGISTER, fields)


def told(body, *fields):
    """Some fields of each of the agent's checks."""
    return {name: [check[field] for field in fields] for name, check in body.items()}


def by_name(health):
    """Checks in Consul's answer come in the order of a hash table. A text has none."""
    if isinstance(health, str):
        return health
    for instance in health if isinstance(health, list) else [health]:
        if instance["Checks"]:
            instance["Checks"].sort(key=lambda check: check["CheckID"])
    if isinstance(health, list):
        health.sort(key=lambda instance: instance["Service"]["ID"])
    return health


def by_id(body):
    """Without what is each server's own."""
    return {name: value for name, value in body.items() if name != "ContentHash"} if isinstance(body, dict) else body


def synced(services, checks):
    """Whether the own node's health has these instances and checks."""

    def reached(body):
        return {check["CheckID"] for check in body} == {"serfHealth", *checks}

    return reached


@case
def services_of_every_generation(both):
    both.get("/v1/agent/services")
    register(both, Name="web", Port=80)
    register(both, Name="api", ID="api1", Tags=["a", "a", ""], Meta={"k": "v"}, Address="1.2.3.4", Port=7)
    register(both, Name="six", Address="2001:db8::1", TaggedAddresses={"lan": {"Address": "1.1.1.1", "Port": 5}})
    register(both, Name="host", Address="some.where", EnableTagOverride=True, Weights={"Passing": 5, "Warning": 2})
    register(both, Name="socket", SocketPath="/tmp/s", Port=-5)
    register(both, Name="nulls", Tags=None, Meta=None, Check=None, Checks=None, Proxy=None, Weights=None)
    register(both, Name="slash", ID="with/slash", Token="ignored")
    register(both, Name="odd name!", Kind="bogus")
    register(both, Name="px", Kind="connect-proxy", Port=1, Proxy={"DestinationServiceName": "web"})
    register(both, Name="native", Port=5, Connect={"Native": True})
    both.put(REGISTER, '{"name":"snake","id":"sn","enable_tag_override":true,"tagged_addresses":{"x":{"address":"a","port":5}}}')
    both.put(REGISTER, '{"NAME":"loud","iD":"lo","check":{"ttl":"10s","deregister_critical_service_after":"1m"}}')
    both.put(REGISTER, '{"Name":"trailing"} trailing')
    both.put(REGISTER + "?dc=elsewhere", '{"Name":"dc"}')
    both.get("/v1/agent/services")
    both.get("/v1/agent/services?pretty")
    both.get("/v1/agent/services?dc=elsewhere&index=x&wait=x")
    for service in ["web", "api1", "six", "with%2Fslash", "with/slash", "px", "native", "sn", "none", "", "WEB"]:
        both.get(f"/v1/agent/service/{service}")
    both.get("/v1/catalog/services", until=lambda services: "trailing" in services and "dc" in services)
    for service in ["api", "six", "host", "socket", "snake", "px"]:
        both.get(f"/v1/catalog/service/{service}")


@case
def services_that_are_wrong(both):
    for body in WRONG_SERVICES:
        both.put(REGISTER, body)
    both.put(REGISTER + "?ns=x", '{"Name":"x"')
    both.put(REGISTER + "?partition=x", '{"Name":"x"}')
    both.get("/v1/agent/services")


@case
def proxies(both):
    """What they are told with, in the agent's and the catalog's words, and what they can't be."""
    upstreams = [{"DestinationName": "db", "LocalBindPort": 1}, {"DestinationName": "ca", "Datacenter": "d", "LocalBindSocketPath": "/s"}]
    expose = {"Paths": [{"Path": "/a", "ListenerPort": 1, "LocalPathPort": 2}]}
    proxy = {"DestinationServiceName": "a", "Upstreams": upstreams, "Expose": expose}
    register(both, Name="px", Kind="connect-proxy", Port=5, Proxy=proxy)
    for kind in ["mesh-gateway", "terminating-gateway", "ingress-gateway"]:
        register(both, Name=kind, Kind=kind, Port=5)
    register(both, Name="other", Kind="bogus", Port=5, Proxy=proxy)
    both.get("/v1/agent/services")
    both.get("/v1/agent/service/px")
    both.get("/v1/catalog/services", until=lambda services: "other" in services)
    both.get("/v1/catalog/service/px")
    for upstreams in WRONG_UPSTREAMS:
        register(both, Name="x", Kind="connect-proxy", Port=5, Proxy={"DestinationServiceName": "a", "Upstreams": upstreams})
    for paths in WRONG_PATHS:
        register(both, Name="x", Kind="connect-proxy", Port=5, Proxy={"DestinationServiceName": "a", "Expose": {"Paths": paths}})


@case
def spellings_side_by_side(both):
    """The newer spelling counts if it says something, wherever it stands."""
    for flags in [{"EnableTagOverride": a, "enable_tag_override": b} for a in (True, False) for b in (True, False)]:
        register(both, Name="flags", **flags)
        both.get("/v1/agent/service/flags")
    for lan in [{"lan": {"Address": "192.0.2.1", "Port": 1}}, {}]:
        register(both, Name="tagged", tagged_addresses={"wan": {"Address": "192.0.2.2", "Port": 2}}, TaggedAddresses=lan)
        both.get("/v1/agent/service/tagged")
    register(both, Name="mapped", Address="::ffff:192.0.2.1", Port=1)
    both.get("/v1/agent/service/mapped")
    for pair in [
        {"Args": ["a"], "ScriptArgs": ["b"]},
        {"TLSSkipVerify": True, "tls_skip_verify": False},
        {"deregister_critical_service_after": "2h", "DeregisterCriticalServiceAfter": "1h"},
        {"docker_container_id": "b", "DockerContainerID": "a"},
    ]:
        both.put(CHECK, {"Name": "pair", "TTL": "1m", **pair})
    for path in ["deregister", "maintenance", "maintenance?enable=true"]:
        both.put(f"/v1/agent/service/{path}")
        both.get(f"/v1/agent/service/{path}")


@case
def services_are_filtered(both):
    register(both, Name="web", ID="w1", Port=80, Tags=["a"], Meta={"v": "1"})
    register(both, Name="api", Port=81)
    for expression in ["Service==web", "Port!=80", "a+in+Tags", "Meta.v==1", "Meta.v!=1", "Service+matches+a", "bogus==1", "x"]:
        both.get(f"/v1/agent/services?filter={expression}")
    for query in ["ns=x", "partition=x", "filter="]:
        both.get(f"/v1/agent/services?{query}")
    both.get("/v1/agent/services", headers=[("X-Consul-Namespace", "x")])


@case
def services_go(both):
    register(both, Name="web", Checks=[{"TTL": "1m"}, {"TTL": "1m"}])
    both.get("/v1/health/service/web", until=lambda found: len(found) == 1 and len(found[0]["Checks"]) == 3)
    for service in ["none", "", "we%2Fird", "consul", "quo%22te", "web?ns=x"]:
        both.put(f"/v1/agent/service/deregister/{service}")
    both.put("/v1/agent/service/deregister/web")
    both.put("/v1/agent/service/deregister/web")
    both.get("/v1/agent/services")
    both.get("/v1/agent/checks")
    both.get("/v1/health/service/web", until=lambda found: found == [])
    both.get("/v1/health/checks/web", until=lambda found: found == [])


@case
def ids_and_names_of_checks(both):
    register(both, Name="one", Check={"TTL": "30s"})
    register(both, Name="many", ID="m1", Tags=["t"], Check={"TTL": "30s"}, Checks=[{"TTL": "20s", "Name": "n2"}, {"TTL": "1m"}])
    register(both, Name="named", Checks=[{"CheckID": "cid", "Name": "cname", "TCP": NOBODY, "interval": "10m", "Notes": "n"}])
    register(both, Name="none", Check={})
    register(both, Name="twice", Checks=[{"CheckID": "dup", "TTL": "5s"}, {"CheckID": "dup", "TTL": "6s", "Name": "last"}])
    both.put(CHECK, {"Name": "of the node", "TTL": "15s"})
    both.put(CHECK, {"ID": "c", "Name": "of a service", "TTL": "15s", "ServiceID": "m1", "Status": "passing", "Notes": "y"})
    both.put(CHECK, '{"id":"snake","name":"s","service_id":"one","ttl":"1m","deregister_critical_service_after":"1m"}')
    both.put(CHECK, {"Name": "alias", "AliasService": "one", "Interval": "5s"})
    both.get("/v1/agent/checks", select=lambda body: {k: v for k, v in body.items() if k != "alias"})
    checks = ["service:one", "service:m1:1", "service:m1:2", "service:m1:3", "cid", "dup", "of the node", "c", "snake"]
    both.get(f"/v1/health/node/{both.own_node()}", until=synced([], [*checks, "alias"]), select=lambda body: len(body))
    for service in ["one", "many", "named"]:
        both.get(f"/v1/health/checks/{service}")


@case
def kinds_of_checks(both):
    kinds = [
        {"HTTP": f"http://{NOBODY}/"},
        {"TCP": NOBODY},
        {"UDP": NOBODY},
        {"GRPC": NOBODY},
        {"H2PING": NOBODY},
        {"AliasService": "kinds", "Interval": "0s"},
    ]
    register(both, Name="kinds", Checks=[{"Interval": "10m", **kind} for kind in kinds])
    both.put(CHECK, {"Name": "h", "HTTP": f"http://{NOBODY}/", "Interval": "10m", "Timeout": "3s"})
    both.put(CHECK, {"Name": "n", "HTTP": f"http://{NOBODY}/", "Interval": 600000000000})
    both.get("/v1/agent/checks", select=lambda body: told(body, "Type", "Interval", "Timeout", "Status"))
    register(both, Name="timed", Check={"TCP": NOBODY, "Interval": "10m", "Timeout": "3s"})
    both.get("/v1/agent/checks", select=lambda body: body["service:timed"]["Timeout"])
    both.put("/v1/agent/service/deregister/timed")
    both.get(f"/v1/health/node/{both.own_node()}", until=lambda body: len(body) == 9, select=lambda body: sorted(check["Type"] for check in body))


@case
def checks_that_are_wrong(both):
    for body in WRONG_CHECKS:
        both.put(CHECK, body)
    both.put(CHECK + "?ns=x", "{")
    both.get("/v1/agent/checks")


@case
def checks_go(both):
    both.put(CHECK, {"Name": "a", "TTL": "1m"})
    for check in ["none", "", "serfHealth", "a?ns=x", "quo%22te"]:
        both.put(f"/v1/agent/check/deregister/{check}")
    both.put("/v1/agent/check/deregister/a")
    both.put("/v1/agent/check/deregister/a")
    both.get("/v1/agent/checks")
    both.get(f"/v1/health/node/{both.own_node()}", until=synced([], []), select=lambda body: len(body))


@case
def checks_are_filtered(both):
    both.put(CHECK, {"Name": "a", "TTL": "1m", "Status": "passing"})
    both.put(CHECK, {"Name": "b", "TTL": "1m"})
    for expression in ["Status==passing", "Status!=passing", "Type==ttl", "CheckID==b", "bogus==1", "Name+matches+%5Ea", "("]:
        both.get(f"/v1/agent/checks?filter={expression}")
    both.get("/v1/agent/checks?ns=x")
    both.get("/v1/agent/checks?partition=x")


@case
def a_ttl_check_is_told(both):
    both.put(CHECK, {"ID": "t", "Name": "t", "TTL": "10m", "OutputMaxSize": 10})
    both.put(CHECK, {"Name": "h", "HTTP": f"http://{NOBODY}/", "Interval": "10m"})
    for word in ["pass", "warn", "fail"]:
        both.put(f"/v1/agent/check/{word}/t?note={word}%20it")
        both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "Output")["t"])
        both.put(f"/v1/agent/check/{word}/t")
        both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "Output")["t"])
        for check in ["none", "", "h", "t?ns=x", "quo%22te"]:
            both.put(f"/v1/agent/check/{word}/{check}")
    both.put("/v1/agent/check/pass/t?note=0123456789abcdef")
    both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "Output")["t"])
    for body in ["", "{", "[]", "{}", "5", '{"Status":"bogus"}', '{"Status":5}', '{"Status":"passing","Bogus":1}', '{"Status":"PASSING"}']:
        both.put("/v1/agent/check/update/t", body)
    for status in ["passing", "warning", "critical"]:
        both.put("/v1/agent/check/update/t", {"status": status, "output": status})
        both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "Output")["t"])
        both.get(
            f"/v1/health/node/{both.own_node()}",
            until=lambda body: any(check["CheckID"] == "t" and check["Status"] == status for check in body),
            select=lambda body: [check["Output"] for check in body if check["CheckID"] == "t"],
        )
    both.put("/v1/agent/check/update/none", {"Status": "passing"})
    both.put("/v1/agent/check/update/h", {"Status": "passing"})
    both.put("/v1/agent/check/update/t?ns=x", {"Status": "passing"})


@case
def a_ttl_check_expires(both):
    both.put(CHECK, {"Name": "told", "TTL": "1s"})
    both.put(CHECK, {"Name": "silent", "TTL": "1s", "Status": "passing"})
    both.put("/v1/agent/check/pass/told?note=fine")
    both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "Output"))
    expired = lambda body: all(check["Status"] == "critical" for check in body.values())  # noqa: E731
    both.get("/v1/agent/checks", until=expired, select=lambda body: told(body, "Status", "Output"))
    both.put("/v1/agent/check/pass/told?note=again")
    both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "Output"))


@case
def registered_again(both):
    register(both, Name="a", Check={"CheckID": "t", "TTL": "10m"})
    register(both, Name="b")
    both.put("/v1/agent/check/pass/t?note=out")
    register(both, Name="a", Tags=["new"], Check={"CheckID": "t", "TTL": "11m"})
    both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "Output", "ServiceID", "ServiceTags"))
    both.put(CHECK, {"ID": "t", "Name": "moved", "TTL": "12m", "ServiceID": "b"})
    both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "Output", "ServiceID", "Name"))
    both.put(CHECK, {"ID": "t", "Name": "moved", "TTL": "12m", "Status": "warning"})
    both.get("/v1/agent/checks", select=lambda body: told(body, "Status", "ServiceID", "Name"))
    both.get("/v1/health/service/a", until=lambda body: body and body[0]["Service"]["Tags"] == ["new"], select=lambda body: len(body))


@case
def checks_that_a_registration_leaves_out(both):
    register(both, Name="a", Checks=[{"CheckID": "one", "TTL": "1m"}, {"CheckID": "two", "TTL": "1m"}])
    both.put(CHECK, {"ID": "own", "Name": "own", "TTL": "1m", "ServiceID": "a"})
    register(both, Name="a", Check={"CheckID": "three", "TTL": "1m"})
    both.get("/v1/agent/checks", select=sorted)
    for value in ["=bogus", "=1", "=false"]:
        both.put(REGISTER + f"?replace-existing-checks{value}", {"Name": "a", "Check": {"CheckID": "four", "TTL": "1m"}})
        both.get("/v1/agent/checks", select=sorted)
    both.put(REGISTER + "?replace-existing-checks=true", {"Name": "a", "Check": {"CheckID": "two", "TTL": "1m"}})
    both.get("/v1/agent/checks", select=sorted)
    both.put(REGISTER + "?replace-existing-checks", {"Name": "a"})
    both.get("/v1/agent/checks", select=sorted)
    both.get(f"/v1/health/node/{both.own_node()}", until=synced([], []), select=lambda body: len(body))


@case
def health_of_instances(both):
    register(both, Name="web", ID="w1", Port=80)
    register(both, Name="web", ID="w2", Tags=["t"], Check={"CheckID": "c2", "TTL": "10m"})
    asked = ["id/w1", "id/w2", "id/none", "id/", "name/web", "name/none", "name/", "id/web", "name/w1"]
    for word in ["pass", "warn", "fail"]:
        both.put(f"/v1/agent/check/{word}/c2")
        for what in asked:
            both.get(f"/v1/agent/health/service/{what}", select=by_name)
            both.get(f"/v1/agent/health/service/{what}?format=text")
    both.put(CHECK, {"Name": "node", "TTL": "10m", "Status": "warning"})
    both.put("/v1/agent/check/pass/c2")
    for what in asked:
        both.get(f"/v1/agent/health/service/{what}", select=by_name)
    for query in ["ns=x", "partition=x", "format=bogus", "pretty", "format=text&ns=x"]:
        both.get(f"/v1/agent/health/service/id/w1?{query}", select=by_name)
        both.get(f"/v1/agent/health/service/name/none?{query}", select=by_name)


@case
def maintenance_of_a_service(both):
    register(both, Name="web", Tags=["t"])
    route = "/v1/agent/service/maintenance"
    for query in ["web", "web?enable=", "web?enable=x", "none?enable=true", "?enable=true", "web?enable=1&ns=x", "none?enable=false"]:
        both.put(f"{route}/{query}")
    both.put(f"{route}/web?enable=true&reason=why%20not")
    both.get("/v1/agent/checks")
    both.put(f"{route}/web?enable=true&reason=other")
    both.get("/v1/agent/checks", select=lambda body: told(body, "Notes"))
    for what in ["id/web", "name/web", "id/web?format=text"]:
        both.get(f"/v1/agent/health/service/{what}", select=by_name)
    both.get("/v1/health/service/web", until=lambda body: body and len(body[0]["Checks"]) == 2)
    both.put(f"{route}/web?enable=false")
    both.put(f"{route}/web?enable=false")
    both.get("/v1/agent/checks")
    both.put(f"{route}/web?enable=t")
    both.get("/v1/agent/checks", select=lambda body: told(body, "Notes"))
    both.put("/v1/agent/service/deregister/web")
    both.get("/v1/agent/checks")


@case
def maintenance_of_the_node(both):
    register(both, Name="web")
    for query in ["", "?enable=", "?enable=x", "?enable=false", "?reason=x"]:
        both.put(f"/v1/agent/maintenance{query}")
    both.put("/v1/agent/maintenance?enable=true&ns=x")
    both.get("/v1/agent/checks")
    both.put("/v1/agent/maintenance?enable=true&reason=late")
    both.get("/v1/agent/checks", select=lambda body: told(body, "Notes", "Type", "Status"))
    both.get("/v1/agent/health/service/id/web?format=text")
    both.get("/v1/health/service/web?passing", until=lambda body: body == [])
    both.put("/v1/agent/maintenance?enable=false")
    both.put("/v1/agent/maintenance?enable=true&reason=why")
    both.get("/v1/agent/checks", select=lambda body: told(body, "Notes"))


@case
def a_service_is_waited_for(both):
    register(both, Name="web", Port=80)
    seen = both.get("/v1/agent/service/web").take("ContentHash")
    both.get("/v1/agent/service/web?hash=x&wait=1s").took(0, 0.5)
    both.get("/v1/agent/service/web?hash=").took(0, 0.5)
    both.get("/v1/agent/service/none?hash=x&wait=1s").took(0, 0.5)
    both.get(f"/v1/agent/service/web?hash={seen}&wait=300ms").took(0.3, 1.5)
    for query in ["wait=x", "wait=x&hash=y", "index=x", "ns=x", "partition=x", "wait=10", "stale&consistent"]:
        both.get(f"/v1/agent/service/web?{query}")
    register(both, Name="web", Port=81)
    both.get(f"/v1/agent/service/web?hash={seen}&wait=10s").took(0, 0.5)


@case
def a_parked_service_changes(both):
    register(both, Name="web", Port=80)
    register(both, Name="other", Port=80)
    parked = ["/v1/agent/service/web"]
    both.watch(parked, "PUT", REGISTER, {"Name": "web", "Port": 81})
    both.watch(parked, "PUT", REGISTER, {"Name": "web", "Port": 81, "Meta": {"k": "v"}})
    both.watch(parked, "PUT", REGISTER, {"Name": "web", "Port": 81, "Meta": {"k": "v"}})
    both.watch(parked, "PUT", REGISTER, {"Name": "other", "Port": 81})
    both.watch(parked, "PUT", CHECK, {"Name": "of web", "TTL": "1m", "ServiceID": "web"})
    both.watch(parked, "PUT", "/v1/agent/service/deregister/other")
    both.watch(parked, "PUT", "/v1/agent/service/deregister/web")


@case
def checks_in_every_spelling(both):
    fields = {
        "http": {"HTTP": f"http://{NOBODY}/", "Method": "PUT", "Header": {"X": ["a", "b"]}, "Body": "b", "DisableRedirects": True},
        "tls": {"HTTP": f"https://{NOBODY}/", "TLSSkipVerify": True, "TLSServerName": "n"},
        "grpc": {"GRPC": NOBODY + "/s", "GRPCUseTLS": True},
        "h2": {"H2PING": NOBODY, "H2PingUseTLS": False},
        "tcp": {"TCP": NOBODY, "SuccessBeforePassing": 1, "FailuresBeforeWarning": 1, "FailuresBeforeCritical": 2},
        "after": {"UDP": NOBODY, "DeregisterCriticalServiceAfter": "90m", "Notes": "n", "OutputMaxSize": 5},
    }
    for name, kind in fields.items():
        both.put(CHECK, {"ID": name, "Name": name, "Interval": "10m", "Timeout": "2s", **kind})
        both.put(CHECK, {"id": f"{name} low", **{field.lower(): value for field, value in {"Name": name, "Interval": "10m", **kind}.items()}})
    snake = {"id": "snake", "name": "snake", "http": f"https://{NOBODY}/", "interval": "10m", "tls_skip_verify": True}
    both.put(CHECK, {**snake, "tls_server_name": "n", "deregister_critical_service_after": "90m"})
    both.put(CHECK, {"id": "snake grpc", "name": "s", "grpc": NOBODY, "grpc_use_tls": True, "interval": "10m"})
    both.put(CHECK, {"id": "snake h2", "name": "s", "h2ping": NOBODY, "h2ping_use_tls": False, "interval": "10m"})
    for wrong in ["success_before_passing", "disable_redirects", "output_max_size", "failures_before_critical"]:
        both.put(CHECK, {"name": "wrong", "tcp": NOBODY, "interval": "10m", wrong: 1})
    kept = ["CheckID", "Name", "Notes", "Type", "Interval", "Timeout", "Definition"]
    both.get("/v1/agent/checks", select=lambda body: told(body, *kept))
    count = 2 * len(fields) + 4
    both.get(f"/v1/health/node/{both.own_node()}", until=lambda body: len(body) == count, select=lambda body: sorted(check["CheckID"] for check in body))


@case
def outputs_that_are_long(both):
    long = "0123456789" * 500
    register(both, Name="web", Checks=[{"CheckID": "all", "TTL": "10m"}, {"CheckID": "short", "TTL": "10m", "OutputMaxSize": 12}])
    output = lambda body: told(body, "Status", "Output")  # noqa: E731
    for check in ["all", "short"]:
        both.put(f"/v1/agent/check/update/{check}", {"Status": "passing", "Output": long})
    both.get("/v1/agent/checks", select=output)
    kept = lambda body: {check["CheckID"]: check["Output"] for check in body}  # noqa: E731
    both.get("/v1/health/checks/web", until=lambda body: all(check["Status"] == "passing" for check in body), select=kept)
    for check in ["all", "short"]:
        both.put(f"/v1/agent/check/warn/{check}?note={long}")
    both.get("/v1/agent/checks", select=output)
    both.put("/v1/agent/check/update/all", {"Status": "warning", "Output": "ä\u0000\n€"})
    both.get("/v1/agent/checks", select=output)


@case
def tokens_that_nobody_needs(both):
    # Without ACLs any token is as good as none, wherever it stands.
    register(both, Name="web", Token="a", Check={"TTL": "10m", "Token": "b"})
    header = [("X-Consul-Token", "t")]
    both.put(CHECK + "?token=t", {"ID": "c", "Name": "c", "TTL": "10m", "Token": "c"})
    both.put("/v1/agent/check/pass/c?token=t", headers=header)
    both.put("/v1/agent/check/update/c?token=t", {"Status": "warning"}, headers=[("Authorization", "Bearer t")])
    for path in ["services", "checks", "service/web", "health/service/id/web?format=text"]:
        both.get(f"/v1/agent/{path}{'&' if '?' in path else '?'}token=t", headers=header, select=by_id)
    both.put("/v1/agent/service/maintenance/web?enable=true&token=t", headers=header)
    both.put("/v1/agent/maintenance?enable=true&token=t", headers=header)
    both.put("/v1/agent/maintenance?enable=false&token=t", headers=header)
    both.put("/v1/agent/check/deregister/c?token=t", headers=header)
    both.put("/v1/agent/service/deregister/web?token=t", headers=header)
    both.put("/v1/agent/service/deregister/web?token=t", headers=header)
    both.get("/v1/agent/checks")


@case
def http_checks_run(both):
    # Each server asks itself, under the one address that both can be given.
    checks = [
        {"CheckID": "refused", "HTTP": f"http://{NOBODY}/"},
        {"CheckID": "scheme", "HTTP": "nonsense"},
        {"CheckID": "post", "HTTP": f"http://{NOBODY}/p", "Method": "POST"},
        {"CheckID": "tcp", "TCP": NOBODY},
        {"CheckID": "no port", "TCP": "nonsense"},
        {"CheckID": "h2", "H2PING": NOBODY},
        {"CheckID": "grpc", "GRPC": NOBODY},
        {"CheckID": "grpc tls", "GRPC": NOBODY + "/svc", "GRPCUseTLS": True},
    ]
    register(both, Name="run", Checks=[{"Interval": "1s", "Status": "passing", **check} for check in checks])
    failed = lambda body: all(check["Status"] == "critical" for check in body.values())  # noqa: E731
    both.get("/v1/agent/checks", until=failed, select=lambda body: told(body, "Status", "Output", "Type"))
    both.get("/v1/health/checks/run", until=lambda body: all(check["Status"] == "critical" for check in body), select=len)


@case
def an_alias_follows(both):
    register(both, Name="main", Check={"CheckID": "m", "Name": "m", "TTL": "10m", "Status": "passing"})
    register(both, Name="side", Check={"CheckID": "s", "AliasService": "main"})
    register(both, Name="bare")
    register(both, Name="other", Check={"CheckID": "o", "AliasService": "bare"})
    state = lambda body: told(body, "Status", "Output")  # noqa: E731

    def until(check, status):
        return lambda body: body[check]["Status"] == status

    both.get("/v1/agent/checks", until=until("s", "passing"), select=lambda body: state(body)["s"])
    both.get("/v1/agent/checks", until=until("o", "passing"), select=lambda body: state(body)["o"])
    both.put("/v1/agent/check/warn/m?note=hm")
    both.get("/v1/agent/checks", until=until("s", "warning"), select=lambda body: state(body)["s"])
    both.put("/v1/agent/check/fail/m?note=oh")
    both.get("/v1/agent/checks", until=until("s", "critical"), select=lambda body: state(body)["s"])
    both.put("/v1/agent/check/pass/m?note=ah")
    both.get("/v1/agent/checks", until=until("s", "passing"), select=lambda body: state(body)["s"])


@case
def the_catalog_keeps_what_the_agent_says(both):
    register(both, Name="web", Tags=["a"], Check={"CheckID": "c", "TTL": "10m", "Status": "passing"})
    both.get("/v1/health/service/web", until=lambda body: len(body) == 1)
    both.put("/v1/catalog/register", {"Node": "elsewhere", "Address": "10.0.0.1", "Service": {"Service": "web"}})
    both.get("/v1/catalog/service/web", select=len)
    both.put("/v1/catalog/deregister", {"Node": "elsewhere"})
    both.put("/v1/agent/service/deregister/web")
    both.get("/v1/health/service/web", until=lambda body: body == [])


@case
def events_for_services(both):
    register(both, Name="web", Tags=["blue"])
    for query in ["service=web", "service=we.", "service=nope", "service=web&tag=blue", "service=web&tag=red"]:
        both.put(f"/v1/event/fire/deploy?{query}", "x")
    both.get("/v1/event/list", until=lambda body: len([e for e in body if e["Name"] == "deploy"]) == 3, select=lambda body: [(e["ServiceFilter"], e["TagFilter"]) for e in body if e["Name"] == "deploy"])


@case
def host(both):
    both.get("/v1/agent/host", select=lambda body: {part: sorted(body[part]) if isinstance(body[part], dict) else None for part in body if part != "Memory"})
    both.get("/v1/agent/host", select=lambda body: sorted(body["Memory"]))
    both.get("/v1/agent/host", select=lambda body: {part: body["Host"][part] for part in ["hostname", "os", "platform", "kernelVersion", "kernelArch"]})


@case
def logs_at_a_level_there_is_not(both):
    for query in ["loglevel=bogus", "loglevel=bogus&logjson", "loglevel=infos"]:
        both.get(f"/v1/agent/monitor?{query}")


def followed(side, query, wanted):
    """Content type of the log, and something of a line of it that tells of a request."""
    host, port = side.connection.host, side.connection.port
    is_over = threading.Event()

    def ask():
        # Only what is asked after the log is followed is told there, so it is asked again and again.
        while not is_over.wait(0.05):
            connection = http.client.HTTPConnection(host, port, timeout=10)
            connection.request("GET", "/v1/agent/services?followed")
            connection.getresponse().read()
            connection.close()

    asker = threading.Thread(target=ask)
    asker.start()
    stream = http.client.HTTPConnection(host, port, timeout=10)
    try:
        stream.request("GET", f"/v1/agent/monitor?{query}")
        answer = stream.getresponse()
        lines = iter(answer.readline, b"")
        return answer.status, answer.getheader("Content-Type"), next(wanted(line) for line in lines if b"followed" in line)
    finally:
        is_over.set()
        asker.join()
        stream.close()


@case
def the_log_is_followed(both):
    level = lambda line: re.search(rb"\[[A-Z]+\]", line)[0]  # noqa: E731
    both.agree("plain lines", lambda side: followed(side, "loglevel=debug", level))
    fields = lambda line: {name for name in json.loads(line) if name in ("@level", "@message", "@timestamp")}  # noqa: E731
    both.agree("lines in JSON", lambda side: followed(side, "loglevel=debug&logjson", fields))


@case
def members_that_there_are_not(both):
    both.put("/v1/agent/join/127.0.0.1:1")
    both.put("/v1/agent/force-leave/nobody")
    both.put("/v1/agent/reload")
    both.put("/v1/agent/token/default", {"Token": "x"})


@case
def what_the_server_keeps_itself(both):
    register(both, Name="consul")
    both.put(CHECK, {"ID": "serfHealth", "Name": "mine", "TTL": "1m"})
