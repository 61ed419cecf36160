"""The story: each target is stopped, frozen, made to fail and started again, and all agents follow.

Quorate and Consul check the same targets. After each step every service must get its status, in the agent's checks, the
catalog, the instances that pass and DNS, in the time of one run, and both programs must give the same output.
"""

import os
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import agents as agents_module  # noqa: E402
from agents import FILE, Agent  # noqa: E402
from checks import CRITICAL, INTERVAL_SECONDS, PASSING, TIMEOUT_SECONDS, WARNING, Targets  # noqa: E402

# A run is due within the interval and may take its whole time. The rest is for a busy machine: it has four agents,
# and the command of a script check is a process of its own.
FOLLOW_SECONDS_MAX = INTERVAL_SECONDS + TIMEOUT_SECONDS + 4


def steps(targets: Targets):
    """What is done, step by step: its name, the deed, and the services that do not pass after it."""
    postgresql, nginx, grpc = targets.postgresql, targets.nginx, targets.grpc
    scripts = ["postgresql-script", "postgresql-file"]
    http = ["web", "web-guarded", "tls-signed", "tls-name", "tls-skipped"]
    pings = ["h2", "h2-skipped", "h2-plain"]
    yield "all are started", [target.start for target in targets.all()], {}
    yield "PostgreSQL is stopped", [postgresql.stop], dict.fromkeys([*scripts, "postgresql-tcp"], CRITICAL)
    yield "PostgreSQL is started", [postgresql.start], {}
    yield "PostgreSQL is frozen", [postgresql.freeze], dict.fromkeys(scripts, CRITICAL)
    yield "PostgreSQL goes on", [postgresql.thaw], {}
    yield "nginx answers 429", [lambda: nginx.answer("return 429;")], dict.fromkeys(http, WARNING)
    yield "nginx answers 503", [lambda: nginx.answer("return 503 'down\\n';")], dict.fromkeys(http, CRITICAL)
    yield "nginx answers 204", [lambda: nginx.answer("return 204;")], {}
    yield "nginx is frozen", [nginx.freeze], dict.fromkeys([*http, *pings], CRITICAL)
    yield "nginx goes on", [nginx.thaw], {}
    yield "nginx is stopped", [nginx.stop], dict.fromkeys([*http, *pings, "web-tcp"], CRITICAL)
    yield "nginx is started", [nginx.start], {}
    yield "gRPC says NOT_SERVING", [lambda: grpc.say("NOT_SERVING")], dict.fromkeys(["grpc", "grpc-service"], CRITICAL)
    yield "gRPC says SERVING", [lambda: grpc.say("SERVING")], {}
    yield "gRPC is stopped", [grpc.stop], dict.fromkeys(["grpc", "grpc-service"], CRITICAL)
    yield "gRPC is started", [grpc.start], {}
    udp = [targets.echo, targets.silent]
    yield "UDP ports are closed", [target.stop for target in udp], dict.fromkeys(["udp-echo", "udp-silent"], CRITICAL)
    yield "UDP ports are open", [target.start for target in udp], {}


# Whatever their targets do.
NEVER_PASS = ["web-no-pass", "tls-other-name", "tls-unknown", "h2-unknown", "grpc-no-service"]


class Story:
    """What was found, and how it is told."""

    def __init__(self, agents: list[Agent]):
        self.agents, self.passed, self.failed = agents, 0, 0

    def outcome(self, holds: bool, what: str) -> None:
        self.passed, self.failed = self.passed + holds, self.failed + (not holds)
        if not holds:
            print(f"FAILED {what}")

    def step(self, name: str, expected: dict[str, str]) -> None:
        """Waits until all is as it must be, and tells what is not in time."""
        begun = time.monotonic()
        while True:
            found = list(self.look(expected))
            seconds = time.monotonic() - begun
            if all(holds for holds, _ in found) or seconds > FOLLOW_SECONDS_MAX:
                break
            time.sleep(0.1)  # the pace of a poll whose end is a condition
        for holds, what in found:
            self.outcome(holds, f"{name}: {what}")
        print(f"{name}: {sum(holds for holds, _ in found)} of {len(found)} in {seconds:.1f} s")

    def look(self, expected: dict[str, str]):
        """Each agent's view of each service, and whether the two programs have the same words for it."""
        outputs = {}
        for agent in self.agents:
            seen = agent.look()
            for service in agent.services:
                status = expected.get(service.name, PASSING)
                one = seen[service.name]
                outputs.setdefault(service.name, {})[agent.program] = comparable(one.outputs[0])
                yield one.follows(service, status), f"{agent}: {service.name} is not {status} everywhere: {one}"
        for name, told in outputs.items():
            yield len(set(told.values())) == 1, f"{name}: not the same words: {told}"


def comparable(output: str) -> str:
    """Each run asks from a port of its own."""
    return re.sub(r"127\.0\.0\.1:\d+->", "127.0.0.1:PORT->", output)


def refuses_scripts(agent: Agent) -> bool:
    """An agent that takes scripts from files alone takes none from a request."""
    check = {"Args": ["true"], "Interval": "1s"}
    told = agent.put("/v1/agent/service/register", {"Name": "script", "Check": check})
    refusal = "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true"
    return told == (500, refusal)


def main() -> int:
    directory = pathlib.Path(sys.argv[1])
    targets = Targets.made_in(directory)
    # Where both programs look for the authorities that the machine trusts.
    os.environ["SSL_CERT_FILE"] = str(targets.nginx.authority)
    agents = agents_module.started(directory, targets)
    story = Story(agents)
    for agent in agents:
        if agent.kind == FILE:
            story.outcome(refuses_scripts(agent), f"{agent} refuses a script from a request")
            continue
        for service in agent.services:
            told = agent.put("/v1/agent/service/register", service.definition())
            story.outcome(told[0] == 200, f"{agent} registers {service.name}: {told}")
    for name, deeds, expected in steps(targets):
        for deed in deeds:
            deed()
        story.step(name, dict.fromkeys(NEVER_PASS, CRITICAL) | expected)
    print(f"{story.passed} passed, {story.failed} failed")
    return 1 if story.failed else 0


if __name__ == "__main__":
    sys.exit(main())
