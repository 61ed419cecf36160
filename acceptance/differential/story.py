"""The language the cases are written in: each step sends one request to both servers and compares the answers.

    @case
    def cas_needs_the_current_index(both):
        both.put("/v1/kv/cas?cas=0", "one")
        index = both.get("/v1/kv/cas").take("0.ModifyIndex")
        both.put(f"/v1/kv/cas?cas={index}", "two")

What `take` gives stands for a value that each server has its own of. It can be put into a path by an f-string and
into a JSON body as it is; each server is sent its own.

A case starts on servers without keys, sessions and nodes but their own: the runner clears up after each case.
"""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from compare import Disagreement, IndexPair, Plainer, View, compare, decoded, in_order, misordered
from laws import IndexLaws
from lib.wire import Answer, Connection, WireError

CASES: list["Case"] = []
# Consul answers these in the order of random ids or of a hash table.
UNORDERED = ("/v1/session/list", "/v1/session/node/", "/v1/catalog/services")
# How long a parked question waits. A wake-up comes within some ten milliseconds; a question that nothing wakes
# costs this much, and a machine must be very busy to take a wake-up for none.
WATCH_SECONDS = 1.5
# Consul adds up to a sixteenth to a wait; the rest is for a busy machine to send and receive.
LATE_SECONDS_MAX = WATCH_SECONDS / 16 + 1.0
# A step that waits for a condition (`until`) gives up after this.
UNTIL_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class Case:
    """A story with its place in the report: `area/name`."""

    area: str
    name: str
    story: object


def case(story):
    """Declares a function of `both` as a case of its module's area."""
    area = story.__module__.rpartition(".")[2]
    CASES.append(Case(area, story.__name__.replace("_", "-"), story))
    return story


@dataclass
class Side:
    """One of the two servers, as a case sees it."""

    name: str
    connection: Connection
    plainer: Plainer
    own_node: str
    # Consul itself breaks them at times, so they are laws for Quorate alone.
    laws: IndexLaws | None = None
    dns_port: int = 0
    taken: dict[str, object] = field(default_factory=dict)

    def fill(self, template):
        """Puts this server's own values where the marks of `Taken` are."""
        if isinstance(template, bytes) or template is None:
            return template
        text = template
        for mark, value in self.taken.items():
            # A mark that is a whole JSON string gives way to the value as JSON, so that a number stays a number.
            text = text.replace(f'"{mark}"', json.dumps(value)).replace(mark, str(value))
        return text


@dataclass(frozen=True)
class Taken:
    """A value of which each server has its own. Its text is a mark that is filled in when a request is sent."""

    mark: str

    def __str__(self) -> str:
        return self.mark


@dataclass
class Outcome:
    """What came of one comparison: a step, a parked question or a law about indices."""

    what: str
    disagreements: list[Disagreement]
    reference: str = ""
    subject: str = ""


