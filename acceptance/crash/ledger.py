"""What the writers know: for each key the states it may be in, and for the counter the increments it may hold.

An operation that was acknowledged leaves one possible state. One whose connection broke is in doubt: the state before
it stays possible beside the state after it. A restart must show one of the possible states, and that is then the only
one. Each key has one writer, so its operations have an order.
"""

import threading
from dataclasses import dataclass, field

# A key that is not there.
ABSENT = None


class Violation(Exception):
    """The server broke its word; the text says how."""


@dataclass
class Entry:
    """A key as the server shows it."""

    value: bytes
    create_index: int
    modify_index: int


class Keys:
    """The possible states of every key, and what is known of its indices."""

    def __init__(self):
        self._possible: dict[str, set[bytes | None]] = {}
        # The ModifyIndex that the acknowledgement of the key's last write told.
        self._told_index: dict[str, int] = {}
        # The ModifyIndex that the key was last seen with.
        self._seen_index: dict[str, int] = {}

    def attempt(self, key: str, state: bytes | None) -> None:
        """Notes that a write was sent: from now on the key may be in its new state."""
        self._possible.setdefault(key, {ABSENT}).add(state)
        self._told_index.pop(key, None)

    def acknowledge(self, key: str, state: bytes | None, index: int | None = None) -> None:
        """Notes that the write was answered with success: the key is in its new state."""
        self._possible[key] = {state}
        if index is not None:
            self._told_index[key] = index

    def check(self, prefix: str, shown: dict[str, Entry]) -> None:
        """Compares all keys below the prefix with what the server shows there now, and takes over what it shows."""
        written = {key for key in self._possible if key.startswith(prefix)}
        if unknown := shown.keys() - written:
            raise Violation(f"keys that nobody wrote: {sorted(unknown)[:5]}")
        for key in sorted(written):
            entry = shown.get(key)
            state = entry.value if entry else ABSENT
            if state not in self._possible[key]:
                possible = " or ".join(describe(each) for each in self._possible[key])
                raise Violation(f"{key} is {describe(state)}, but can only be {possible}")
            if entry:
                self._check_index(key, entry.modify_index)
            self._possible[key] = {state}

    def _check_index(self, key: str, index: int) -> None:
        told = self._told_index.get(key, index)
        if index != told:
            raise Violation(f"{key} has ModifyIndex {index}, but its acknowledgement said {told}")
        if index < self._seen_index.get(key, 0):
            raise Violation(f"{key} has ModifyIndex {index}, but had {self._seen_index[key]} before")
        self._seen_index[key] = index

    def __len__(self) -> int:
        return len(self._possible)


def describe(state: bytes | None) -> str:
    """A state, short enough for a message."""
    return "absent" if state is ABSENT else f"{state[:40]!r} ({len(state)} bytes)"


@dataclass
class Counter:
    """A number that several writers increment by check-and-set.

    Each value is written by exactly one successful increment, so none may be acknowledged twice (a doubled one), none
    below the current may be neither acknowledged nor in doubt, and no value that was acknowledged or read may be above
    the current one (a lost one).
    """

    acknowledged: set[int] = field(default_factory=set)
    in_doubt: set[int] = field(default_factory=set)
    # The highest value and index that any reader was shown: what was shown must outlive a crash.
    shown_value: int = 0
    shown_index: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attempt(self, value: int) -> None:
        """Notes that an increment to `value` was sent."""
        with self._lock:
            self.in_doubt.add(value)

    def acknowledge(self, value: int) -> None:
        """Notes that it was answered with true."""
        with self._lock:
            if value in self.acknowledged:
                raise Violation(f"two increments to {value} were both acknowledged")
            self.acknowledged.add(value)

    def show(self, value: int, index: int) -> None:
        """Notes a read; within one life of the server reads may overtake each other, so only the highest counts."""
        with self._lock:
            self.shown_value, self.shown_index = max(self.shown_value, value), max(self.shown_index, index)

    def check(self, value: int, index: int) -> None:
        """Compares with what the server shows after a restart."""
        known = max(self.acknowledged | {self.shown_value})
        if value < known:
            raise Violation(f"the counter is {value}, but {known} had been acknowledged or read")
        if index < self.shown_index:
            raise Violation(f"the counter's ModifyIndex is {index}, but {self.shown_index} had been read")
        if holes := set(range(1, value + 1)) - self.acknowledged - self.in_doubt:
            raise Violation(f"the counter is {value}, but nobody sent an increment to {sorted(holes)[:5]}")
        self.show(value, index)
