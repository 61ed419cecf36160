"""?filter: the grammar, every operator on every kind of field, selectors of each route, and errors with positions."""

from urllib.parse import quote

from story import case

ROUTES = {
    "catalog/nodes": ["Node == one", "Address == `10.0.0.1`", "Meta.rack == r1", "Datacenter == dc1", "ID == ``"],
    "catalog/service/web": [
        "ServicePort == 80",
        "ServiceTags contains a",
        "ServiceMeta.team == x",
        "NodeMeta.rack == r1",
    ],
    "catalog/node/one": ["Port == 80", "Service == web", "Tags contains a", "Meta.team == x", "ID == web1"],
    "catalog/node-services/one": ["Port == 80", "Service == api", "Tags is empty", "Weights.Passing == 1"],
    "health/node/one": ["Status == passing", "CheckID == node", "ServiceID == ``", "Name matches `^n`"],
    "health/checks/web": ["Status == critical", "ServiceTags contains a", "ServiceName == web", "Output is empty"],
    "health/state/any": ["Node == one", "Status != passing", "CheckID in serfHealth"],
    "health/service/web": [
        "Service.Port == 80",
        "Node.Node == one",
        "Checks.Status == passing",
        "Service.Tags contains a",
    ],
}
GRAMMAR = [
    "Node==one",
    "Node == one",
    ' Node  ==  "one" ',
    "Node == `one`",
    '"Node" == one',
    "Node != one",
    "Node == one or Node == two",
    "Node == one and Address == `10.0.0.1`",
    "not Node == one",
    "not (Node == one or Node == two)",
    "(Node == one)",
    "((Node == one))",
    "Node == one and not Node == two or Node == two",
    "Node == two or Node == one and Node == three",
    "one in Node",
    "Node contains n",
    "n in Node",
    "n not in Node",
    "Node not contains n",
    "Node is empty",
    "Node is not empty",
    "ID is empty",
    "Node matches `^o`",
    'Node matches "^t.o$"',
    "Node not matches `^o`",
    "Meta.rack == r1",
    "Meta[`rack`] == r1",
    'Meta["rack"] == r1',
    "Meta.missing == r1",
    "Meta.missing != r1",
    "Meta contains rack",
    "rack in Meta",
    "rack not in Meta",
    "Meta is empty",
    "Meta is not empty",
    "Meta.rack is empty",
    "Meta.rack matches `r[12]`",
    "TaggedAddresses.lan == `10.0.0.1`",
    "TaggedAddresses is empty",
    "CreateIndex > 1",
    "Node==one and(Address==`10.0.0.1`)",
    "Node == one\tand\nAddress == `10.0.0.1`",
]
BROKEN = [
    "bogus",
    "Node",
    "Node =",
    "Node ==",
    "Node == ",
    "== one",
    "Node === one",
    "Node == one and",
    "Node == one and and Node == two",
    "(Node == one",
    "Node == one)",
    "()",
    " ",
    '"unterminated',
    "Node == `unterminated",
    "Node is",
    "Node is full",
    "Node not",
    "not",
    "Node in",
    "Node matches `(`",
    "Node == one or",
    "Node.Foo == one",
    "Bogus == one",
    "bogus.field == one",
    "Meta == one",
    "Meta.rack.more == one",
    "node == one",
    "Meta[rack] == r1",
    "Node < one",
    "Node == 'one'",
    "Node && one",
    "1 == 1",
    "é == one",
    "Node == one two",
    "Node contains",
    "Meta matches `x`",
    'Node == "a\\qb"',
]
# Each operator on an integer, a boolean, a list and a map of objects.
TYPED = [
    "ServicePort == 80",
    "ServicePort != 80",
    "ServicePort == 080",
    "ServicePort == 0x50",
    "ServicePort == eighty",
    "ServicePort == 80.0",
    "ServicePort == -1",
    "ServicePort is empty",
    "ServicePort matches `8`",
    "ServicePort contains 8",
    "80 in ServicePort",
    "ServiceEnableTagOverride == true",
    "ServiceEnableTagOverride == false",
    "ServiceEnableTagOverride == 1",
    "ServiceEnableTagOverride == yes",
    "ServiceEnableTagOverride is empty",
    "ServiceEnableTagOverride != true",
    "ServiceTags contains a",
    "ServiceTags not contains a",
    "a in ServiceTags",
    "a not in ServiceTags",
    "ServiceTags is empty",
    "ServiceTags is not empty",
    "ServiceTags == a",
    "ServiceTags matches `^a`",
    "ServiceTags contains A",
    "ServiceWeights.Passing == 1",
    "ServiceWeights.Warning != 1",
    "ServiceWeights is empty",
    "ServiceTaggedAddresses.lan.Port == 80",
    "ServiceTaggedAddresses contains lan",
    "ServiceTaggedAddresses.wan.Address == `1.1.1.1`",
    "ServiceTaggedAddresses is empty",
    "ServiceProxy.DestinationServiceName == web",
    "ServiceConnect.Native == true",
    "ServiceKind == ``",
    "ServiceKind == `connect-proxy`",
    "ServiceSocketPath is empty",
]


