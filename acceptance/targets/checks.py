"""The services that both agents have, each with one check of a target."""

import dataclasses
import pathlib

from targets import Grpc, Nginx, PostgreSql, Udp

# The shortest interval that Consul takes; a run that gets no answer is cut after as long again.
INTERVAL_SECONDS = TIMEOUT_SECONDS = 1
PASSING, WARNING, CRITICAL = "passing", "warning", "critical"
# Consul waits for ever for a UDP port that says nothing, and its check keeps the status it had.
NOT_FOR_CONSUL = {"udp-silent"}


@dataclasses.dataclass
class Targets:
    """What is checked."""

    postgresql: PostgreSql
    nginx: Nginx
    grpc: Grpc
    echo: Udp
    silent: Udp

    @classmethod
    def made_in(cls, directory: pathlib.Path) -> "Targets":
        return cls(
            PostgreSql(directory / "postgresql"),
            Nginx(directory / "nginx"),
            Grpc(directory / "grpc"),
            Udp(directory / "echo", is_silent=False),
            Udp(directory / "silent", is_silent=True),
        )

    def all(self) -> list:
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


@dataclasses.dataclass(frozen=True)
class Service:
    """A service with one check."""

    name: str
    port: int
    check: dict

    def definition(self) -> dict:
        """As the API and configuration files take it."""
        times = {"Interval": f"{INTERVAL_SECONDS}s", "Timeout": f"{TIMEOUT_SECONDS}s"}
        return {"Name": self.name, "Port": self.port, "Check": self.check | times}


def registered(targets: Targets) -> list[Service]:
    """What the API registers."""
    postgresql, nginx, grpc = targets.postgresql, targets.nginx, targets.grpc
    plain, signed, unknown, h2c = (f"127.0.0.1:{nginx.ports[name]}" for name in ("plain", "signed", "unknown", "h2c"))
    guarded = {"HTTP": f"http://{plain}/guarded", "Method": "POST", "Body": "{}", "Header": {"X-Pass": ["open sesame"]}}
    checks = {
        "postgresql-tcp": (postgresql.port, {"TCP": f"127.0.0.1:{postgresql.port}"}),
        "postgresql-script": (postgresql.port, {"Args": postgresql.is_ready()}),
        "web": (nginx.ports["plain"], {"HTTP": f"http://{plain}/"}),
        "web-tcp": (nginx.ports["plain"], {"TCP": plain}),
        "web-guarded": (nginx.ports["plain"], guarded),
        "web-no-pass": (nginx.ports["plain"], guarded | {"Header": {}}),
        "tls-signed": (nginx.ports["signed"], {"HTTP": f"https://{signed}/"}),
        "tls-name": (nginx.ports["signed"], {"HTTP": f"https://{signed}/", "TLSServerName": "web.example"}),
        "tls-other-name": (nginx.ports["signed"], {"HTTP": f"https://{signed}/", "TLSServerName": "other.example"}),
        "tls-unknown": (nginx.ports["unknown"], {"HTTP": f"https://{unknown}/"}),
        "tls-skipped": (nginx.ports["unknown"], {"HTTP": f"https://{unknown}/", "TLSSkipVerify": True}),
        "h2": (nginx.ports["signed"], {"H2PING": signed}),
        "h2-unknown": (nginx.ports["unknown"], {"H2PING": unknown}),
        "h2-skipped": (nginx.ports["unknown"], {"H2PING": unknown, "TLSSkipVerify": True}),
        "h2-plain": (nginx.ports["h2c"], {"H2PING": h2c, "H2PingUseTLS": False}),
        "grpc": (grpc.port, {"GRPC": f"127.0.0.1:{grpc.port}"}),
        "grpc-service": (grpc.port, {"GRPC": f"127.0.0.1:{grpc.port}/shop"}),
        "grpc-no-service": (grpc.port, {"GRPC": f"127.0.0.1:{grpc.port}/nope"}),
        "udp-echo": (targets.echo.port, {"UDP": f"127.0.0.1:{targets.echo.port}"}),
        "udp-silent": (targets.silent.port, {"UDP": f"127.0.0.1:{targets.silent.port}"}),
    }
    return [Service(name, port, check) for name, (port, check) in checks.items()]


def from_file(targets: Targets) -> Service:
    """What a configuration file tells an agent that takes scripts from nowhere else."""
    return Service("postgresql-file", targets.postgresql.port, {"Args": targets.postgresql.is_ready()})
