"""The catalog: consul.catalog.register and deregister, and every way to read what they leave."""

import consul
import pytest
from conftest import ANSWER_SECONDS_MAX, beyond_consul_1_13


@pytest.fixture
def web(client, name):
    """Two nodes with one instance of a service each; gives the service's name, which also begins the nodes' names."""
    for number, tags in [(1, ["v1", "main"]), (2, ["v2"])]:
        service = {
            "Service": name,
            "ID": f"web{number}",
            "Tags": tags,
            "Port": 8000 + number,
            "Meta": {"number": str(number)},
        }
        assert client.catalog.register(f"{name}-{number}", f"127.0.1.{number}", service=service) is True
    yield name
    for number in [1, 2]:
        client.catalog.deregister(f"{name}-{number}")


def set_node_meta(client, node, meta):
    """Gives a node meta data, which py-consul's register cannot."""
    entry = client.catalog.node(node)[1]["Node"]
    client.txn.put([{"Node": {"Verb": "set", "Node": {**entry, "Meta": meta}}}])


def test_datacenters(client):
    assert client.catalog.datacenters() == [client.agent.self()["Config"]["Datacenter"]]


def test_the_server_registers_itself(client, server_node):
    assert "consul" in client.catalog.services()[1]
    instance = client.catalog.service("consul")[1][0]
    assert (instance["Node"], instance["ServiceID"]) == (server_node, "consul")
    assert client.catalog.node(server_node)[1]["Node"]["ID"] == client.agent.self()["Config"]["NodeID"]


def test_register_a_bare_node_and_deregister_it(client, name):
    assert client.catalog.register(name, "127.0.0.5", tagged_addresses={"lan": "127.0.0.5", "wan": "127.0.0.6"}) is True
    index, node = client.catalog.node(name)
    assert node["Node"]["Address"] == "127.0.0.5"
    assert node["Node"]["TaggedAddresses"]["wan"] == "127.0.0.6"
    assert node["Services"] == {}
    assert client.catalog.deregister(name) is True
    later, node = client.catalog.node(name)
    assert node is None
    assert int(later) >= int(index)


def test_register_everything_at_once(client, name):
    own = client.agent.self()["Config"]["Datacenter"]
    check = {
        "Node": name,
        "CheckID": "service:db",
        "Name": "db health",
        "Notes": "n",
        "Status": "warning",
        "ServiceID": "db",
    }
    service = {"Service": f"{name}-db", "ID": "db", "Address": "127.9.9.9", "Port": 5432, "EnableTagOverride": True}
    assert client.catalog.register(name, "127.0.0.5", service=service, check=check, dc=own) is True
    instance = client.catalog.service(f"{name}-db", dc=own, token="t")[1][0]
    assert (instance["Address"], instance["ServiceAddress"], instance["ServicePort"]) == (
        "127.0.0.5",
        "127.9.9.9",
        5432,
    )
    assert instance["ServiceEnableTagOverride"] is True
    assert instance["ServiceWeights"] == {"Passing": 1, "Warning": 1}
    checks = client.health.checks(f"{name}-db")[1]
    assert [(c["CheckID"], c["Status"], c["Notes"]) for c in checks] == [("service:db", "warning", "n")]
    assert client.catalog.deregister(name, dc=own) is True


def test_skip_node_update_leaves_the_address(client, name):
    client.catalog.register(name, "127.0.0.5")
    client.catalog.register(name, "127.0.0.99", service={"Service": f"{name}-x"}, skip_node_update=True)
    assert client.catalog.node(name)[1]["Node"]["Address"] == "127.0.0.5"
    client.catalog.register(name, "127.0.0.99", service={"Service": f"{name}-x"})
    assert client.catalog.node(name)[1]["Node"]["Address"] == "127.0.0.99"
    client.catalog.deregister(name)


def test_service_id_defaults_to_its_name(client, name):
    client.catalog.register(name, "127.0.0.5", service={"Service": f"{name}-x"})
    assert client.catalog.service(f"{name}-x")[1][0]["ServiceID"] == f"{name}-x"
    client.catalog.deregister(name)


def test_the_same_registration_again_raises_no_index(client, web):
    before = client.catalog.service(web)[1]
    index = client.catalog.node(f"{web}-2")[0]
    service = {"Service": web, "ID": "web2", "Tags": ["v2"], "Port": 8002, "Meta": {"number": "2"}}
    client.catalog.register(f"{web}-2", "127.0.1.2", service=service)
    assert client.catalog.service(web)[1] == before
    assert client.catalog.node(f"{web}-2")[0] == index


def test_nodes(client, web, server_node):
    index, nodes = client.catalog.nodes(consistency="consistent")
    names = [node["Node"] for node in nodes]
    assert {f"{web}-1", f"{web}-2", server_node} <= set(names)
    assert names == sorted(names)
    assert {n["Node"] for n in client.catalog.nodes(near="_agent", token="t", consistency="stale")[1]} == set(names)
    found = client.catalog.nodes(filter_expr=f'Node == "{web}-2" or Address == "127.0.1.99"')[1]
    assert [(n["Node"], n["Address"]) for n in found] == [(f"{web}-2", "127.0.1.2")]
    assert int(index) >= max(node["ModifyIndex"] for node in nodes)