class Both:
    """The two servers under one case."""

    def __init__(self, reference: Side, subject: Side):
        self.reference, self.subject = reference, subject
        self.sides = (reference, subject)
        self.outcomes: list[Outcome] = []
        self._pairs: list[IndexPair] = []
        for side in self.sides:
            side.plainer.forget_ids()
            side.taken.clear()

    def dns(self, name: str, kind="A", **options) -> None:
        """Asks both the same question, over UDP unless told otherwise, and compares the messages; see dns_story.py."""
        from dns_story import asked

        self.outcomes.append(asked(self.sides, name, kind, **options))

    def get(self, target, **options) -> "Step":
        return self.request("GET", target, **options)

    def put(self, target, body=None, **options) -> "Step":
        return self.request("PUT", target, body, **options)

    def delete(self, target, **options) -> "Step":
        return self.request("DELETE", target, **options)

    def request(self, method, target, body=None, *, headers=None, chunked=False, until=None, **view) -> "Step":
        """Sends one request to both and compares the answers.

        `body` is text, bytes or a value sent as JSON; `until` repeats the request until it is true of the JSON body;
        the rest are fields of `compare.View`.
        """
        payload = encoded(body)
        if until is None:
            answers = [exchange(side, method, target, payload, headers, chunked) for side in self.sides]
        else:
            # At the same time, so that each is measured from the step before.
            with ThreadPoolExecutor(2) as pool:
                polls = [pool.submit(poll, side, method, target, payload, until) for side in self.sides]
                answers = [result.result() for result in polls]
        self._record(payload, method, target, answers, view_of(target, **view))
        for side, answer in zip(self.sides, answers):
            if until and not reached(answer, until):
                never = Disagreement("until", f"reached within {UNTIL_SECONDS_MAX} s", f"{side.name}: not reached")
                self.outcomes[-1].disagreements.append(never)
        return Step(self, answers)

    def peek(self, target: str, accepts) -> bool:
        """Whether the JSON that each server answers with is as wanted; nothing is compared."""
        return all(reached(exchange(side, "GET", target, None, None, False), accepts) for side in self.sides)

    def own_node(self) -> str:
        """The name under which both servers registered themselves."""
        return self.reference.own_node

    def put_each(self, target: str, bodies: list[bytes]) -> "Step":
        """Sends each server a body of its own, such as an archive that it made itself."""
        answers = [exchange(side, "PUT", target, body, None, False) for side, body in zip(self.sides, bodies)]
        self._record(None, "PUT", target, answers, View())
        return Step(self, answers)

    def watch(self, questions: list[str], method: str, target: str, body=None) -> None:
        """Parks all questions on both servers, does one write and compares whom it woke and with what."""
        with self._parked(questions, f"{method} {target}"):
            self.request(method, target, body)

    def watch_restore(self, questions: list[str], target: str, archives: list[bytes]) -> None:
        """As `watch` with a restore for the write, which must wake every question whether its answer changed or not."""
        with self._parked(questions, f"PUT {target}", must_wake=True):
            self.put_each(target, archives)
            self.forget_indices()

    @contextmanager
    def _parked(self, questions: list[str], write: str, must_wake: bool = False):
        watchers = [Watcher(side, question) for question in questions for side in self.sides]
        for watcher in watchers:
            watcher.look()
        for watcher in watchers:
            watcher.park()
        yield
        for watcher in watchers:
            watcher.join()
        for reference, subject in zip(watchers[::2], watchers[1::2]):
            self._judge(reference, subject, write, must_wake)

    def _judge(self, reference: "Watcher", subject: "Watcher", write: str, must_wake: bool) -> None:
        """The rules of waking: never miss a change, never wake where the reference does not, never answer late."""
        what = f"{subject.question} parked over {write}"
        found = []
        # Consul's streaming backend sleeps through a restore, so that much is asked of Quorate alone.
        answers_all = must_wake
        must_wake = must_wake and (reference.woke or self.subject.laws is not None)
        if (must_wake or subject.changed()) and not subject.woke:
            found.append(Disagreement("wake-up", "woken" if reference.woke else "not woken", "missed a change"))
        if subject.woke and not subject.changed() and not reference.woke and not answers_all:
            found.append(Disagreement("wake-up", "not woken", "woken without a change"))
        if subject.seconds > WATCH_SECONDS + LATE_SECONDS_MAX:
            found.append(Disagreement("wake-up", f"{reference.seconds:.2f} s", f"{subject.seconds:.2f} s, too late"))
        plainers = (self.reference.plainer, self.subject.plainer)
        view = view_of(subject.question)
        # Consul at times wakes a question for nothing, and then answers what was before the write.
        for_nothing = reference.woke and not reference.changed() and subject.changed()
        if reference.answer and subject.answer and not for_nothing:
            differences, pairs = compare(reference.answer, subject.answer, plainers, view)
            found += differences
            self._pairs += [IndexPair(f"{what}: {pair.place}", pair.reference, pair.subject) for pair in pairs]
            found += law_breaks(self.subject, "GET", subject.question, subject.answer)
        self.outcomes.append(Outcome(what, found, reference.shown(), subject.shown()))

    def _record(self, payload, method, target, answers, view) -> None:
        what = f"{method} {target}"
        plainers = (self.reference.plainer, self.subject.plainer)
        if isinstance(answers[0], WireError) or isinstance(answers[1], WireError):
            texts = [str(answer) if isinstance(answer, WireError) else "answered" for answer in answers]
            found = [Disagreement("connection", *texts)] if texts[0] != texts[1] else []
        else:
            found, pairs = compare(*answers, plainers, view)
            self._pairs += [IndexPair(f"{what}: {pair.place}", pair.reference, pair.subject) for pair in pairs]
            found += law_breaks(self.subject, method, self.subject.fill(target), answers[1])
        if payload:
            what += f"  {payload if len(payload) < 300 else payload[:300]!r}"
        self.outcomes.append(Outcome(what, found, *(shown(answer) for answer in answers)))

    def agree(self, what: str, look) -> None:
        """Compares what `look(side)` gives: for what no single answer tells."""
        reference, subject = (look(side) for side in self.sides)
        found = [] if reference == subject else [Disagreement(what, str(reference), str(subject))]
        self.outcomes.append(Outcome(what, found, str(reference), str(subject)))

    def finish(self) -> None:
        """The last comparison of a case: that its index fields have the same order on both sides."""
        wrong = misordered(self._pairs)
        if self._pairs:
            self.outcomes.append(Outcome("order of all index fields", [wrong] if wrong else []))

    def forget_indices(self) -> None:
        """A snapshot was restored: indices start anew."""
        for side in self.sides:
            if side.laws:
                side.laws.forget()


