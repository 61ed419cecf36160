"""/v1/catalog: registering and deregistering in every form, and all ways to read what is registered."""

from story import case

FULL_SERVICE = {
    "ID": "web1",
    "Service": "web",
    "Tags": ["v2", "primary"],
    "Meta": {"team": "a", "empty": ""},
    "Port": 80,
    "Address": "10.1.1.1",
    "TaggedAddresses": {"lan": {"Address": "10.1.1.1", "Port": 80}, "wan": {"Address": "1.1.1.1", "Port": 8080}},
    "Weights": {"Passing": 3, "Warning": 2},
    "EnableTagOverride": True,
}
FULL_NODE = {
    "ID": "aaaaaaaa-2222-3333-4444-555555555555",
    "Node": "host",
    "Address": "10.0.0.2",
    "TaggedAddresses": {"lan": "10.0.0.2", "wan": "192.0.2.1"},
    "NodeMeta": {"rack": "r1", "a": "b"},
}


def register(both, **fields):
    return both.put("/v1/catalog/register", fields)


def deregister(both, **fields):
    return both.put("/v1/catalog/deregister", fields)


def look(both, node="host", service="web"):
    """Every view of one node and one service."""
    both.get("/v1/catalog/nodes")
    both.get("/v1/catalog/services")
    both.get(f"/v1/catalog/node/{node}")
    both.get(f"/v1/catalog/node-services/{node}")
    both.get(f"/v1/catalog/service/{service}")
    both.get(f"/v1/health/node/{node}")
    both.get(f"/v1/health/service/{service}")


@case
def the_server_registers_itself(both):
    own = both.own_node()
    both.get("/v1/catalog/datacenters")
    both.get("/v1/catalog/services")
    both.get("/v1/catalog/nodes")
    both.get(f"/v1/catalog/node/{own}")
    both.get(f"/v1/catalog/node-services/{own}")
    both.get("/v1/catalog/service/consul")
    both.get(f"/v1/health/node/{own}")
    both.get("/v1/health/service/consul")
    both.get("/v1/health/checks/consul")
    both.get("/v1/health/state/any")


@case
def a_node_alone(both):
    register(both, Node="host", Address="10.0.0.1")
    look(both)
    register(both, Node="host", Address="10.0.0.1")
    look(both)
    register(both, Node="host", Address="10.0.0.2")
    register(both, Node="host", Address="10.0.0.2", NodeMeta={"a": "b"})
    register(both, Node="host", Address="10.0.0.2", TaggedAddresses={"lan": "10.0.0.2"})
    look(both)


@case
def every_field_of_a_registration(both):
    checks = [
        {
            "CheckID": "web-http",
            "Name": "web check",
            "ServiceID": "web1",
            "Status": "passing",
            "Notes": "a note",
            "Output": "an output",
            "Definition": {
                "HTTP": "http://x",
                "Interval": "10s",
                "Timeout": "5s",
                "DeregisterCriticalServiceAfter": "90s",
            },
        },
        {"CheckID": "disk", "Name": "disk check", "Status": "warning"},
    ]
    register(both, **FULL_NODE, Service=FULL_SERVICE, Checks=checks)
    look(both)
    register(both, **FULL_NODE, Service=FULL_SERVICE, Checks=checks)
    look(both)


@case
def registering_the_same_again_raises_no_index(both):
    register(both, **FULL_NODE, Service=FULL_SERVICE)
    register(both, Node="marker", Address="10.0.0.9")
    register(both, **FULL_NODE, Service=FULL_SERVICE)
    both.get("/v1/catalog/node/host")
    both.get("/v1/catalog/node/marker")
    register(both, **FULL_NODE)
    register(both, **FULL_NODE, Service={**FULL_SERVICE, "Port": 81})
    both.get("/v1/catalog/node/host")
    register(both, **FULL_NODE, Service={**FULL_SERVICE, "Port": 81, "Tags": ["primary", "v2"]})
    both.get("/v1/catalog/node/host")


@case
def a_registration_without_fields_drops_them(both):
    register(both, **FULL_NODE, Service=FULL_SERVICE)
    register(both, Node="host", Address="10.0.0.2", Service={"ID": "web1", "Service": "web"})
    look(both)
    register(both, Node="host", Address="10.0.0.2", Service={"ID": "web1", "Service": "renamed"})
    look(both, service="renamed")
    both.get("/v1/catalog/service/web")


