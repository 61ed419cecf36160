"""Health: consul.health.service, checks, state and node, which filter by what the checks say."""

import consul
import pytest
from conftest import ANSWER_SECONDS_MAX


def set_check(client, node, check, status, service=None):
    """Writes a check of a node, or of a service of it."""
    entry = {"Node": node, "CheckID": check, "Name": check, "Status": status}
    if service:
        entry["ServiceID"] = service
    assert client.catalog.register(node, "127.0.2.1", check=entry) is True


@pytest.fixture
def web(client, name):
    """One service with an instance on each of three nodes: one passing, one warning, one critical."""
    for status in ["passing", "warning", "critical"]:
        service = {"Service": name, "ID": "web", "Tags": ["all", status], "Port": 80}
        assert client.catalog.register(f"{name}-{status}", "127.0.2.1", service=service) is True
        set_check(client, f"{name}-{status}", "web-ok", status, service="web")
    yield name
    for status in ["passing", "warning", "critical"]:
        client.catalog.deregister(f"{name}-{status}")


def nodes_of(answer):
    """The node names of an answer of health.service, without the service's own prefix."""
    return [entry["Node"]["Node"].rsplit("-", 1)[1] for entry in answer[1]]


def test_service(client, web):
    answer = client.health.service(web)
    assert nodes_of(answer) == ["critical", "passing", "warning"]
    entry = answer[1][0]
    assert entry["Service"]["Service"] == web
    assert [check["CheckID"] for check in entry["Checks"]] == ["web-ok"]
    assert nodes_of(client.health.service(web, passing=True)) == ["passing"]
    assert nodes_of(client.health.service(web, tag="warning")) == ["warning"]
    assert nodes_of(client.health.service(web, tag=["all", "critical"])) == ["critical"]
    assert nodes_of(client.health.service(web, tag=["passing", "critical"])) == []
    assert len(nodes_of(client.health.service(web, near="_agent", token="t"))) == 3
    assert nodes_of(client.health.service(web, filter_expr='Checks.Status == "warning"')) == ["warning"]
    assert len(nodes_of(client.health.service(web, merge_central_config=True))) == 3
    assert nodes_of(client.health.service(f"{web}-none")) == []


def test_passing_counts_the_checks_of_the_node_too(client, web):
    set_check(client, f"{web}-passing", "disk", "critical")
    assert nodes_of(client.health.service(web, passing=True)) == []
    set_check(client, f"{web}-passing", "disk", "passing")
    assert nodes_of(client.health.service(web, passing=True)) == ["passing"]


def test_checks(client, web):
    _, checks = client.health.checks(web)
    assert {(c["Node"].rsplit("-", 1)[1], c["Status"]) for c in checks} == {
        ("passing", "passing"),
        ("warning", "warning"),
        ("critical", "critical"),
    }
    assert {c["ServiceName"] for c in checks} == {web}
    assert checks[0]["ServiceTags"][0] == "all"
    assert len(client.health.checks(web, near="_agent", token="t")[1]) == 3
    assert len(client.health.checks(web, filter_expr='Status == "critical"')[1]) == 1
    assert client.health.checks(web, node_meta={"no": "such"})[1] == []
    assert client.health.checks(f"{web}-none")[1] == []


def test_state(client, web, server_node):
    def mine(state, **parameters):
        checks = client.health.state(state, **parameters)[1]
        return {c["Status"] for c in checks if c["Node"].startswith(web)}

    for state in ["passing", "warning", "critical"]:
        assert mine(state) == {state}
    assert mine("any") == {"passing", "warning", "critical"}
    assert mine("unknown") == set()
    assert mine("any", near="_agent", token="t", filter_expr='Status != "warning"') == {"passing", "critical"}
    assert mine("any", node_meta={"no": "such"}) == set()
    assert (server_node, "serfHealth") in [(c["Node"], c["CheckID"]) for c in client.health.state("passing")[1]]


def test_node(client, web, server_node):
    _, checks = client.health.node(f"{web}-warning", token="t")
    assert [(c["CheckID"], c["ServiceID"], c["ServiceName"], c["Status"]) for c in checks] == [
        ("web-ok", "web", web, "warning")
    ]
    assert client.health.node(f"{web}-warning", filter_expr='Status == "passing"')[1] == []
    assert client.health.node(f"{web}-none")[1] == []
    serf = client.health.node(server_node)[1][0]
    assert (serf["CheckID"], serf["Name"], serf["Status"]) == ("serfHealth", "Serf Health Status", "passing")


def test_blocking_reads_answer_when_a_check_turns(client, web, background):
    node = f"{web}-passing"
    reads = {
        "service": lambda index: client.health.service(web, passing=True, index=index, wait="60s"),
        "checks": lambda index: client.health.checks(web, index=index, wait="60s"),
        "state": lambda index: client.health.state("passing", index=index, wait="60s"),
        "node": lambda index: client.health.node(node, index=index, wait="60s"),
    }
    parked = {kind: background(read, read(None)[0]) for kind, read in reads.items()}
    set_check(consul.Consul(), node, "web-ok", "critical", service="web")
    answers = {kind: future.result(ANSWER_SECONDS_MAX)[1] for kind, future in parked.items()}
    assert answers["service"] == []
    assert {c["Status"] for c in answers["checks"] if c["Node"] == node} == {"critical"}
    assert node not in [c["Node"] for c in answers["state"]]
    assert [c["Status"] for c in answers["node"]] == ["critical"]


def test_blocking_on_a_service_that_is_not_there_yet(client, name, background):
    index, nothing = client.health.service(name, passing=True)
    assert nothing == []
    parked = background(client.health.service, name, passing=True, index=index, wait="60s")
    consul.Consul().catalog.register(f"{name}-1", "127.0.2.1", service={"Service": name})
    index, found = parked.result(ANSWER_SECONDS_MAX)
    # Another service's write may have answered the query before this one; then the next look must see it.
    assert len(found or client.health.service(name, passing=True)[1]) == 1
    client.catalog.deregister(f"{name}-1")
