"""The two servers around the cases: what is learned of each before the first, and clearing up after each."""

import json
from urllib.parse import quote

from compare import Disagreement, Plainer
from laws import IndexLaws
from lib.wire import Connection, WireError
from story import Outcome, Side


def side_of(name: str, server, laws: IndexLaws | None) -> Side:
    """A connection to a started server and what is its own: ports, version and how far its index has come."""
    connection = Connection("127.0.0.1", server.http_port)

    def told(path: str):
        return json.loads(connection.request("GET", path).body)

    ports = {int(told("/v1/status/leader").rpartition(":")[2]), told("/v1/agent/members")[0]["Port"]}
    connection.request("PUT", "/v1/kv/first", b"")
    plainer = Plainer(ports, told("/v1/agent/self")["Config"]["Version"], told("/v1/kv/first")[0]["ModifyIndex"])
    side = Side(name, connection, plainer, server.node, laws, server.dns_port)
    clear(side)
    return side


def clear(side: Side) -> list[Outcome]:
    """Removes all keys and sessions and every node but the server's own, with what else was put on that one.

    Gives a failed outcome if the server does not let itself be cleared: the cases that follow cannot be trusted then.
    """
    try:
        clear_agent(side)
        clear_keys_and_sessions(side)
        clear_catalog(side)
        return []
    except (Refused, WireError, ValueError, LookupError, TypeError) as error:
        failure = Disagreement("clearing up", "cleared", f"{side.name}: {type(error).__name__} {error}")
        return [Outcome("clearing up after the case", [failure])]


class Refused(Exception):
    """The server answered other than 200 to what it must do."""


def done(side: Side, method: str, target: str, body=None) -> bytes:
    answer = side.connection.request(method, target, body)
    if answer.status != 200:
        raise Refused(f"{method} {target}: {answer.status} {answer.body[:200]!r}")
    return answer.body


def clear_keys_and_sessions(side: Side) -> None:
    done(side, "DELETE", "/v1/kv/?recurse")
    for session in json.loads(done(side, "GET", "/v1/session/list")):
        done(side, "PUT", f"/v1/session/destroy/{session['ID']}")


def clear_agent(side: Side) -> None:
    """Removes what is registered with the agent, which would else come back into the catalog."""
    done(side, "PUT", "/v1/agent/maintenance?enable=false")
    for service in json.loads(done(side, "GET", "/v1/agent/services")):
        done(side, "PUT", f"/v1/agent/service/deregister/{quote(service, safe='')}")
    for check in json.loads(done(side, "GET", "/v1/agent/checks")):
        done(side, "PUT", f"/v1/agent/check/deregister/{quote(check, safe='')}")


def clear_catalog(side: Side) -> None:
    for node in json.loads(done(side, "GET", "/v1/catalog/nodes")):
        if node["Node"] != side.own_node:
            deregister(side, {"Node": node["Node"]})
    own = json.loads(done(side, "GET", f"/v1/catalog/node/{side.own_node}"))
    for service in own["Services"]:
        if service != "consul":
            deregister(side, {"Node": side.own_node, "ServiceID": service})
    for check in json.loads(done(side, "GET", f"/v1/health/node/{side.own_node}")):
        if check["CheckID"] != "serfHealth":
            deregister(side, {"Node": side.own_node, "CheckID": check["CheckID"]})


def deregister(side: Side, what: dict) -> None:
    done(side, "PUT", "/v1/catalog/deregister", json.dumps(what).encode())
