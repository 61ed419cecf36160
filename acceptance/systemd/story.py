"""The story, told step by step: `story.py HOLDER DIRECTORY`, the process that holds the namespaces and its directory."""

import http.client
import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import server  # noqa: E402
from machine import Machine  # noqa: E402

UNIT = HERE.parent.parent / "docs/operating/quorate.service"
# The check runs each second; ten times that is a failure, not a slow machine.
FOLLOW_SECONDS_MAX = 10
# The first is active at once; the second is being started for ever, since it never says that it is ready.
TARGETS = {
    "target": "[Service]\nExecStart=/bin/sleep 1000000\n",
    "slow": "[Service]\nType=notify\nExecStart=/bin/sleep 1000000\n",
}


class Story:
    """The machine, the agent in it, and what was found."""

    def __init__(self, machine: Machine):
        self.machine, self.outcomes = machine, []
        self.port, self.dns_port, self.server_port = (server.free_port() for _ in range(3))

    def outcome(self, what: str, holds: bool, found="") -> None:
        self.outcomes.append(holds)
        print(f"{'ok    ' if holds else 'FAILED'} {what}" + ("" if holds else f": {found}"))

    def systemctl(self, *arguments: str) -> int:
        return self.machine.run("systemctl", *arguments).returncode

    def get(self, path: str):
        """The JSON of an answer, or the error."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else answer.status
        except OSError as error:
            return error
        finally:
            connection.close()

    def comes(self, what: str, look, wanted) -> None:
        """Whether `look()` comes to give what is wanted."""
        give_up = time.monotonic() + FOLLOW_SECONDS_MAX
        while (found := look()) != wanted and time.monotonic() < give_up:
            time.sleep(0.05)  # the pace of a poll whose end is a condition
        self.outcome(what, found == wanted, found)

    def configure(self, names: list[str], more: dict | None = None) -> None:
        """Writes the agent's configuration with a service for each of these units."""
        services = [{"name": name, "check": {"os_service": name, "interval": "1s"}} for name in names]
        settings = {
            "server": True, "bootstrap_expect": 1, "data_dir": "/var/lib/quorate", "node_name": "machine",
            "bind_addr": "127.0.0.1", "ports": {"http": self.port, "dns": self.dns_port, "server": self.server_port},
            "services": services,
        }  # fmt: skip
        self.machine.put("/etc/quorate/agent.json", json.dumps(settings | (more or {})))

    def check(self, name: str) -> tuple[str, str]:
        """The status and the output of a unit's check."""
        check = self.get("/v1/agent/checks").get(f"service:{name}", {})
        return check.get("Status"), check.get("Output")

    def prepare(self) -> None:
        """The unit as it stands in the repository, and the log where it can be read."""
        for name, text in TARGETS.items():
            self.machine.put(f"/etc/systemd/system/{name}.service", text)
        self.machine.put("/etc/systemd/system/quorate.service", UNIT.read_text())
        log = "[Service]\nStandardOutput=append:/shared/log\nStandardError=append:/shared/log\n"
        self.machine.put("/etc/systemd/system/quorate.service.d/log.conf", log)
        self.machine.put_program(server.QUORATE_BIN, "/usr/local/bin/quorate")
        self.machine.must("useradd", "--system", "quorate")
        self.configure([*TARGETS, "absent"])
        self.machine.must("systemctl", "daemon-reload")
        self.machine.must("systemctl", "start", "dbus.socket", "target")

    def tell(self) -> None:
        self.prepare()
        self.starts()
        self.follows_units()
        self.reloads()
        self.is_started_again()
        self.stops()
        self.refuses_to_start()

    def starts(self) -> None:
        self.outcome("the unit starts", self.systemctl("start", "quorate") == 0, self.log())
        leader = self.get("/v1/status/leader")
        leads = leader == f"127.0.0.1:{self.server_port}"
        self.outcome("when the start returns, it answers and leads", leads, leader)
        self.outcome("the unit is active", self.machine.show("quorate", "ActiveState") == "active")
        user = self.machine.must("ps", "-o", "user=", "-p", self.pid()).strip()
        self.outcome("it runs as the user quorate", user == "quorate", user)

    def follows_units(self) -> None:
        self.follows("an active unit passes", "target", "passing", "is active (running)")
        self.follows("a unit that is not there is critical", "absent", "critical", "does not exist")
        self.follows("one that was never started is critical", "slow", "critical", "is inactive (dead)")
        self.machine.must("systemctl", "stop", "target")
        self.follows("a stopped one is critical", "target", "critical", "is inactive (dead)")
        self.comes("its instance leaves", lambda: self.passing("target"), 0)
        self.machine.must("systemctl", "start", "target")
        self.follows("a started one passes", "target", "passing", "is active (running)")
        self.comes("its instance returns", lambda: self.passing("target"), 1)
        self.machine.must("systemctl", "kill", "--signal=KILL", "target")
        self.follows("a killed one is critical", "target", "critical", "is failed (failed)")
        self.machine.must("systemctl", "start", "target")
        self.machine.must("systemctl", "start", "--no-block", "slow")
        self.follows("one that is being started warns", "slow", "warning", "is activating (start)")

    def follows(self, what: str, unit: str, status: str, words: str) -> None:
        """Whether a unit's check comes to this status, in these words."""
        self.comes(what, lambda: self.check(unit), (status, f'OS service "{unit}" {words}'))

    def passing(self, name: str) -> int:
        return len(self.get(f"/v1/health/service/{name}?passing"))

    def reloads(self) -> None:
        before = self.pid()
        self.configure([*TARGETS, "absent", "later"])
        self.outcome("it reloads", self.systemctl("reload", "quorate") == 0, self.log())
        services = lambda: sorted(self.get("/v1/agent/services"))  # noqa: E731
        self.comes("a reload brings what was added", services, ["absent", "later", "slow", "target"])
        self.comes("systemd knows that it is over", lambda: self.machine.show("quorate", "ActiveState"), "active")
        self.configure([*TARGETS, "absent"], {"no_such_key": 1})
        self.outcome("a broken file fails the reload", self.systemctl("reload", "quorate") != 0)
        self.outcome("and changes nothing", (services(), self.pid()) == (["absent", "later", "slow", "target"], before))
        self.configure([*TARGETS, "absent"])

    def is_started_again(self) -> None:
        before = self.pid()
        self.machine.must("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "quorate")
        self.comes("killed, it is started again", lambda: self.pid() not in (before, "0"), True)
        self.comes("and leads", lambda: self.get("/v1/status/leader") == f"127.0.0.1:{self.server_port}", True)

    def stops(self) -> None:
        self.outcome("it stops", self.systemctl("stop", "quorate") == 0)
        found = [self.machine.show("quorate", name) for name in ("ActiveState", "Result", "ExecMainStatus")]
        self.outcome("in order", found == ["inactive", "success", "0"], found)
        self.outcome("and says so last", self.log().rstrip().endswith("agent: stopped"), self.log())
        self.outcome("nobody answers", isinstance(self.get("/v1/status/leader"), ConnectionRefusedError))

    def refuses_to_start(self) -> None:
        self.configure([], {"no_such_key": 1})
        self.outcome("a broken file fails the start", self.systemctl("start", "quorate") != 0)
        self.machine.must("systemctl", "stop", "quorate")
        # It was tried again and again, until systemd takes no more starts for a while, unless it has forgotten the unit.
        self.systemctl("reset-failed", "quorate")
        self.configure([])
        self.outcome("a mended one starts", self.systemctl("start", "quorate") == 0)
        self.outcome("with what it had on disk", self.get("/v1/agent/services") == {})

    def pid(self) -> str:
        return self.machine.show("quorate", "MainPID")

    def log(self) -> str:
        path = self.machine.outside / "log"
        return path.read_text()[-2000:] if path.exists() else ""


def main() -> int:
    story = Story(Machine(int(sys.argv[1]), pathlib.Path(sys.argv[2])))
    story.tell()
    passed, failed = sum(story.outcomes), story.outcomes.count(False)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
