"""Compares two answers up to what two servers cannot share: ids, times, ports, their version and index numbers.

Each server has a `Plainer` that turns its own values into names: the third UUID that appeared in a case becomes
`<id 3>`, its port `<port>`. Two answers agree if they are equal after that. Create- and ModifyIndex are not replaced
but collected in pairs: over a whole case the pairs must have the same order on both sides (equal where the reference
has equal ones, greater where it has greater ones), which is all that a client may rely on.

Disagreements come as a list, one entry per place, so that a single one can be declared as on purpose.
"""

import gzip
import json
import re
from dataclasses import dataclass, field

from lib.wire import Answer

UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
# Error texts that carry an index number.
INDEX_IN_TEXT = re.compile(r"(current modify index )\d+( != \d+)?")
INDEX_KEYS = {"CreateIndex", "ModifyIndex"}
# The logical clock of events: it also ticks for what is not told, so only its order counts.
CLOCK_KEYS = {"LTime"}
# Framing and clock: they say how an answer travelled and when, not what it says.
HEADERS_LEFT_OUT = {"date", "content-length", "transfer-encoding", "connection", "keep-alive"}
# Headers whose number depends on the moment or on the server's own history; laws.py looks at the index.
HEADERS_NUMBERED = {"x-consul-index", "x-consul-lastcontact", "age"}
ABSENT = "(absent)"


@dataclass(frozen=True)
class Disagreement:
    """One place where the two answers differ, with both values as text."""

    place: str
    reference: str
    subject: str


@dataclass(frozen=True)
class IndexPair:
    """The same index field in both answers."""

    place: str
    reference: int
    subject: int


@dataclass
class Plainer:
    """Gives names to the values that are one server's own."""

    # Where other servers find this one: for the log and for gossip.
    ports: set[int]
    version: str
    boot_index: int
    _ids: dict[str, str] = field(default_factory=dict)

    def forget_ids(self) -> None:
        """Starts a new case: ids are numbered from 1 again."""
        self._ids.clear()

    def text(self, raw: str) -> str:
        """The text with ids, index numbers, port and version replaced by names."""
        named = UUID.sub(lambda found: self._id(found.group().lower()), raw)
        named = INDEX_IN_TEXT.sub(r"\1<index>", named)
        for port in map(str, self.ports):
            named = "<port>" if named == port else re.sub(rf"(?<=:){port}\b", "<port>", named)
        return re.sub(rf"(?<![\d.]){re.escape(self.version)}(?![\d.])", "<version>", named)

    def leaf(self, key: str, value):
        """A JSON leaf under `key`, with what is the server's own replaced."""
        if isinstance(value, str):
            return self.text(value)
        if key in ("Port", "ServicePort") and value in self.ports:
            return "<port>"
        return value

    def index(self, value: int) -> int:
        """An index; all that were written before the first case count as one moment."""
        return 0 if value <= self.boot_index else value

    def _id(self, raw: str) -> str:
        return self._ids.setdefault(raw, f"<id {len(self._ids) + 1}>")


@dataclass(frozen=True)
class View:
    """How a step wants its bodies looked at."""

    # Picks the part of a JSON body, or of a text, that is compared.
    select: object = None
    # Types and keys only, not values.
    shape: bool = False
    # Lists are compared without regard to order (a list ordered by random ids).
    unordered: bool = False
    # The body is not compared: it is an archive.
    opaque: bool = False


def compare(reference: Answer, subject: Answer, plainers: tuple[Plainer, Plainer], view: View):
    """All disagreements of two answers, and the index fields they have in common."""
    found: list[Disagreement] = []
    pairs: list[IndexPair] = []
    if reference.status != subject.status:
        found.append(Disagreement("status", str(reference.status), str(subject.status)))
    found += compare_headers(reference, subject, plainers)
    if not view.opaque:
        compare_bodies(reference, subject, plainers, view, found, pairs)
    return found, pairs


def compare_headers(reference: Answer, subject: Answer, plainers) -> list[Disagreement]:
    """Names without regard to case or order; values with the servers' own parts replaced."""
    left, right = (plain_headers(answer, plainer) for answer, plainer in zip((reference, subject), plainers))
    return [
        Disagreement(f"header {name}", left.get(name, ABSENT), right.get(name, ABSENT))
        for name in sorted(left.keys() | right.keys())
        if left.get(name, ABSENT) != right.get(name, ABSENT)
    ]


def plain_headers(answer: Answer, plainer: Plainer) -> dict[str, str]:
    """The compared headers by lower-case name; a repeated one shows all of its values."""
    plain: dict[str, str] = {}
    for name, value in answer.headers:
        name = name.lower()
        if name in HEADERS_LEFT_OUT:
            continue
        if name in HEADERS_NUMBERED and value.isdigit():
            value = "<number>"
        value = plainer.text(value)
        plain[name] = f"{plain[name]} + {value}" if name in plain else value
    return plain


def compare_bodies(reference, subject, plainers, view: View, found: list, pairs: list) -> None:
    left, right = decoded(reference), decoded(subject)
    if left is None and right is None and view.select:
        left, right = (Json(body_text(answer)) for answer in (reference, subject))
    elif left is None or right is None:
        texts = [plainer.text(body_text(answer)) for answer, plainer in zip((reference, subject), plainers)]
        if texts[0] != texts[1]:
            found.append(Disagreement("body", texts[0], texts[1]))
        return
    elif layout(reference) != layout(subject):
        found.append(Disagreement("layout", layout(reference), layout(subject)))
    values = [left.value, right.value]
    if view.select:
        values = [view.select(value) for value in values]
    if view.unordered:
        values = [in_order(value) for value in values]
    Walk(plainers, view.shape, found, pairs).value("body", "", *values)