def register(both, **fields):
    return both.put("/v1/catalog/register", fields)


def catalogue(both):
    """Three nodes; `one` has two services and checks."""
    check = {"CheckID": "node", "Name": "node", "Status": "passing"}
    web = {
        "ID": "web1",
        "Service": "web",
        "Port": 80,
        "Tags": ["a", "b"],
        "Meta": {"team": "x"},
        "EnableTagOverride": True,
    }
    web["TaggedAddresses"] = {"lan": {"Address": "10.1.1.1", "Port": 80}}
    register(both, Node="one", Address="10.0.0.1", NodeMeta={"rack": "r1"}, Service=web, Check=check)
    register(both, Node="one", Address="10.0.0.1", NodeMeta={"rack": "r1"}, Service={"Service": "api", "Port": 81})
    check = {"CheckID": "web", "Name": "web", "Status": "critical", "ServiceID": "web"}
    register(both, Node="two", Address="10.0.0.2", NodeMeta={"rack": "r2"}, Service={"Service": "web"}, Check=check)
    register(both, Node="three", Address="10.0.0.3", TaggedAddresses={"lan": "10.0.0.3"})


def ask(both, route, expression):
    both.get(f"/v1/{route}?filter={quote(expression, safe='')}")


@case
def each_route_has_its_selectors(both):
    catalogue(both)
    for route, expressions in ROUTES.items():
        for expression in expressions:
            ask(both, route, expression)


@case
def the_grammar(both):
    catalogue(both)
    for expression in GRAMMAR:
        ask(both, "catalog/nodes", expression)


@case
def errors_point_at_the_place(both):
    catalogue(both)
    for expression in BROKEN:
        ask(both, "catalog/nodes", expression)


@case
def operators_on_every_type(both):
    catalogue(both)
    for expression in TYPED:
        ask(both, "catalog/service/web", expression)


@case
def nested_objects_of_a_health_answer(both):
    catalogue(both)
    for expression in [
        "Service.Meta.team == x",
        "Service.Weights.Passing == 1",
        "Node.Meta.rack == r2",
        "Node.TaggedAddresses.lan == `10.0.0.1`",
        "Checks is empty",
        "Checks.Name == web",
        "Checks.Status != passing",
        "Checks.ServiceTags contains a",
        "critical in Checks.Status",
        "Service.Proxy.Upstreams is empty",
        "Service.Connect.Native == false",
        "Service == web",
        "Checks == web",
        "Service.Bogus == 1",
        "Service.Tags contains a and Node.Node == one",
    ]:
        ask(both, "health/service/web", expression)


@case
def an_expression_for_each_route_that_is_wrong(both):
    for route in ROUTES:
        ask(both, route, "Bogus == 1")
        ask(both, route, "Node ==")


@case
def routes_without_a_filter(both):
    catalogue(both)
    for route in ["catalog/services", "catalog/datacenters", "session/list", "kv/?keys", "status/leader"]:
        joint = "&" if "?" in route else "?"
        both.get(f"/v1/{route}{joint}filter=bogus")
    both.get("/v1/catalog/nodes?filter=")
    both.get("/v1/catalog/node/nobody?filter=Port==80")
    both.get("/v1/catalog/service/nothing?filter=bogus")


@case
def filters_beside_other_options(both):
    catalogue(both)
    both.get("/v1/health/service/web?passing&filter=Service.Port==80")
    both.get("/v1/health/service/web?tag=a&filter=Service.Port==81")
    both.get("/v1/catalog/nodes?node-meta=rack:r1&filter=Node==two")
    both.get("/v1/catalog/nodes?pretty&filter=Node==two")
    both.get("/v1/health/service/web?passing=x&filter=bogus")
    both.get("/v1/catalog/service/?filter=bogus")
    both.get("/v1/catalog/nodes?filter=Node==one&filter=Node==two")
    both.get("/v1/health/service/web?cached&filter=Service.Port==80")
