"""The list of differences that are on purpose: reads differences.toml and matches disagreements against it.

An entry names where (`case`, `request`, `place`) and what (`reference`, `subject`), each a pattern in which `*`
stands for any text, and why (`reason`). Fields left out match anything. An entry that matches nothing in a full run
is an error: what it tells is no longer true.
"""

import re
import tomllib
from dataclasses import dataclass

from compare import Disagreement

FIELDS = ("case", "request", "place", "reference", "subject")


class BadList(Exception):
    """The list cannot be understood."""


@dataclass
class Difference:
    """One entry of the list."""

    patterns: dict[str, re.Pattern]
    reason: str
    title: str
    uses: int = 0

    def covers(self, case: str, request: str, found: Disagreement) -> bool:
        actual = (case, request, found.place, found.reference, found.subject)
        return all(self.patterns[name].fullmatch(value) for name, value in zip(FIELDS, actual) if name in self.patterns)


class OnPurpose:
    """All entries, counting their uses."""

    def __init__(self, path: str):
        with open(path, "rb") as file:
            entries = tomllib.load(file).get("difference", [])
        self.entries = [read_entry(entry) for entry in entries]

    def covers(self, case: str, request: str, found: Disagreement) -> bool:
        """Whether a disagreement is on the list; every entry that says so counts as used."""
        matching = [entry for entry in self.entries if entry.covers(case, request, found)]
        for entry in matching:
            entry.uses += 1
        return bool(matching)

    def unused(self) -> list[str]:
        return [entry.title for entry in self.entries if entry.uses == 0]


def read_entry(entry: dict) -> Difference:
    unknown = set(entry) - {*FIELDS, "reason"}
    if unknown or not entry.get("reason") or not {"case", "place"} & set(entry):
        raise BadList(f"an entry needs a reason and a case or a place, and knows no {sorted(unknown)}: {entry}")
    patterns = {name: pattern(entry[name]) for name in FIELDS if name in entry}
    title = ", ".join(f"{name} {entry[name]!r}" for name in FIELDS if name in entry)
    return Difference(patterns, entry["reason"], title)


def pattern(text: str) -> re.Pattern:
    """A pattern in which only `*` is special."""
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)
