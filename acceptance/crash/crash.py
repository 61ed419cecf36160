"""Kill, restart, compare: called by `run`.

A cycle: writers work on many connections; after a random while the server gets SIGKILL; it is started again on the
same data directory (now and then it is killed once more while it starts); then everything that was promised is
looked for. The seed decides the moments and the data, but not how threads and disk interleave: a failed run keeps the
data directory.
"""

import base64
import itertools
import json
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import server
from ledger import Counter, Entry, Keys, Violation
from writers import (
    BLOB_PREFIX,
    COUNTER_KEY,
    PAIR_HALVES,
    PREFIX,
    BlobWriter,
    Connection,
    Incrementer,
    PairWriter,
    PlainWriter,
    Writer,
    read_counter,
)

# Consul needs 2 to 3 s to lead again after each kill.
CYCLES = int(os.environ.get("CRASH_CYCLES") or (10 if server.IS_CONSUL else 200))
# When the kill comes, counted from the moment the server takes writes again.
KILL_AFTER_SECONDS = (0.02, 0.4)
# The share of restarts that are killed while the server is still reading its log, and when that is.
KILLED_START_SHARE = 0.2
KILL_START_AFTER_SECONDS = (0.0, 0.08)
PLAIN_WRITERS, PAIR_WRITERS, INCREMENTERS = 8, 2, 4
# Fewer acknowledged writes per cycle than this, on average, and the test would say nothing; Consul gives about 80.
WRITES_PER_CYCLE_MIN = 10
# All keys are compared every so many cycles, and at the end; after every cycle those that it wrote.
CYCLES_PER_FULL_CHECK = 50
LOCK_KEY = "crash-lock"


class CrashTest:
    """The server, what is known about it, and the cycles."""

    def __init__(self, directory: str, seed: int):
        self.dice = random.Random(seed)
        self.server = server.Server(directory, node="crash")
        self.keys, self.counter = Keys(), Counter()
        self.acknowledged = 0
        self.lock: dict = {}
        # The highest index that the server has shown; whatever is written later must be above it.
        self.highest_index = 0
        self.restart_seconds: list[float] = []
        self.starts_killed = 0

    def begin(self) -> None:
        """First start, and a lock that must be held through all crashes."""
        self.server.start()
        connection = Connection(self.server.http_port)
        body = json.dumps({"Name": "crash", "Checks": [], "LockDelay": "0s"}).encode()
        session = json.loads(connection.write("PUT", "/v1/session/create", body))["ID"]
        if connection.write("PUT", f"/v1/kv/{LOCK_KEY}?acquire={session}", b"held").strip() != b"true":
            raise Violation("the lock could not be had")
        self.lock = json.loads(connection.write("GET", f"/v1/kv/{LOCK_KEY}"))[0]
        connection.close()

    def cycle(self, number: int) -> None:
        """One life of the server, its death, and what the next life shows."""
        prefix = f"{PREFIX}{number:04}/"
        index_before = self.highest_index
        writers = self._start_writers(prefix)
        time.sleep(self.dice.uniform(*KILL_AFTER_SECONDS))  # not a wait for anything: the moment is the test
        self.server.kill()
        for writer in writers:
            writer.join()
            self.acknowledged += writer.acknowledged
        violations = [writer.violation for writer in writers if writer.violation]
        if violations:
            raise violations[0]
        self._restart()
        self.check(prefix, index_before)
        self.check(BLOB_PREFIX, 0)
        if number % CYCLES_PER_FULL_CHECK == 0:
            self.check(PREFIX, 0)

    def _start_writers(self, prefix: str) -> list[Writer]:
        port, seeds = self.server.http_port, itertools.count()
        writers: list[Writer] = []
        for _ in range(PLAIN_WRITERS):
            writers.append(PlainWriter(port, self._fork(), self.keys, f"{prefix}plain-{next(seeds)}/"))
        for _ in range(PAIR_WRITERS):
            writers.append(PairWriter(port, self._fork(), self.keys, f"{prefix}pair-{next(seeds)}/"))
        writers.append(BlobWriter(port, self._fork(), self.keys, BLOB_PREFIX))
        for _ in range(INCREMENTERS):
            writers.append(Incrementer(port, self._fork(), self.counter))
        for writer in writers:
            writer.start()
        return writers

    def _fork(self) -> random.Random:
        """Dice of its own for each thread, so that a seed gives the same data whoever runs first."""
        return random.Random(self.dice.getrandbits(64))

    def _restart(self) -> None:
        while self.dice.random() < KILLED_START_SHARE:
            self.server.launch()
            time.sleep(self.dice.uniform(*KILL_START_AFTER_SECONDS))  # as above
            self.server.kill()
            self.starts_killed += 1
        started = time.monotonic()
        self.server.launch()
        # Answered from the log that was read back, by a server that leads: from here on it takes writes.
        self.server.wait_for(f"/v1/kv/{LOCK_KEY}?consistent", lambda entries: len(entries) == 1)
        self.restart_seconds.append(time.monotonic() - started)

    def check(self, prefix: str, index_before: int) -> None:
        """Compares everything below the prefix, the counter and the lock with what was promised."""
        connection = Connection(self.server.http_port)
        status, body = connection.request("GET", f"/v1/kv/{prefix}?recurse&consistent")
        if status not in (200, 404):
            raise Violation(f"reading {prefix} back was answered {status} {body[:200]!r}")
        shown = {entry["Key"]: decode(entry) for entry in (json.loads(body) if status == 200 else [])}
        shown.pop(COUNTER_KEY, None)
        self.keys.check(prefix, shown)
        check_pairs(shown)
        reused = {key for key, entry in shown.items() if entry.create_index <= index_before}
        if reused:
            raise Violation(f"indices at or below {index_before} were given again: {sorted(reused)[:5]}")

        value, index = read_counter(connection)
        self.counter.check(value, index)
        lock = json.loads(connection.write("GET", f"/v1/kv/{LOCK_KEY}"))[0]
        if lock != self.lock:
            raise Violation(f"the lock was {self.lock} and is {lock}")
        self.highest_index = max([self.highest_index, index, *(entry.modify_index for entry in shown.values())])
        connection.close()

    def require_writes(self) -> None:
        """Sees to it that the cycles had something to lose."""
        if self.acknowledged < CYCLES * WRITES_PER_CYCLE_MIN or not self.counter.acknowledged:
            raise Violation(f"only {self.acknowledged} writes were acknowledged in {CYCLES} cycles")

    def summary(self) -> str:
        """What the run was worth."""
        restarts = sorted(self.restart_seconds)
        return (
            f"{self.acknowledged} writes acknowledged to {len(self.keys)} keys,"
            f" {len(self.counter.acknowledged)} of them increments; {len(restarts)} kills and {self.starts_killed} during a start; back after"
            f" {statistics.median(restarts) * 1000:.0f} ms (median), {restarts[-1] * 1000:.0f} ms (longest)"
        )


