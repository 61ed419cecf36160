"""What the agent keeps of its own host: services, checks and maintenance, each until the catalog tells the same."""

import http.server
import threading

import consul
from conftest import eventually


def checks_of(client, service):
    """Waits on the health of a service."""
    return lambda index: client.health.service(service, index=index, wait="10s")


def statuses(nodes):
    return sorted(check["Status"] for node in nodes for check in node["Checks"] if check["ServiceID"])


def test_service_is_registered_found_and_deregistered(client, name, server_node):
    assert client.agent.service.register(
        name,
        service_id=f"{name}/1",
        address="127.0.0.9",
        port=80,
        tags=["a", "b"],
        meta={"rack": "7"},
        weights={"passing": 3, "warning": 1},
        tagged_addresses={"wan": {"address": "10.0.0.9", "port": 81}},
        check=consul.Check.ttl("60s"),
    )
    own = client.agent.services()[f"{name}/1"]
    assert (own["Service"], own["Address"], own["Port"], own["Tags"]) == (name, "127.0.0.9", 80, ["a", "b"])
    assert (own["Meta"], own["Weights"]) == ({"rack": "7"}, {"Passing": 3, "Warning": 1})
    assert client.agent.service_definition(f"{name}/1")["ID"] == f"{name}/1"
    assert list(client.agent.services(filter_expr=f'Service == "{name}"')) == [f"{name}/1"]
    (node,) = eventually(checks_of(client, name), lambda nodes: nodes)
    assert (node["Node"]["Node"], node["Service"]["ID"], statuses([node])) == (server_node, f"{name}/1", ["critical"])
    assert client.agent.service.deregister(f"{name}/1")
    eventually(checks_of(client, name), lambda nodes: not nodes)
    assert f"{name}/1" not in client.agent.services()


def test_ttl_check_goes_through_its_states(client, name):
    assert client.agent.service.register(name, check=consul.Check.ttl("60s"))
    check = f"service:{name}"
    for tell, status in [
        (client.agent.check.ttl_pass, "passing"),
        (client.agent.check.ttl_warn, "warning"),
        (client.agent.check.ttl_fail, "critical"),
    ]:
        assert tell(check, notes=f"it is {status}")
        nodes = eventually(checks_of(client, name), lambda nodes, status=status: statuses(nodes) == [status])
        (told,) = [c for c in nodes[0]["Checks"] if c["CheckID"] == check]
        assert told["Output"] == f"it is {status}"
        assert client.agent.checks()[check]["Status"] == status
    assert client.agent.service.deregister(name)


def test_check_of_the_node_comes_and_goes(client, name, server_node):
    assert client.agent.check.register(name, consul.Check.ttl("60s"), check_id=f"{name}-id", notes="by hand")
    def of_node(index):
        return client.health.node(server_node, index=index, wait="10s")

    eventually(of_node, lambda checks: f"{name}-id" in [check["CheckID"] for check in checks])
    assert list(client.agent.checks(filter_expr=f'Name == "{name}"')) == [f"{name}-id"]
    assert client.agent.check.deregister(f"{name}-id")
    eventually(of_node, lambda checks: f"{name}-id" not in [check["CheckID"] for check in checks])


def test_http_check_follows_its_target(client, name):
    answers = {"status": 200}

    class Target(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answers["status"])
            self.end_headers()

        def log_message(self, *_):
            pass

    target = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{target.server_port}/"
    assert client.agent.service.register(name, check=consul.Check.http(url, "1s", timeout="1s"))
    for answer, status in [(200, "passing"), (429, "warning"), (503, "critical")]:
        answers["status"] = answer
        eventually(checks_of(client, name), lambda nodes, status=status: statuses(nodes) == [status])
    target.shutdown()
    target.server_close()
    assert client.agent.service.deregister(name)


def test_maintenance_hides_a_service(client, name):
    assert client.agent.service.register(name)
    def passing(index):
        return client.health.service(name, passing=True, index=index, wait="10s")

    eventually(passing, lambda nodes: len(nodes) == 1)
    assert client.agent.service.maintenance(name, True, "moving house")
    eventually(passing, lambda nodes: not nodes)
    check = client.agent.checks()[f"_service_maintenance:{name}"]
    assert (check["Status"], check["Notes"]) == ("critical", "moving house")
    assert client.agent.service.maintenance(name, False)
    eventually(passing, lambda nodes: len(nodes) == 1)
    assert client.agent.maintenance(True, "the whole node")
    eventually(passing, lambda nodes: not nodes)
    assert client.agent.maintenance(False)
    eventually(passing, lambda nodes: len(nodes) == 1)
    assert client.agent.service.deregister(name)


def test_what_is_not_there_is_told(client):
    # Its calls without an answer of their own are true or false.
    assert not client.agent.check.ttl_pass("no-such-check")
    assert not client.agent.service.deregister("no-such-service")


def test_reload(client):
    assert client.agent.reload()
