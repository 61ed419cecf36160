"""What uses the database while the cluster is being hurt: a writer, and an observer of who is primary."""

import contextlib
import threading
import time

import psycopg
from cluster import Cluster

# The pause between rows, and between looks: enough of each for a test, little enough for two cores.
WRITE_PAUSE_SECONDS = 0.02
LOOK_PAUSE_SECONDS = 0.1


class Background:
    """A thread that repeats `step` until it is stopped."""

    def __init__(self, pause_seconds: float):
        self._pause_seconds = pause_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stops it and waits for its last step."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause_seconds):
            self.step()

    def step(self) -> None:
        """One round."""
        raise NotImplementedError


class Writer(Background):
    """Commits rows with growing numbers on whatever is the primary, each number once.

    A number is acknowledged when its INSERT came back without an error. One whose connection broke is in doubt: it
    may be there or not, and is never tried again.
    """

    def __init__(self, cluster: Cluster):
        super().__init__(WRITE_PAUSE_SECONDS)
        self._cluster = cluster
        self._connection: psycopg.Connection | None = None
        self._next = 0
        self.acknowledged: list[int] = []

    def step(self) -> None:
        """Tries one number."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._cluster.connection_string(), autocommit=True)
                self._connection.execute("CREATE TABLE IF NOT EXISTS entries (number bigint PRIMARY KEY)")
            self._next += 1
            self._connection.execute("INSERT INTO entries VALUES (%s)", [self._next])
            self.acknowledged.append(self._next)
        except psycopg.Error:
            if self._connection is not None:
                with contextlib.suppress(psycopg.Error):
                    self._connection.close()
            self._connection = None


class Observer(Background):
    """Asks every node, over and over, whether it is a primary that takes writes."""

    def __init__(self, cluster: Cluster):
        super().__init__(LOOK_PAUSE_SECONDS)
        self._cluster = cluster
        self._connections: dict[str, psycopg.Connection] = {}
        # Each change of the set of primaries, with the second it was seen in.
        self.history: list[tuple[float, frozenset[str]]] = []

    def step(self) -> None:
        """One look at all nodes."""
        primaries = frozenset(name for name in self._cluster.nodes if self._is_primary(name))
        if not self.history or self.history[-1][1] != primaries:
            self.history.append((time.monotonic(), primaries))

    def _is_primary(self, name: str) -> bool:
        node = self._cluster.nodes[name]
        try:
            if name not in self._connections:
                self._connections[name] = psycopg.connect(node.connection_string(), autocommit=True)
            return not self._connections[name].execute("SELECT pg_is_in_recovery()").fetchone()[0]
        except psycopg.Error:
            broken = self._connections.pop(name, None)
            if broken is not None:
                with contextlib.suppress(psycopg.Error):
                    broken.close()
            return False

    def sequence(self) -> list[str]:
        """The primaries one after the other; fails when two were seen together."""
        together = [sorted(primaries) for _, primaries in self.history if len(primaries) > 1]
        assert not together, f"more than one primary at a time: {together}"
        # A primary that was out of sight for a look (a slow connection) and is seen again is the same one; that it
        # was not promoted anew is told by its timeline.
        seen = [next(iter(primaries)) for _, primaries in self.history if primaries]
        return [name for name, before in zip(seen, [None, *seen]) if name != before]


def rows_of(connection_string: str) -> set[int]:
    """Every number in the table."""
    with psycopg.connect(connection_string) as connection:
        return {row[0] for row in connection.execute("SELECT number FROM entries")}
