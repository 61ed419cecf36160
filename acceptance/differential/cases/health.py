"""/v1/health: checks of nodes, services and states, and the instances of a service with their health."""

from story import case

STATES = ["passing", "warning", "critical"]


def register(both, **fields):
    return both.put("/v1/catalog/register", fields)


def instances(both):
    """Four instances of `web`: healthy, on a warning node, with a critical check of its own, without checks."""
    for number, (node_status, service_status) in enumerate(
        [("passing", "passing"), ("warning", "passing"), ("passing", "critical"), (None, None)]
    ):
        checks = []
        if node_status:
            checks.append({"CheckID": f"node{number}", "Name": "node", "Status": node_status})
            checks.append(
                {"CheckID": f"web{number}", "Name": "web", "Status": service_status, "ServiceID": f"web{number}"}
            )
        register(
            both,
            Node=f"host{number}",
            Address=f"10.0.0.{number}",
            NodeMeta={"rack": f"r{number % 2}"},
            Service={"ID": f"web{number}", "Service": "web", "Port": 80, "Tags": ["all", f"n{number}"]},
            Checks=checks,
        )


@case
def names_left_out_or_unknown(both):
    for route in ["node", "checks", "service", "state"]:
        both.get(f"/v1/health/{route}/")
        both.get(f"/v1/health/{route}/missing")
        both.get(f"/v1/health/{route}/missing?pretty")
        both.get(f"/v1/health/{route}/a/b")


@case
def instances_of_a_service(both):
    instances(both)
    both.get("/v1/health/service/web")
    for value in [
        "passing",
        "passing=",
        "passing=true",
        "passing=1",
        "passing=t",
        "passing=TRUE",
        "passing=false",
        "passing=0",
    ]:
        both.get(f"/v1/health/service/web?{value}")
    for value in ["x", "yes", "2", "tRUE", "%20true"]:
        both.get(f"/v1/health/service/web?passing={value}")
    both.get("/v1/health/service/missing?passing=x")


@case
def tags_and_node_meta(both):
    instances(both)
    for query in ["tag=all", "tag=N1", "tag=all&tag=n2", "tag=n1&tag=n2", "tag=", "tag=zz", "tag=all&passing"]:
        both.get(f"/v1/health/service/web?{query}")
    for query in ["rack:r0", "rack:r1&passing", "rack:zz", "rack:r0&node-meta=x:y", "rack:r0&tag=n0"]:
        both.get(f"/v1/health/service/web?node-meta={query}")
        both.get(f"/v1/health/checks/web?node-meta={query}")
        both.get(f"/v1/health/state/any?node-meta={query}")
    both.get("/v1/health/node/host0?node-meta=rack:zz")


@case
def checks_of_nodes_services_and_states(both):
    instances(both)
    for number in range(4):
        both.get(f"/v1/health/node/host{number}")
    both.get("/v1/health/checks/web")
    both.get("/v1/health/checks/WEB")
    for state in [*STATES, "any", "unknown", "PASSING", "Any", "maintenance"]:
        both.get(f"/v1/health/state/{state}")


@case
def a_check_changes_its_state(both):
    check = {"CheckID": "c", "Name": "c", "ServiceID": "web"}
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "web"}, Check={**check, "Status": "passing"})
    for status in ["warning", "critical", "passing"]:
        register(both, Node="host", Address="10.0.0.1", Check={**check, "Status": status})
        both.get("/v1/health/service/web")
        both.get("/v1/health/service/web?passing")
        for state in STATES:
            both.get(f"/v1/health/state/{state}")
    register(both, Node="host", Address="10.0.0.1", Check={**check, "Status": "passing", "Output": "new output"})
    both.get("/v1/health/service/web")
    register(both, Node="host", Address="10.0.0.1", Check={**check, "Status": "passing", "Output": "new output"})
    both.get("/v1/health/service/web")


@case
def a_service_change_reaches_its_checks(both):
    check = {"CheckID": "c", "Name": "c", "ServiceID": "web1", "Status": "passing"}
    service = {"ID": "web1", "Service": "web", "Tags": ["old"]}
    register(both, Node="host", Address="10.0.0.1", Service=service, Check=check)
    register(both, Node="host", Address="10.0.0.1", Service={**service, "Tags": ["new"]})
    both.get("/v1/health/checks/web")
    both.get("/v1/health/service/web")
    register(both, Node="host", Address="10.0.0.1", Check=check)
    both.get("/v1/health/checks/web")


@case
def a_node_check_belongs_to_all_services_of_the_node(both):
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "web"})
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "api"})
    register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "node", "Name": "node", "Status": "critical"})
    for service in ["web", "api"]:
        both.get(f"/v1/health/service/{service}")
        both.get(f"/v1/health/service/{service}?passing")
        both.get(f"/v1/health/checks/{service}")


@case
def a_check_moves_to_another_service(both):
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "web"})
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "api"})
    for service in ["web", "api", ""]:
        check = {"CheckID": "c", "Name": "c", "ServiceID": service, "Status": "passing"}
        register(both, Node="host", Address="10.0.0.1", Check=check)
        both.get("/v1/health/checks/web")
        both.get("/v1/health/checks/api")
        both.get("/v1/health/node/host")


@case
def cached_instances(both):
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "cached-health"})
    both.get("/v1/health/service/cached-health?cached")
    both.get("/v1/health/service/cached-health?cached")
    both.get("/v1/health/service/cached-health?cached&passing")
    both.get("/v1/health/service/cached-health?cached", headers=[("Cache-Control", "max-age=10")])
    for route in ["node/host", "checks/cached-health", "state/any"]:
        both.get(f"/v1/health/{route}?cached")


@case
def a_service_of_another_peer(both):
    register(both, Node="host", Address="10.0.0.1", Service={"Service": "web"})
    both.get("/v1/health/service/web?peer=")