@dataclass
class Step:
    """The two answers of one step."""

    both: Both
    answers: list

    def take(self, path: str) -> Taken:
        """The value at `path` (keys and positions joined by dots) of each server's JSON body."""
        mark = f"⟦{len(self.both.reference.taken)}⟧"
        for side, answer in zip(self.both.sides, self.answers):
            side.taken[mark] = lookup(answer, path)
        return Taken(mark)

    def bodies(self) -> list[bytes]:
        """The raw body of each server's answer."""
        return [answer.body if isinstance(answer, Answer) else b"" for answer in self.answers]

    def take_header(self, name: str) -> Taken:
        """The value of a header of each server's answer."""
        mark = f"⟦{len(self.both.reference.taken)}⟧"
        for side, answer in zip(self.both.sides, self.answers):
            side.taken[mark] = answer.header(name) if isinstance(answer, Answer) else None
        return Taken(mark)

    def took(self, least: float, most: float) -> "Step":
        """Each server must have answered within these seconds of being asked."""
        for side, answer in zip(self.both.sides, self.answers):
            seconds = answer.seconds if isinstance(answer, Answer) else 0.0
            if not least <= seconds <= most:
                late = Disagreement("seconds", f"{least} to {most}", f"{side.name}: {seconds:.3f}")
                self.both.outcomes[-1].disagreements.append(late)
        return self


