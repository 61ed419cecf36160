#!/usr/bin/env python3
"""Asks a real Consul 1.13.9 for the answers in filters.txt, and writes them there.

    record.py PATH_OF_THE_CONSUL_BINARY

Lines of filters.txt that begin with '#', '@' (a route below /v1/), '?' (a filter) and '+' (its next line) are kept; the
lines behind them, '=' (what passed) and '!' (a line of the error), are written anew. The routes' unfiltered results go to
results.json, which is what Quorate's filters run over in the test.

Consul is started on loopback with ports of its own and a directory of its own, filled with the fixtures below through
catalog/register, and stopped again.
"""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent

NODES = [
    {
        "Node": "beta",
        "ID": "00000000-0000-0000-0000-00000000000b",
        "Address": "10.0.0.2",
        "TaggedAddresses": {"lan": "10.0.0.2", "wan": "198.51.100.2"},
        "NodeMeta": {"rack": "r1", "os": "linux", "a key/with é": "yes"},
    },
    {"Node": "gamma", "ID": "00000000-0000-0000-0000-00000000000c", "Address": "10.0.0.3"},
]

SERVICES = {
    "beta": [
        {
            "ID": "web-1",
            "Service": "web",
            "Tags": ["v1", "primary"],
            "Address": "10.1.0.2",
            "Port": 8080,
            "Meta": {"version": "1.2.3", "empty": ""},
            "TaggedAddresses": {"lan": {"Address": "10.1.0.2", "Port": 8080}, "wan": {"Address": "wan.example", "Port": 80}},
            "Weights": {"Passing": 10, "Warning": 2},
            "EnableTagOverride": True,
        },
        {"ID": "web-sock", "Service": "web", "SocketPath": "/run/web.sock"},
        {
            "ID": "web-proxy",
            "Service": "web-proxy",
            "Kind": "connect-proxy",
            "Port": 21000,
            "Proxy": {
                "DestinationServiceName": "web",
                "DestinationServiceID": "web-1",
                "LocalServiceAddress": "127.0.0.1",
                "LocalServicePort": 8080,
                "Mode": "transparent",
                "TransparentProxy": {"OutboundListenerPort": 15001, "DialedDirectly": True},
                "Config": {"protocol": "http"},
                "MeshGateway": {"Mode": "local"},
                "Upstreams": [
                    {"DestinationName": "db", "LocalBindPort": 5432, "Datacenter": "dc2"},
                    {"DestinationName": "cache", "DestinationType": "prepared_query", "LocalBindPort": 6379},
                ],
                "Expose": {"Checks": True, "Paths": [{"ListenerPort": 21500, "Path": "/healthz", "LocalPathPort": 8080, "Protocol": "http2"}]},
            },
        },
    ],
    "gamma": [{"ID": "web-2", "Service": "web", "Port": 9090, "Connect": {"Native": True}}],
}

CHECKS = {
    "beta": [
        {"CheckID": "serfHealth", "Name": "Serf Health Status", "Status": "passing"},
        {"CheckID": "web-1:http", "Name": "HTTP", "Status": "warning", "ServiceID": "web-1", "Type": "http", "Output": "503 (slow)\n", "Notes": "n"},
        {"CheckID": "web-1:ttl", "Name": "TTL", "Status": "passing", "ServiceID": "web-1", "Type": "ttl", "Interval": "10s", "Timeout": "2s"},
    ],
    "gamma": [{"CheckID": "web-2:tcp", "Name": "TCP", "Status": "critical", "ServiceID": "web-2", "ExposedPort": 21501}],
}


class Consul:
    def __init__(self, binary):
        self.directory = tempfile.TemporaryDirectory(prefix="filter-record-")
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                binary, "agent", "-dev", "-node=alpha", "-node-id=00000000-0000-0000-0000-00000000000a", "-bind=127.0.0.1",
                f"-http-port={self.port}", "-dns-port=-1", "-grpc-port=-1", "-serf-wan-port=-1",
                f"-serf-lan-port={free_port()}", f"-server-port={free_port()}", "-log-level=err",
            ],
            cwd=self.directory.name,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not self.ready():
            if time.monotonic() > deadline:
                raise SystemExit("Consul has no leader after 30 s")
            time.sleep(0.1)

    def ready(self):
        try:
            # The leader registers its node; what the agent has to say about itself comes a little later.
            _, nodes = self.get("catalog/nodes", {})
            return json.loads(nodes)[0]["Meta"] is not None
        except (urllib.error.URLError, ConnectionError, ValueError, IndexError):
            return False

    def get(self, route, query):
        url = f"http://127.0.0.1:{self.port}/v1/{route}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def register(self, body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/catalog/register", data=data, method="PUT")
        urllib.request.urlopen(request).read()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.directory.cleanup()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def fill(consul):
    for node in NODES:
        for service in [None, *SERVICES[node["Node"]]]:
            consul.register(node | ({"Service": service} if service else {}))
        consul.register(node | {"Checks": [check | {"Node": node["Node"]} for check in CHECKS[node["Node"]]]})


def without_indexes(pairs):
    """An object without what depends on how fast Consul was, and is out of filters' reach anyway."""
    return {key: value for key, value in pairs if key not in ("CreateIndex", "ModifyIndex", "LockIndex")}


def items(body):
    """The results in an answer, whatever it wraps them in."""
    parsed = json.loads(body, object_pairs_hook=without_indexes)
    if isinstance(parsed, list):
        return parsed
    services = parsed["Services"]
    return [services[key] for key in sorted(services)] if isinstance(services, dict) else services


def label(item):
    """What the transcript calls a result. The Rust test has the same rules."""
    if isinstance(item.get("Service"), dict):
        return f"{item['Node']['Node']}/{item['Service']['ID']}"
    if "CheckID" in item:
        return f"{item['Node']}/{item['CheckID']}"
    if "ServiceID" in item:
        return f"{item['Node']}/{item['ServiceID']}"
    return item["ID"] if "Service" in item else item["Node"]


def answer(consul, route, text):
    status, body = consul.get(route, {"filter": text})
    if status == 200:
        return [" ".join(["=", *(label(item) for item in items(body))])]
    if status != 500:
        raise SystemExit(f"status {status} for {text!r} on {route}")
    return ["! " + line for line in body.split("\n")]


def main():
    consul = Consul(sys.argv[1])
    try:
        fill(consul)
        transcript = HERE / "filters.txt"
        lines = transcript.read_text().split("\n")
        written, route, question, results = [], None, None, {}
        for line in [*lines, ""]:
            kind, rest = line[:1], line[2:]
            if kind in ("=", "!"):
                continue
            if kind != "+" and question is not None:
                written += answer(consul, route, question)
                question = None
            if kind == "@":
                route = rest
                results[route] = items(consul.get(route, {})[1])
            elif kind == "?":
                question = rest
            elif kind == "+":
                question += "\n" + rest
            written.append(line)
        transcript.write_text("\n".join(written).rstrip("\n") + "\n")
        (HERE / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    finally:
        consul.stop()


main()