@case
def skip_node_update(both):
    register(both, **FULL_NODE)
    register(both, Node="host", SkipNodeUpdate=True, Service={"Service": "web"})
    register(both, Node="host", Address="10.9.9.9", SkipNodeUpdate=True, Service={"Service": "api"})
    both.get("/v1/catalog/node/host")
    register(both, Node="unknown", SkipNodeUpdate=True)
    register(both, Node="unknown2", SkipNodeUpdate=True, Service={"Service": "web"})
    both.get("/v1/catalog/nodes")


@case
def registrations_that_are_refused(both):
    register(both)
    register(both, Node="host")
    register(both, Address="10.0.0.1")
    register(both, Node="", Address="10.0.0.1")
    register(both, Node="host", Address="")
    for identifier in [
        "bad",
        "aaaaaaaa-2222-3333-4444-55555555555",
        "aaaaaaaa-2222-3333-4444-55555555555g",
        "aaaaaaaa+2222-3333-4444-555555555555",
    ]:
        register(both, Node="host", Address="10.0.0.1", ID=identifier)
    register(both, Node="host", Address="10.0.0.1", Service={"ID": "only"})
    for address in ["0.0.0.0", "::", "[::]"]:
        register(both, Node="host", Address="10.0.0.1", Service={"Service": "web", "Address": address})
    register(both, Node="host", Address="10.0.0.1", PeerName="peer")
    register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "c", "Name": "c", "Node": "other"})
    register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "c", "Name": "c", "ServiceID": "missing"})
    both.get("/v1/catalog/nodes")


@case
def a_refused_check_takes_the_whole_registration_back(both):
    bad = {"CheckID": "c", "Name": "c", "ServiceID": "missing"}
    register(both, Node="host", Address="10.0.0.1")
    register(both, Node="host", Address="10.0.0.2", Service={"Service": "web"}, Check=bad)
    both.get("/v1/catalog/node/host")
    register(both, Node="host", Address="10.0.0.2", Check={})
    register(both, Node="host", Address="10.0.0.2", Check={"Status": "passing"})
    both.get("/v1/catalog/node/host")


@case
def bodies_that_are_no_registration(both):
    for body in [
        "",
        "{",
        "[]",
        "5",
        "x",
        '{"Node":5}',
        '{"Node":"a","Address":5}',
        '{"NodeMeta":[]}',
        '{"NodeMeta":{"a":1}}',
    ]:
        both.put("/v1/catalog/register", body)
    for body in ['{"Service":5}', '{"Service":{"Port":"x"}}', '{"Service":{"Port":1.5}}', '{"Service":{"Tags":"x"}}']:
        both.put("/v1/catalog/register", body)
    for body in [
        '{"Checks":{}}',
        '{"Check":[]}',
        '{"Check":{"Status":1}}',
        '{"Check":{"Definition":{"Interval":"x"}}}',
    ]:
        both.put("/v1/catalog/register", body)
    for body in ['{"Unknown":1}', '{"Namespace":"team"}', '{"Partition":"team"}', '{"Service":{"Unknown":1}}']:
        both.put("/v1/catalog/register", body)
    both.put("/v1/catalog/register", '{"Node":"host","Address":"10.0.0.1"} trailing')
    both.put("/v1/catalog/register", "null")
    both.put("/v1/catalog/register")
    for body in [
        "",
        "{",
        "[]",
        '{"Node":5}',
        '{"Unknown":1}',
        '{"Namespace":"team"}',
        "{}",
        "null",
        '{"ServiceID":"x"}',
    ]:
        both.put("/v1/catalog/deregister", body)
    both.get("/v1/catalog/nodes")


@case
def request_keys_in_any_case(both):
    body = (
        '{"node":"host","ADDRESS":"10.0.0.1","nodemeta":{"K":"V"},"service":{"service":"web","PORT":80,"tags":["a"]}}'
    )
    both.put("/v1/catalog/register", body)
    look(both)
    both.put(
        "/v1/catalog/register",
        '{"node":"host","address":"10.0.0.1","check":{"checkid":"c","name":"n","status":"passing"}}',
    )
    both.get("/v1/health/node/host")
    both.put("/v1/catalog/deregister", '{"node":"host","serviceid":"web"}')
    look(both)


@case
def keys_in_snake_case(both):
    service = '{"service":"web","tagged_addresses":{"lan":{"address":"10.1.1.1","port":80}},"enable_tag_override":true}'
    both.put("/v1/catalog/register", f'{{"Node":"host","Address":"10.0.0.1","Service":{service}}}')
    definition = '{"HTTP":"http://x","tls_skip_verify":true,"Interval":"10s"}'
    check = f'{{"CheckID":"c","Name":"n","service_id":"web","Definition":{definition}}}'
    both.put("/v1/catalog/register", f'{{"Node":"host","Address":"10.0.0.1","Check":{check}}}')
    look(both)