class Watcher:
    """One question parked on one server, in a thread and on a connection of its own."""

    def __init__(self, side: Side, question: str):
        self.side, self.question = side, side.fill(question)
        self.before: Answer | WireError | None = None
        self.answer: Answer | None = None
        self.woke, self.seconds = False, 0.0
        self.thread = threading.Thread(target=self._wait, daemon=True)

    def look(self) -> None:
        """Asks without waiting, for the index to wait from."""
        self.before = exchange(self.side, "GET", self.question, None, None, False)

    def park(self) -> None:
        self.thread.start()

    def join(self) -> None:
        self.thread.join()

    def _wait(self) -> None:
        joint = "&" if "?" in self.question else "?"
        header = self.before.header if isinstance(self.before, Answer) else lambda _: None
        # The agent's own services are waited for by a hash of what they are.
        content = header("X-Consul-ContentHash")
        since = f"hash={content}" if content else f"index={header('X-Consul-Index')}"
        target = f"{self.question}{joint}{since}&wait={int(WATCH_SECONDS * 1000)}ms"
        connection = Connection(self.side.connection.host, self.side.connection.port)
        try:
            self.answer = connection.request("GET", target)
            self.seconds = self.answer.seconds
            self.woke = self.seconds < WATCH_SECONDS
        except WireError:
            self.answer = None
        finally:
            connection.close()

    def changed(self) -> bool:
        """Whether the answer at the end is another than the one before the write."""
        if self.answer is None or isinstance(self.before, WireError):
            return True
        before, after = (plain_answer(self.question, answer) for answer in (self.before, self.answer))
        return before != after

    def shown(self) -> str:
        if self.answer is None:
            return "no answer"
        woke = "woken" if self.woke else "not woken"
        return f"{woke} after {self.seconds:.3f} s\n{shown(self.answer)}"


def view_of(target, **options) -> View:
    """How the answers of a route are compared, before what a step asks for."""
    unordered = isinstance(target, str) and target.startswith(UNORDERED)
    return View(**{"unordered": unordered, **options})


def plain_answer(question: str, answer: Answer):
    """What of an answer a client would call a change."""
    body = decoded(answer)
    if body is None or not view_of(question).unordered:
        return answer.status, answer.body
    return answer.status, in_order(body.value)


def exchange(side: Side, method, target, payload, headers, chunked) -> Answer | WireError:
    """One request to one server, or how the connection failed."""
    filled = [(name, side.fill(value)) for name, value in headers or []]
    body = side.fill(payload)
    body = body.encode() if isinstance(body, str) else body
    try:
        return side.connection.request(method, side.fill(target), body, filled, chunked)
    except WireError as error:
        side.connection.close()
        return error


def poll(side: Side, method, target, payload, until) -> Answer | WireError:
    """Repeats a request until its JSON body is as wanted; the answer's seconds are those of all of it."""
    started = time.monotonic()
    while True:
        answer = exchange(side, method, target, payload, None, False)
        if isinstance(answer, WireError):
            return answer
        answer.seconds = time.monotonic() - started
        if answer.seconds > UNTIL_SECONDS_MAX or reached(answer, until):
            return answer
        time.sleep(0.02)  # the pace of a poll whose end is a condition


def reached(answer: Answer | WireError, until) -> bool:
    body = decoded(answer) if isinstance(answer, Answer) else None
    return body is not None and until(body.value)


def encoded(body):
    """A body as text or bytes: text as it is, other values as JSON, taken values as they stand."""
    if body is None or isinstance(body, (str, bytes)):
        return body
    return json.dumps(body, default=str, ensure_ascii=False)


def lookup(answer: Answer, path: str):
    """A value in a JSON body, or a text that shows in the next request that it was not there."""
    body = decoded(answer) if isinstance(answer, Answer) else None
    value = body.value if body else None
    for part in path.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (LookupError, TypeError, ValueError):
            return f"missing-{path}"
    return value


def law_breaks(side: Side, method: str, target, answer: Answer) -> list[Disagreement]:
    if side.laws is None or isinstance(target, bytes):
        return []
    return [Disagreement("index law", "holds", broken) for broken in side.laws.check(method, target, answer)]


def shown(answer) -> str:
    """An answer for the report."""
    if isinstance(answer, WireError):
        return str(answer)
    heads = "".join(f"\n{name}: {value}" for name, value in answer.headers)
    body = answer.body[:1200].decode("utf-8", "backslashreplace")
    more = f"… ({len(answer.body)} bytes)" if len(answer.body) > 1200 else ""
    return f"{answer.status} {answer.reason}{heads}\n\n{body}{more}"
