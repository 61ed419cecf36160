"""Quorate and Consul, each with two agents: one takes scripts from requests, one from its configuration files alone."""

import http.client
import json
import pathlib
import typing

import checks
import server
from lib.dns import DnsError, ask_udp, question, read

API, FILE = "from requests", "from files"


class Agent(server.Server):
    """An agent and the services that it checks."""

    def __init__(self, directory: pathlib.Path, program: str, kind: str, targets: checks.Targets):
        directory.mkdir()
        self.program, self.kind = program, kind
        services = checks.registered(targets) if kind == API else [checks.from_file(targets)]
        left_out = checks.NOT_FOR_CONSUL if program == "Consul" else set()
        self.services = [service for service in services if service.name not in left_out]
        # Outputs are told to the catalog at once, so that they can be compared there.
        arguments = ['-hcl=check_update_interval = "0s"']
        if kind == API:
            arguments.append("-enable-script-checks")
        else:
            file = directory / "services.json"
            file.write_text(json.dumps({"services": [service.definition() for service in self.services]}))
            arguments += ["-enable-local-script-checks", f"-config-file={file}"]
        super().__init__(str(directory), is_consul=program == "Consul", arguments=tuple(arguments))

    def __str__(self) -> str:
        return f"{self.program}, scripts {self.kind}"

    def put(self, path: str, body: dict) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            connection.request("PUT", path, json.dumps(body))
            answer = connection.getresponse()
            told = answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise server.ServerError(f"{self}: {path} with {body}: {error!r}\n{self.log_tail()}") from error
        connection.close()
        return told

    def read_json(self, path: str):
        status, body = self.get(path)
        if status != 200:
            raise server.ServerError(f"{self}: {path} answers {status} {body}")
        return json.loads(body)

    def look(self) -> "dict[str, Seen]":
        """Each service as it is told in every place."""
        local = self.read_json("/v1/agent/checks")
        catalog = {check["CheckID"]: check for check in self.read_json("/v1/health/state/any")}
        names = [service.name for service in self.services]
        return {name: self._seen(name, local[f"service:{name}"], catalog.get(f"service:{name}")) for name in names}

    def _seen(self, name: str, local: dict, catalog: dict | None) -> "Seen":
        catalog = catalog or {"Status": None, "Output": None}
        passing = self.read_json(f"/v1/health/service/{name}?passing")
        return Seen(
            (local["Status"], catalog["Status"]),
            (local["Output"], catalog["Output"]),
            [entry["Service"]["Port"] for entry in passing],
            self._ports_in_dns(name),
        )

    def _ports_in_dns(self, name: str) -> list[int]:
        try:
            answer = read(ask_udp(self.dns_port, question(f"{name}.service.consul", "SRV")))
        except DnsError as error:
            return [str(error)]
        return [int(record.data.split()[2]) for record in answer.answer]


class Seen(typing.NamedTuple):
    """What is told of one service: by the agent, by the catalog, as an instance that passes, and in DNS."""

    statuses: tuple[str, str | None]
    outputs: tuple[str, str | None]
    passing_ports: list[int]
    dns_ports: list[int]

    def follows(self, service: checks.Service, status: str) -> bool:
        """Whether every place tells that status: who warns is still found by name, who is critical is not."""
        return (
            set(self.statuses) == {status}
            and len(set(self.outputs)) == 1
            and self.passing_ports == ([service.port] if status == checks.PASSING else [])
            and self.dns_ports == ([] if status == checks.CRITICAL else [service.port])
        )


def started(directory: pathlib.Path, targets: checks.Targets) -> list[Agent]:
    """All four, ready. They die with this program."""
    kinds = [(program, kind) for program in ("Consul", "Quorate") for kind in (API, FILE)]
    agents = [Agent(directory / f"agent{number}", *kind, targets) for number, kind in enumerate(kinds)]
    for agent in agents:
        agent.launch()
    for agent in agents:
        agent.wait_until_ready()
    return agents