@case
def services_in_odd_forms(both):
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "named"})
    register(
        both, Node="host", Address="10.0.0.1", Service={"ID": "web1", "Service": "web", "Weights": {"Passing": -1}}
    )
    register(
        both,
        Node="host",
        Address="10.0.0.1",
        Service={"ID": "web2", "Service": "web", "Weights": {"Passing": 0, "Warning": 0}},
    )
    register(
        both, Node="host", Address="10.0.0.1", Service={"ID": "web3", "Service": "web", "Weights": None, "Tags": None}
    )
    register(both, Node="host", Address="10.0.0.1", Service={"ID": "web4", "Service": "web", "Port": 70000, "Tags": []})
    register(both, Node="host", Address="10.0.0.1", Service={"ID": "web5", "Service": "web", "Port": -1, "Tags": [""]})
    register(
        both, Node="host", Address="10.0.0.1", Service={"ID": "a/b c", "Service": "we b/é", "SocketPath": "/run/x"}
    )
    register(both, Node="host", Address="10.0.0.1", Service={"ID": "web6", "Service": "Web", "Meta": {"": "x"}})
    look(both)
    both.get("/v1/catalog/service/we%20b%2F%C3%A9")
    deregister(both, Node="host", ServiceID="a/b c")
    both.get("/v1/catalog/services")


@case
def a_service_without_a_name(both):
    register(both, Node="host", Address="10.0.0.1", Service={})
    look(both)


@case
def proxies_and_other_kinds(both):
    proxy = {
        "DestinationServiceName": "web",
        "DestinationServiceID": "web1",
        "LocalServiceAddress": "127.0.0.1",
        "LocalServicePort": 80,
        "Config": {"b": 1, "a": ["x", {"y": None}]},
        "Upstreams": [{"DestinationName": "db", "LocalBindPort": 1234}],
        "Mode": "transparent",
        "MeshGateway": {"Mode": "local"},
        "Expose": {"Checks": True},
    }
    register(
        both,
        Node="host",
        Address="10.0.0.1",
        Service={"ID": "px", "Service": "px", "Kind": "connect-proxy", "Port": 8080, "Proxy": proxy},
    )
    register(
        both,
        Node="host",
        Address="10.0.0.1",
        Service={"ID": "mg", "Service": "mg", "Kind": "mesh-gateway", "Port": 443},
    )
    register(
        both,
        Node="host",
        Address="10.0.0.1",
        Service={"ID": "nat", "Service": "nat", "Port": 80, "Connect": {"Native": True}},
    )
    look(both, service="px")
    both.get("/v1/catalog/service/px?pretty", select=None)
    both.get("/v1/catalog/service/mg")
    both.get("/v1/catalog/service/nat")
    both.get("/v1/catalog/services")
    for service in [
        {"Service": "bad", "Kind": "connect-proxy"},
        {"Service": "bad", "Kind": "connect-proxy", "Port": 1},
        {"Service": "bad", "Kind": "connect-proxy", "Proxy": {"DestinationServiceName": "web"}},
        {"Service": "bad", "Kind": "connect-proxy", "Port": 1, "Proxy": {"DestinationServiceName": "*"}},
    ]:
        register(both, Node="host", Address="10.0.0.1", Service=service)
    both.get("/v1/catalog/services")


@case
def checks_in_odd_forms(both):
    register(both, Node="host", Address="10.0.0.1", Service={"ID": "web1", "Service": "web", "Tags": ["t"]})
    for check in [
        {"Name": "named"},
        {"CheckID": "id-only"},
        {"CheckID": "bogus", "Name": "b", "Status": "bogus"},
        {"CheckID": "upper", "Name": "b", "Status": "PASSING"},
        {"CheckID": "svc", "Name": "s", "ServiceID": "web1", "ServiceName": "lies", "ServiceTags": ["lies"]},
        {"CheckID": "typed", "Name": "t", "Type": "custom", "Interval": "10s", "Timeout": "1s", "ExposedPort": 99},
        {"CheckID": "tcp", "Name": "t", "Definition": {"TCP": "x:1", "Interval": "1m"}},
        {"CheckID": "grpc", "Name": "t", "Definition": {"GRPC": "x:1", "GRPCUseTLS": True, "Interval": "1h"}},
        {"CheckID": "udp", "Name": "t", "Definition": {"UDP": "x:1", "Interval": 10000000000}},
        {"CheckID": "alias", "Name": "t", "Definition": {"AliasNode": "n", "AliasService": "s"}},
        {
            "CheckID": "header",
            "Name": "t",
            "Definition": {"HTTP": "http://x", "Header": {"B": ["1"], "A": ["2", "3"]}, "Method": "PUT", "Body": "b"},
        },
        {"CheckID": "h2", "Name": "t", "Definition": {"H2PING": "x:1", "H2PingUseTLS": True}},
        {"CheckID": "notes", "Name": "<&>", "Notes": "ünï", "Output": "line\nline\ttab \u2028"},
        {"Node": "HOST", "CheckID": "case", "Name": "c"},
    ]:
        register(both, Node="host", Address="10.0.0.1", Check=check)
    both.get("/v1/health/node/host")
    both.get("/v1/health/checks/web")
    both.get("/v1/health/state/any")