def plain_body(answer: Answer) -> bytes:
    """The body without content coding."""
    return gzip.decompress(answer.body) if answer.header("Content-Encoding") == "gzip" else answer.body


def body_text(answer: Answer) -> str:
    """The body as text; bytes that are not UTF-8 show as escapes."""
    return plain_body(answer).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Json:
    """A decoded body; a class of its own because `null` is a value too."""

    value: object


def decoded(answer: Answer) -> Json | None:
    """The JSON of an answer that says it has JSON; None for anything else."""
    if (answer.header("Content-Type") or "").split(";")[0] != "application/json":
        return None
    try:
        return Json(json.loads(plain_body(answer), object_pairs_hook=unrepeated))
    except ValueError:
        return None


def unrepeated(items: list) -> dict:
    """An object from its fields; a repeated key is no JSON that a client could rely on."""
    value = dict(items)
    if len(value) != len(items):
        raise ValueError("a key appears twice in one object")
    return value


def layout(answer: Answer) -> str:
    """Whether JSON came on one line or indented, and whether a newline ends it."""
    body = plain_body(answer)
    indented = b"\n" in body.rstrip(b"\n")
    return ("indented" if indented else "one line") + (", newline at the end" if body.endswith(b"\n") else "")


def in_order(value):
    """The value with all its lists sorted by what they hold apart from ids, and among equals by their age."""
    if isinstance(value, list):
        return sorted((in_order(item) for item in value), key=lambda item: (masked(item), created(item)))
    if isinstance(value, dict):
        return {key: in_order(item) for key, item in value.items()}
    return value


def created(value) -> int:
    """The CreateIndex of an object: its order, if not its number, is the same on both servers."""
    return value.get("CreateIndex", 0) if isinstance(value, dict) else 0


def masked(value) -> str:
    """A sort key of a JSON value that two servers have in common."""

    def mask(part):
        if isinstance(part, dict):
            return {key: 0 if key in INDEX_KEYS else mask(item) for key, item in part.items()}
        if isinstance(part, list):
            return [mask(item) for item in part]
        return UUID.sub("<id>", part) if isinstance(part, str) else part

    return json.dumps(mask(value), sort_keys=True)


@dataclass
class Walk:
    """A walk down two JSON values at once."""

    plainers: tuple[Plainer, Plainer]
    shape: bool
    found: list[Disagreement]
    pairs: list[IndexPair]

    def value(self, place: str, key: str, left, right) -> None:
        if isinstance(left, dict) and isinstance(right, dict):
            self.objects(place, left, right)
        elif isinstance(left, list) and isinstance(right, list):
            self.lists(place, key, left, right)
        else:
            self.leaves(place, key, left, right)

    def objects(self, place: str, left: dict, right: dict) -> None:
        # The reference's order first: ids are numbered as they appear.
        for key in [*left, *(key for key in right if key not in left)]:
            if key not in left or key not in right:
                self.differ(f"{place}.{key}", shown(left, key), shown(right, key))
            else:
                self.value(f"{place}.{key}", key, left[key], right[key])

    def lists(self, place: str, key: str, left, right) -> None:
        if self.shape:
            left, right = (left[:1], right[:1]) if left and right else ([], [])
        if len(left) != len(right):
            self.differ(f"{place}.length", f"{len(left)}: {brief(left)}", f"{len(right)}: {brief(right)}")
        for position, (one, other) in enumerate(zip(left, right)):
            self.value(f"{place}.{position}", key, one, other)

    def leaves(self, place: str, key: str, left, right) -> None:
        if key in CLOCK_KEYS and type(left) is int and type(right) is int:
            self.pairs.append(IndexPair(place, left, right))
            return
        if key in INDEX_KEYS and type(left) is int and type(right) is int:
            pair = (self.plainers[0].index(left), self.plainers[1].index(right))
            self.pairs.append(IndexPair(place, *pair))
            return
        if self.shape:
            if kind(left) != kind(right):
                self.differ(place, kind(left), kind(right))
            return
        plain = [plainer.leaf(key, side) for plainer, side in zip(self.plainers, (left, right))]
        if type(plain[0]) is not type(plain[1]) or plain[0] != plain[1]:
            self.differ(place, brief(plain[0]), brief(plain[1]))

    def differ(self, place: str, left: str, right: str) -> None:
        self.found.append(Disagreement(place, left, right))


def kind(value) -> str:
    """The JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    names = {str: "string", dict: "object", list: "array", type(None): "null"}
    return names[type(value)]


def shown(container: dict, key: str) -> str:
    return brief(container[key]) if key in container else ABSENT


def brief(value) -> str:
    """A value as JSON, cut to what fits a report."""
    text = json.dumps(value)
    return text if len(text) <= 400 else text[:400] + "…"


def misordered(pairs: list[IndexPair]) -> Disagreement | None:
    """The first two index fields of a case whose order is not the same on both sides."""
    ranked = sorted(pairs, key=lambda pair: pair.reference)
    for one, other in zip(ranked, ranked[1:]):
        expected = relation(one.reference, other.reference)
        actual = relation(one.subject, other.subject)
        if expected != actual:
            return Disagreement(
                f"order of {one.place} and {other.place}",
                f"{one.reference} {expected} {other.reference}",
                f"{one.subject} {actual} {other.subject}",
            )
    return None


def relation(one: int, other: int) -> str:
    return "=" if one == other else "<" if one < other else ">"
