"""What every X-Consul-Index must obey on its own, whatever the other server says.

* It is at least 1: a client that sends `index=0` would not block but spin.
* For the same question it never goes backwards while the server runs; only a snapshot restore may reset it.
* It is not below any ModifyIndex in the answer: else the client's next blocking query would return at once.

Events are exempt: their index is a hash of the last event's id, as in Consul.
"""

from dataclasses import dataclass, field

from compare import INDEX_KEYS, decoded
from lib.wire import Answer


@dataclass
class IndexLaws:
    """The indices one server has told, by question."""

    _told: dict[str, int] = field(default_factory=dict)

    def forget(self) -> None:
        """A snapshot was restored: the history starts anew."""
        self._told.clear()

    def check(self, method: str, target: str, answer: Answer) -> list[str]:
        """Notes the answer's index and gives a sentence for each law that it breaks."""
        value = answer.header("X-Consul-Index")
        if method != "GET" or value is None or answer.status >= 500 or target.startswith("/v1/event/"):
            return []
        if not value.isdigit() or int(value) < 1:
            return [f"X-Consul-Index is {value}, not a number of at least 1"]
        index, question = int(value), question_of(target)
        broken = []
        before = self._told.get(question, 0)
        if index < before:
            broken.append(f"X-Consul-Index of {question} went backwards from {before} to {index}")
        body = decoded(answer)
        highest = max(indices(body.value), default=0) if body else 0
        if index < highest:
            broken.append(f"X-Consul-Index is {index}, below {highest} in the body")
        self._told[question] = max(index, before)
        return broken


def question_of(target: str) -> str:
    """The target without the parameters that ask how long to wait for a change."""
    path, _, query = target.partition("?")
    kept = [part for part in query.split("&") if not part.startswith(("index=", "wait="))]
    return f"{path}?{'&'.join(kept)}" if any(kept) else path


def indices(value):
    """All Create- and ModifyIndex values below a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in INDEX_KEYS and isinstance(item, int):
                yield item
            else:
                yield from indices(item)
    elif isinstance(value, list):
        for item in value:
            yield from indices(item)