def test_node_meta(client, web):
    set_node_meta(client, f"{web}-1", {"test": web, "rack": "r1"})
    set_node_meta(client, f"{web}-2", {"test": web, "rack": "r2"})
    assert len(client.catalog.nodes(node_meta={"test": web})[1]) == 2
    assert [n["Node"] for n in client.catalog.nodes(node_meta={"test": web, "rack": "r2"})[1]] == [f"{web}-2"]
    assert client.catalog.services(node_meta={"test": web, "rack": "r1"})[1].keys() == {web}
    assert [n["Node"] for n in client.catalog.service(web, node_meta={"rack": "r2"})[1]] == [f"{web}-2"]
    assert [n["Node"]["Node"] for n in client.health.service(web, node_meta={"rack": "r1"})[1]] == [f"{web}-1"]
    assert client.catalog.nodes(node_meta={"test": web, "rack": "none"})[1] == []


def test_services(client, web):
    _, services = client.catalog.services(consistency="stale", token="t")
    assert sorted(services[web]) == ["main", "v1", "v2"]


@beyond_consul_1_13  # which ignores the filter here; Consul has it since 1.20
def test_services_with_a_filter(client, web):
    assert client.catalog.services(filter_expr=f'ServiceName == "{web}"')[1].keys() == {web}


def test_service(client, web):
    _, instances = client.catalog.service(web)
    assert [(i["Node"], i["ServiceID"], i["ServicePort"]) for i in instances] == [
        (f"{web}-1", "web1", 8001),
        (f"{web}-2", "web2", 8002),
    ]
    assert instances[0]["ServiceTags"] == ["v1", "main"]
    assert instances[0]["ServiceMeta"] == {"number": "1"}
    assert [i["Node"] for i in client.catalog.service(web, tag="v2", consistency="consistent")[1]] == [f"{web}-2"]
    assert client.catalog.service(web, tag="v3")[1] == []
    assert len(client.catalog.service(web, near="_agent")[1]) == 2
    assert [i["Node"] for i in client.catalog.service(web, filter_expr='ServiceMeta.number == "1"')[1]] == [f"{web}-1"]
    assert len(client.catalog.service(web, merge_central_config=True)[1]) == 2
    assert client.catalog.service(f"{web}-none")[1] == []


def test_node(client, web):
    _, node = client.catalog.node(f"{web}-1", consistency="stale", token="t")
    assert node["Node"]["Address"] == "127.0.1.1"
    assert node["Services"]["web1"]["Service"] == web
    assert node["Services"]["web1"]["Port"] == 8001
    assert client.catalog.node(f"{web}-1", filter_expr='Service == "none"')[1]["Services"] == {}


def test_a_wrong_filter_is_refused_at_its_position(client):
    with pytest.raises(consul.ConsulException, match=r"^500 Failed to create boolean expression evaluator: 1:8 "):
        client.catalog.nodes(filter_expr="Node ==")


def test_deregister_a_service_and_a_check(client, web):
    check = {"Node": f"{web}-1", "CheckID": "extra", "Name": "extra", "Status": "passing"}
    client.catalog.register(f"{web}-1", "127.0.1.1", check=check)
    assert client.catalog.deregister(f"{web}-1", check_id="extra") is True
    assert client.health.node(f"{web}-1")[1] == []
    assert client.catalog.deregister(f"{web}-1", service_id="web1") is True
    assert [i["ServiceID"] for i in client.catalog.service(web)[1]] == ["web2"]
    assert client.catalog.node(f"{web}-1")[1]["Services"] == {}
    assert client.catalog.deregister(f"{web}-never") is True


def test_blocking_reads_answer_on_their_change(client, name, background):
    reads = {
        "nodes": lambda index: client.catalog.nodes(index=index, wait="60s"),
        "services": lambda index: client.catalog.services(index=index, wait="60s"),
        "service": lambda index: client.catalog.service(name, index=index, wait="60s"),
    }
    parked = {kind: background(read, read(None)[0]) for kind, read in reads.items()}
    consul.Consul().catalog.register(name, "127.0.0.5", service={"Service": name, "ID": "one"})
    answers = {kind: future.result(ANSWER_SECONDS_MAX) for kind, future in parked.items()}
    assert name in [node["Node"] for node in answers["nodes"][1]]
    assert name in answers["services"][1]
    assert [instance["ServiceID"] for instance in answers["service"][1]] == ["one"]

    index, _ = client.catalog.node(name)
    parked_node = background(client.catalog.node, name, index=index, wait="60s")
    parked_service = background(client.catalog.service, name, index=answers["service"][0], wait="60s")
    consul.Consul().catalog.deregister(name)
    assert parked_node.result(ANSWER_SECONDS_MAX)[1] is None
    assert parked_service.result(ANSWER_SECONDS_MAX)[1] == []