@case
def one_check_and_several(both):
    one = {"CheckID": "one", "Name": "one", "Status": "passing"}
    two = {"CheckID": "two", "Name": "two", "Status": "passing"}
    register(both, Node="host", Address="10.0.0.1", Check=one, Checks=[two])
    register(both, Node="host", Address="10.0.0.1", Checks=[one, {**one, "Status": "warning"}])
    register(both, Node="host", Address="10.0.0.1", Checks=[])
    both.get("/v1/health/node/host")


@case
def deregistering(both):
    checks = [{"CheckID": "n", "Name": "n"}, {"CheckID": "s", "Name": "s", "ServiceID": "web1"}]
    register(both, **FULL_NODE, Service=FULL_SERVICE, Checks=checks)
    register(both, **FULL_NODE, Service={"ID": "api1", "Service": "api"})
    for what in [{}, {"ServiceID": "missing"}, {"CheckID": "missing"}]:
        deregister(both, Node="nobody", **what)
    deregister(both, Node="host", ServiceID="missing")
    deregister(both, Node="host", CheckID="missing")
    look(both)
    deregister(both, Node="host", CheckID="s")
    look(both)
    deregister(both, Node="host", ServiceID="web1", CheckID="n")
    look(both)
    deregister(both, Node="HOST", Address="ignored")
    look(both)


@case
def deregistering_a_service_takes_its_checks(both):
    checks = [{"CheckID": "n", "Name": "n"}, {"CheckID": "s", "Name": "s", "ServiceID": "web1"}]
    register(both, **FULL_NODE, Service=FULL_SERVICE, Checks=checks)
    deregister(both, Node="host", ServiceID="web1")
    look(both)


@case
def reading_what_is_not_there(both):
    for route in ["node", "node-services", "service"]:
        both.get(f"/v1/catalog/{route}/")
        both.get(f"/v1/catalog/{route}/missing")
        both.get(f"/v1/catalog/{route}/missing?pretty")
        both.get(f"/v1/catalog/{route}/a/b")
        both.get(f"/v1/catalog/{route}/missing?stale")
    both.get("/v1/catalog/service/missing?tag=a")


@case
def finding_a_node_by_name_or_id(both):
    register(both, **FULL_NODE, Service=FULL_SERVICE)
    register(both, Node="aaaaaaaa", Address="10.0.0.3")
    register(both, Node="other", Address="10.0.0.4", ID="aaaabbbb-2222-3333-4444-555555555555")
    for name in [
        "host",
        "HOST",
        FULL_NODE["ID"],
        FULL_NODE["ID"].upper(),
        "aaaaaaaa",
        "aaaaaaaa-2222",
        "aaaaaaaa-2",
        "aaaab",
        "aaaa",
        "aaa",
        "hos",
    ]:
        both.get(f"/v1/catalog/node/{name}")
        both.get(f"/v1/catalog/node-services/{name}")
        both.get(f"/v1/health/node/{name}")


@case
def node_ids_and_renames(both):
    one = "aaaaaaaa-2222-3333-4444-555555555555"
    two = "bbbbbbbb-2222-3333-4444-555555555555"
    register(both, Node="host", Address="10.0.0.1", ID=one, Service={"Service": "web"})
    register(both, Node="renamed", Address="10.0.0.1", ID=one)
    look(both, node="renamed")
    register(both, Node="renamed", Address="10.0.0.5", ID=two)
    register(both, Node="RENAMED", Address="10.0.0.1", ID=one)
    both.get("/v1/catalog/nodes")
    register(both, Node="plain", Address="10.0.0.6")
    register(both, Node="plain", Address="10.0.0.6", ID=two)
    both.get("/v1/catalog/nodes")
    register(both, Node="plain", Address="10.0.0.7")
    both.get("/v1/catalog/nodes")
    register(both, Node="third", Address="10.0.0.8", ID=two.upper())
    both.get("/v1/catalog/nodes")


