"""The story: Patroni's cluster forms, loses its primary, gets it back, and outlives the death of the server.

Called by `run` with a directory that the user postgres owns. Steps build on one another, so the first that fails ends
the story; the logs of all involved are then printed.
"""

import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import server  # noqa: E402  the module beside this directory
from cluster import SCOPE, TTL_SECONDS, Cluster, wait_until  # noqa: E402
from lib import dns  # noqa: E402
from traffic import Observer, Writer, rows_of  # noqa: E402

# initdb, then two base backups, on two busy cores.
FORM_SECONDS_MAX = 120
# The session of a dead primary ends after at most one ttl; then comes the race for the lock and the promotion.
FAILOVER_SECONDS_MAX = TTL_SECONDS + 40
REJOIN_SECONDS_MAX = 90
WRITE_SECONDS_MAX = 30
# How many more rows prove that writes go on.
ROWS_MORE = 25


class Story:
    """The steps in their order; each is a method whose docstring is its name in the output."""

    def __init__(self, directory: pathlib.Path):
        self.server = server.Server(str(directory), node="patroni-server")
        self.server.start()
        self.cluster = Cluster(directory, self.server.http_port)
        self.writer, self.observer = Writer(self.cluster), Observer(self.cluster)
        self.killed = ""

    def steps(self):
        """What happens, one after the other."""
        return [
            self.forms,
            self.is_told_by_dns,
            self.takes_writes,
            self.fails_over,
            self.dead_node_returns,
            self.server_dies_and_returns,
            self.stays_calm,
            self.switches_over,
            self.is_told_by_dns,
            self.loses_nothing,
        ]

    def end(self) -> None:
        """Stops all that was started."""
        self.writer.stop()
        self.observer.stop()
        self.cluster.kill()
        self.server.stop()

    def more_rows(self) -> None:
        """Waits for rows that are written from now on."""
        enough = len(self.writer.acknowledged) + ROWS_MORE
        wait_until(
            lambda: len(self.writer.acknowledged) >= enough, WRITE_SECONDS_MAX, f"{ROWS_MORE} more rows committed"
        )

    def require_acknowledged_rows(self) -> None:
        """Reads the table on the primary: each row acknowledged until now must be in it."""
        acknowledged = set(self.writer.acknowledged)
        lost = acknowledged - rows_of(self.cluster.connection_string())
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged rows are lost: {sorted(lost)[:20]}"

    def forms(self) -> None:
        """three nodes form a cluster of one leader and two streaming replicas"""
        self.cluster.start()
        wait_until(
            lambda: self.cluster.leader() and len(self.cluster.streaming()) == 2,
            FORM_SECONDS_MAX,
            "one leader had two streaming replicas",
        )
        self.observer.start()

    def is_told_by_dns(self) -> None:
        """primary.SCOPE.service.consul is the primary, and replica. are the others"""
        leader = self.cluster.leader()
        expected = {
            "primary": {self.cluster.nodes[leader].database_port},
            "replica": {node.database_port for name, node in self.cluster.nodes.items() if name != leader},
        }
        wait_until(
            lambda: {tag: self.ports_in_dns(tag) for tag in expected} == expected,
            REJOIN_SECONDS_MAX,
            f"DNS told {expected}",
        )

    def ports_in_dns(self, tag: str) -> set[int]:
        """The ports of the instances with this tag, by their SRV records."""
        query = dns.question(f"{tag}.{SCOPE}.service.consul", "SRV", edns=4096)
        answer = dns.read(dns.ask_udp(self.server.dns_port, query)).answer
        return {int(record.data.split()[2]) for record in answer if record.kind == "SRV"}

    def takes_writes(self) -> None:
        """the primary takes writes, and a replica confirms them"""
        wait_until(
            lambda: any(m["role"] == "sync_standby" for m in self.cluster.members().values()),
            FORM_SECONDS_MAX,
            "a replica was synchronous",
        )
        self.writer.start()
        self.more_rows()

    def fails_over(self) -> None:
        """kill -9 of the primary: exactly one new primary, and no acknowledged row is lost"""
        self.killed = self.cluster.leader()
        timeline = self.cluster.timeline()
        self.cluster.nodes[self.killed].kill()
        killed_at = time.monotonic()
        successor = wait_until(
            lambda: self.cluster.leader() not in (None, self.killed) and self.cluster.leader(),
            FAILOVER_SECONDS_MAX,
            "another node led",
        )
        print(f"       {self.killed} killed, {successor} leads after {time.monotonic() - killed_at:.1f} s")
        self.more_rows()
        assert self.observer.sequence() == [self.killed, successor]
        # A member tells its timeline in its next round only; one failover raises it by one, and a second one by two.
        wait_until(lambda: self.cluster.timeline() != timeline, FAILOVER_SECONDS_MAX, "a new timeline was told")
        assert self.cluster.timeline() == timeline + 1
        self.require_acknowledged_rows()

    def dead_node_returns(self) -> None:
        """the killed node comes back as a replica of the new primary"""
        leader = self.cluster.leader()
        self.cluster.nodes[self.killed].start()
        wait_until(
            lambda: self.cluster.streaming() == self.cluster.nodes.keys() - {leader},
            REJOIN_SECONDS_MAX,
            f"{self.killed} streamed from {leader}",
        )

    def server_dies_and_returns(self) -> None:
        """kill -9 of the server: writes go on while it is down, and it comes back on the same data"""
        self.server.kill()
        self.more_rows()
        started = time.monotonic()
        self.server.start()
        print(f"       the server was back after {time.monotonic() - started:.2f} s")
        self.more_rows()

    def stays_calm(self) -> None:
        """no failover follows: the same primary on the same timeline for longer than any session lives unrenewed"""
        leader, timeline, before = self.cluster.leader(), self.cluster.timeline(), self.observer.sequence()
        calm_until = time.monotonic() + TTL_SECONDS + 5
        while time.monotonic() < calm_until:
            self.more_rows()
        assert self.cluster.leader() == leader
        assert self.cluster.timeline() == timeline
        assert self.observer.sequence() == before
        assert self.cluster.streaming() == self.cluster.nodes.keys() - {leader}

    def switches_over(self) -> None:
        """a planned switchover works through the restarted server"""
        leader = self.cluster.leader()
        candidate = next(m["name"] for m in self.cluster.members().values() if m["role"] == "sync_standby")
        status, body = self.cluster.nodes[leader].rest("/switchover", {"leader": leader, "candidate": candidate})
        assert status == 200, f"Patroni answered {status}: {body}"
        wait_until(lambda: self.cluster.leader() == candidate, FAILOVER_SECONDS_MAX, f"{candidate} led")
        wait_until(
            lambda: self.cluster.streaming() == self.cluster.nodes.keys() - {candidate},
            REJOIN_SECONDS_MAX,
            f"all replicas streamed from {candidate}",
        )
        self.more_rows()
        assert self.observer.sequence()[-2:] == [leader, candidate]

    def loses_nothing(self) -> None:
        """at the end every acknowledged row is on every node, and at no time were there two primaries"""
        self.writer.stop()
        self.require_acknowledged_rows()
        expected = rows_of(self.cluster.connection_string())
        for node in self.cluster.nodes.values():
            address = node.connection_string()
            wait_until(lambda a=address: rows_of(a) == expected, REJOIN_SECONDS_MAX, f"{node.name} had every row")
        primaries = " ".join(self.observer.sequence())
        print(f"       {len(self.writer.acknowledged)} rows acknowledged; primaries in turn: {primaries}")


def tell(story: Story) -> tuple[int, int]:
    """Runs the steps; gives how many passed and failed."""
    passed = 0
    for step in story.steps():
        started = time.monotonic()
        try:
            step()
        except Exception:
            print(f"FAILED {step.__doc__}\n{traceback.format_exc()}", flush=True)
            print(f"members: {story.cluster.members()}\nprimaries: {story.observer.history}", file=sys.stderr)
            print(f"{story.cluster.log_tails()}\n{story.server.log_tail()}", file=sys.stderr)
            return passed, 1
        passed += 1
        print(f"ok     {step.__doc__} ({time.monotonic() - started:.1f} s)", flush=True)
    return passed, 0


def main() -> int:
    """Tells the story and gives the exit code."""
    server.exit_on_sigterm()
    story = Story(pathlib.Path(sys.argv[1]))
    try:
        passed, failed = tell(story)
    finally:
        story.end()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
