"""The two servers around the cases: what is learned of each before the first, and clearing up after each."""

import json

from compare import Plainer
from laws import IndexLaws
from lib.wire import Connection
from story import Side


def side_of(name: str, server, laws: IndexLaws | None) -> Side:
    """A connection to a started server and what is its own: ports, version and how far its index has come."""
    connection = Connection("127.0.0.1", server.http_port)

    def told(path: str):
        return json.loads(connection.request("GET", path).body)

    ports = {int(told("/v1/status/leader").rpartition(":")[2]), told("/v1/agent/members")[0]["Port"]}
    connection.request("PUT", "/v1/kv/first", b"")
    plainer = Plainer(ports, told("/v1/agent/self")["Config"]["Version"], told("/v1/kv/first")[0]["ModifyIndex"])
    side = Side(name, connection, plainer, server.node, laws)
    clear(side)
    return side


def clear(side: Side) -> None:
    """Removes all keys and sessions and every node but the server's own, with what else was put on that one."""
    ask = side.connection.request
    ask("DELETE", "/v1/kv/?recurse")
    for session in json.loads(ask("GET", "/v1/session/list").body):
        ask("PUT", f"/v1/session/destroy/{session['ID']}")
    for node in json.loads(ask("GET", "/v1/catalog/nodes").body):
        if node["Node"] != side.own_node:
            deregister(side, {"Node": node["Node"]})
    own = json.loads(ask("GET", f"/v1/catalog/node/{side.own_node}").body)
    for service in own["Services"]:
        if service != "consul":
            deregister(side, {"Node": side.own_node, "ServiceID": service})
    for check in json.loads(ask("GET", f"/v1/health/node/{side.own_node}").body):
        if check["CheckID"] != "serfHealth":
            deregister(side, {"Node": side.own_node, "CheckID": check["CheckID"]})


def deregister(side: Side, what: dict) -> None:
    answer = side.connection.request("PUT", "/v1/catalog/deregister", json.dumps(what).encode())
    if answer.status != 200:
        raise RuntimeError(f"{side.name} did not clear {what}: {answer.status} {answer.body!r}")