@case
def nodes_whose_names_differ_in_case(both):
    register(both, Node="Host", Address="10.0.0.1", Service={"Service": "web"})
    register(both, Node="host", Address="10.0.0.2", Service={"Service": "api"})
    look(both)
    both.get("/v1/catalog/node/HOST")
    deregister(both, Node="hOST", ServiceID="web")
    look(both)


@case
def tags(both):
    for number, tags_of_it in enumerate([["a", "b"], ["B", "c"], [], ["a", "a"], ["with space", "ünï"]]):
        register(both, Node=f"host{number}", Address=f"10.0.0.{number}", Service={"Service": "web", "Tags": tags_of_it})
    both.get("/v1/catalog/services")
    for query in [
        "tag=a",
        "tag=A",
        "tag=b",
        "tag=a&tag=b",
        "tag=b&tag=c",
        "tag=",
        "tag",
        "tag=zz",
        "tag=with%20space",
        "tag=%C3%BCn%C3%AF",
        "tag=a&tag=zz",
    ]:
        both.get(f"/v1/catalog/service/web?{query}")


@case
def node_meta(both):
    register(
        both,
        Node="one",
        Address="10.0.0.1",
        NodeMeta={"rack": "r1", "dc": "x"},
        Service={"Service": "web", "Tags": ["one"]},
    )
    register(
        both,
        Node="two",
        Address="10.0.0.2",
        NodeMeta={"rack": "r2", "dc": "x"},
        Service={"Service": "web", "Tags": ["two"]},
    )
    register(both, Node="three", Address="10.0.0.3", NodeMeta={"colon": "a:b", "empty": ""}, Service={"Service": "api"})
    for query in [
        "rack:r1",
        "dc:x",
        "rack:r9",
        "rack",
        "rack:",
        ":",
        "colon:a:b",
        "empty:",
        "Rack:r1",
        "dc:x&node-meta=rack:r2",
        "rack:r1&node-meta=rack:r2",
        "",
    ]:
        for route in ["nodes", "services", "service/web"]:
            both.get(f"/v1/catalog/{route}?node-meta={query}")
        both.get(f"/v1/health/service/web?node-meta={query}")


@case
def cached_reads(both):
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "cached"})
    for route in ["catalog/nodes", "catalog/node/host", "catalog/node-services/host", "health/node/host"]:
        both.get(f"/v1/{route}?cached")
    both.get("/v1/catalog/service/cached?cached")
    both.get("/v1/catalog/service/cached?cached")
    both.get("/v1/catalog/service/never-cached?cached&stale")


@case
def service_names_differ_in_case_only(both):
    register(both, Node="one", Address="10.0.0.1", Service={"ID": "1", "Service": "Web"})
    register(both, Node="one", Address="10.0.0.1", Service={"ID": "2", "Service": "web"})
    for name in ["web", "Web", "WEB"]:
        both.get(f"/v1/catalog/service/{name}")
        both.get(f"/v1/health/service/{name}")
    both.get("/v1/catalog/services")


@case
def the_order_of_lists(both):
    for name in ["zeta", "Alpha", "beta", "alpha2", "10", "9"]:
        register(both, Node=name, Address="10.0.0.1", Service={"ID": f"{name}-web", "Service": "web", "Tags": [name]})
    for identifier in ["z", "a", "M"]:
        register(both, Node="beta", Address="10.0.0.1", Service={"ID": identifier, "Service": "web"})
        register(both, Node="beta", Address="10.0.0.1", Check={"CheckID": identifier, "Name": identifier})
    look(both, node="beta")
    both.get("/v1/health/state/any")


@case
def service_indices_over_a_life(both):
    both.get("/v1/catalog/service/life")
    both.get("/v1/health/service/life")
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "life"})
    both.get("/v1/catalog/service/life")
    both.get("/v1/health/service/life")
    deregister(both, Node="host", ServiceID="life")
    both.get("/v1/catalog/service/life")
    both.get("/v1/health/service/life")
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "life"})
    both.get("/v1/catalog/service/life")
    both.get("/v1/health/service/life")
    deregister(both, Node="host")
    both.get("/v1/catalog/service/life")
    both.get("/v1/catalog/node/host")
