"""The writers: threads that each drive one connection until it breaks, and note what was promised to them."""

import base64
import http.client
import json
import random
import threading

from ledger import ABSENT, Counter, Keys, Violation

PREFIX = "crash/"
COUNTER_KEY = PREFIX + "counter"
BLOB_PREFIX = PREFIX + "blob/"
TIMEOUT_SECONDS = 20
VALUE_BYTES = (8, 600)
# Such values fill the log fast enough for snapshots and purges to fall into the run, and a kill is likely to find one
# half written. The largest is well below the limit for a value, 512 KiB.
BLOB_BYTES = (10_000, 400_000)
DELETE_SHARE = 0.2
OVERWRITE_SHARE = 0.2
PAIR_HALVES = ("/left", "/right")


class Broken(Exception):
    """The connection is gone, so the fate of the request on it is unknown."""


class Connection:
    """One kept-alive connection to the server."""

    def __init__(self, port: int):
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One exchange; any failure of the transport is Broken."""
        try:
            self._http.request(method, path, body)
            answer = self._http.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise Broken from error

    def write(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """A write that the server has no reason to refuse."""
        status, answer = self.request(method, path, body)
        if status != 200:
            raise Violation(f"{method} {path} was answered {status} {answer[:200]!r}")
        return answer

    def close(self) -> None:
        """Closes the socket."""
        self._http.close()


class Writer(threading.Thread):
    """Repeats `write_once` on a connection of its own until the connection breaks."""

    def __init__(self, port: int, dice: random.Random):
        super().__init__(daemon=True)
        self.connection = Connection(port)
        self.dice = dice
        self.acknowledged = 0
        self.violation: Violation | None = None

    def run(self) -> None:
        """The thread's life, which the death of the server ends."""
        try:
            while True:
                self.write_once()
                self.acknowledged += 1
        except Broken:
            pass
        except Violation as violation:
            self.violation = violation
        finally:
            self.connection.close()

    def write_once(self) -> None:
        """One operation, acknowledged when it returns."""
        raise NotImplementedError

    def value(self, size: tuple[int, int] = VALUE_BYTES) -> bytes:
        """A value that no other write has."""
        return self.dice.randbytes(self.dice.randint(*size))


class KeyWriter(Writer):
    """Writes keys of its own, which the ledger keeps."""

    def __init__(self, port: int, dice: random.Random, keys: Keys, prefix: str):
        super().__init__(port, dice)
        self.keys, self.prefix, self.number = keys, prefix, 0

    def write_key(self, method: str, key: str, state: bytes | None) -> None:
        """One put or delete of one key."""
        self.keys.attempt(key, state)
        answer = self.connection.write(method, f"/v1/kv/{key}", state)
        if answer.strip() != b"true":
            raise Violation(f"{method} {key} was answered {answer!r}")
        self.keys.acknowledge(key, state)


class PlainWriter(KeyWriter):
    """Puts numbered keys, and now and then overwrites or deletes the newest."""

    def write_once(self) -> None:
        """One put or delete."""
        choice = self.dice.random()
        if self.number == 0 or choice >= DELETE_SHARE + OVERWRITE_SHARE:
            self.number += 1
        key = f"{self.prefix}{self.number:06}"
        if choice < DELETE_SHARE:
            self.write_key("DELETE", key, ABSENT)
        else:
            self.write_key("PUT", key, self.value())


class BlobWriter(KeyWriter):
    """Overwrites one key with large values, over all lives of the server."""

    def write_once(self) -> None:
        """One put."""
        self.write_key("PUT", f"{BLOB_PREFIX}one", self.value(BLOB_BYTES))


class PairWriter(KeyWriter):
    """Sets two keys in one transaction, whose answer tells the index; a restart must show both or neither."""

    def write_once(self) -> None:
        """One transaction."""
        self.number += 1
        pair = [f"{self.prefix}{self.number:06}{half}" for half in PAIR_HALVES]
        value = self.value()
        for key in pair:
            self.keys.attempt(key, value)
        encoded = base64.b64encode(value).decode()
        operations = [{"KV": {"Verb": "set", "Key": key, "Value": encoded}} for key in pair]
        answer = json.loads(self.connection.write("PUT", "/v1/txn", json.dumps(operations).encode()))
        for key, result in zip(pair, answer["Results"], strict=True):
            self.keys.acknowledge(key, value, result["KV"]["ModifyIndex"])


class Incrementer(Writer):
    """Increments the shared counter by check-and-set."""

    def __init__(self, port: int, dice: random.Random, counter: Counter):
        super().__init__(port, dice)
        self.counter = counter

    def write_once(self) -> None:
        """Reads and tries until one of its tries wins."""
        answer = b"false"
        while answer == b"false":
            value, index = read_counter(self.connection)
            self.counter.show(value, index)
            self.counter.attempt(value + 1)
            body = str(value + 1).encode()
            answer = self.connection.write("PUT", f"/v1/kv/{COUNTER_KEY}?cas={index}", body).strip()
        if answer != b"true":
            raise Violation(f"a cas was answered {answer!r}")
        self.counter.acknowledge(value + 1)


def read_counter(connection: Connection) -> tuple[int, int]:
    """The counter's value and ModifyIndex, 0 and 0 before its first increment."""
    status, body = connection.request("GET", f"/v1/kv/{COUNTER_KEY}?consistent")
    if status == 404:
        return 0, 0
    if status != 200:
        raise Violation(f"reading the counter was answered {status} {body[:200]!r}")
    entry = json.loads(body)[0]
    return int(base64.b64decode(entry["Value"])), entry["ModifyIndex"]