def check_pairs(shown: dict[str, Entry]) -> None:
    """Each pair of a transaction is there with one index, or not at all."""
    indices: dict[str, list[int]] = {}
    for key, entry in shown.items():
        for half in PAIR_HALVES:
            if key.endswith(half):
                indices.setdefault(key.removesuffix(half), []).append(entry.modify_index)
    torn = {key: found for key, found in indices.items() if len(found) != 2 or found[0] != found[1]}
    if torn:
        raise Violation(f"transactions that are not whole, with the indices of their halves: {torn}")


def decode(entry: dict) -> Entry:
    """A key as the ledger compares it."""
    return Entry(base64.b64decode(entry["Value"] or ""), entry["CreateIndex"], entry["ModifyIndex"])


def run_cycles(test: CrashTest) -> tuple[int, str]:
    """Runs all cycles; gives how many passed and what was wrong with the one that did not."""
    passed = 0
    try:
        test.begin()
        for number in range(1, CYCLES + 1):
            test.cycle(number)
            passed += 1
        test.check(PREFIX, 0)
        test.require_writes()
    except (Violation, server.ServerError) as problem:
        return passed, f"cycle {passed + 1}: {problem}"
    return passed, ""


def main() -> int:
    """Runs the test and gives the exit code."""
    server.exit_on_sigterm()
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().getrandbits(32))
    print(f"CRASH_SEED={seed} CRASH_CYCLES={CYCLES}", flush=True)
    directory = tempfile.mkdtemp(prefix="crash-")
    test, problem = CrashTest(directory, seed), "interrupted"
    try:
        passed, problem = run_cycles(test)
    finally:
        test.server.stop()
        if not problem:
            shutil.rmtree(directory)
        elif problem == "interrupted":
            shutil.rmtree(directory, ignore_errors=True)
    if test.restart_seconds:
        print(test.summary())
    if problem:
        print(f"{test.server.log_tail()}\nFAILED {problem}\nThe data is kept in {directory}", file=sys.stderr)
    print(f"{passed} passed, {1 if problem else 0} failed")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
