#!/usr/bin/env python3
"""Shows that the harness sees what it must see: each test gives it a difference that a sloppy one would let pass.

python3 acceptance/differential/test_harness.py
"""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from compare import Disagreement, IndexPair, Plainer, View, compare, misordered  # noqa: E402
from differences import BadList, OnPurpose  # noqa: E402
from laws import IndexLaws  # noqa: E402
from lib.wire import Answer  # noqa: E402
from report import Report  # noqa: E402
from story import Both, Case, Outcome, Side, encoded  # noqa: E402

ONE = "11111111-1111-1111-1111-111111111111"
TWO = "22222222-2222-2222-2222-222222222222"
THREE = "33333333-3333-3333-3333-333333333333"


def answer(body, status=200, **headers) -> Answer:
    listed = [("Content-Type", "application/json")]
    listed += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Answer(status, "", listed, body if isinstance(body, bytes) else json.dumps(body).encode())


def quiet(report):
    """What a report gives, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return report()


def plainers():
    return Plainer({1001}, "1.13.9", 10), Plainer({2002}, "1.20.0", 50)


def places(reference: Answer, subject: Answer, **view) -> list[str]:
    found, _ = compare(reference, subject, plainers(), View(**view))
    return [disagreement.place for disagreement in found]


class Bodies(unittest.TestCase):
    def test_null_and_an_empty_list_and_a_missing_key_are_three_things(self):
        self.assertEqual(places(answer({"A": None}), answer({"A": []})), ["body.A"])
        self.assertEqual(places(answer({"A": None}), answer({})), ["body.A"])
        self.assertEqual(places(answer({}), answer({"A": []})), ["body.A"])
        self.assertEqual(places(answer(None), answer([])), ["body"])

    def test_a_number_is_no_boolean_and_no_text(self):
        self.assertEqual(places(answer([1]), answer([True])), ["body.0"])
        self.assertEqual(places(answer([0]), answer([False])), ["body.0"])
        self.assertEqual(places(answer([1]), answer(["1"])), ["body.0"])
        self.assertEqual(places(answer([1]), answer([1.0])), ["body.0"])

    def test_the_order_of_keys_is_free_but_not_that_of_lists(self):
        self.assertEqual(places(answer({"A": 1, "B": 2}), answer({"B": 2, "A": 1})), [])
        self.assertEqual(places(answer([1, 2]), answer([2, 1])), ["body.0", "body.1"])
        self.assertEqual(places(answer([1, 2]), answer([2, 1]), unordered=True), [])
        self.assertEqual(places(answer([1, 2]), answer([2, 3]), unordered=True), ["body.0", "body.1"])

    def test_a_key_twice_is_no_json(self):
        self.assertEqual(places(answer({"A": 1}), answer(b'{"A":1,"A":1}')), ["body"])

    def test_layout_counts(self):
        self.assertEqual(places(answer(b'{"A":1}'), answer(b'{\n    "A": 1\n}\n')), ["layout"])
        self.assertEqual(places(answer(b"1"), answer(b"1\n")), ["layout"])

    def test_ids_differ_but_not_what_they_relate(self):
        self.assertEqual(places(answer([ONE, TWO, ONE]), answer([TWO, THREE, TWO])), [])
        self.assertEqual(places(answer([ONE, TWO, ONE]), answer([TWO, THREE, THREE])), ["body.2"])
        self.assertEqual(places(answer([ONE]), answer([""])), ["body.0"])

    def test_ports_and_versions_are_the_servers_own(self):
        self.assertEqual(places(answer({"Port": 1001}), answer({"Port": 2002})), [])
        self.assertEqual(places(answer({"Port": 1001}), answer({"Port": 80})), ["body.Port"])
        self.assertEqual(places(answer(["10.0.0.1:1001"]), answer(["10.0.0.1:2002"])), [])
        self.assertEqual(places(answer(["10.0.0.1:1001"]), answer(["10.0.0.1:1001"])), ["body.0"])
        self.assertEqual(places(answer(["1.13.9"]), answer(["1.20.0"])), [])

    def test_the_shape_alone(self):
        self.assertEqual(places(answer([{"A": 1}, {"A": 2}]), answer([{"A": 5}]), shape=True), [])
        self.assertEqual(places(answer([{"A": 1}]), answer([{"A": "x"}]), shape=True), ["body.0.A"])
        self.assertEqual(places(answer([{"A": 1}]), answer([{"B": 1}]), shape=True), ["body.0.A", "body.0.B"])


class Heads(unittest.TestCase):
    def test_status_and_headers(self):
        self.assertEqual(places(answer(1), answer(1, status=404)), ["status"])
        self.assertEqual(places(answer(1, X_Cache="HIT"), answer(1)), ["header x-cache"])
        self.assertEqual(places(answer(1, Allow="GET,PUT"), answer(1, Allow="PUT,GET")), ["header allow"])
        self.assertEqual(places(answer(1, x_a="b"), answer(1, X_A="b")), [])

    def test_an_index_must_be_a_number(self):
        self.assertEqual(places(answer(1, X_Consul_Index="5"), answer(1, X_Consul_Index="99")), [])
        self.assertEqual(
            places(answer(1, X_Consul_Index="5"), answer(1, X_Consul_Index="x")), ["header x-consul-index"]
        )


class Indices(unittest.TestCase):
    def test_order_over_a_case(self):
        def pairs(*of):
            return [IndexPair(str(number), *pair) for number, pair in enumerate(of)]

        self.assertIsNone(misordered(pairs((1, 10), (1, 10), (2, 30), (5, 31))))
        self.assertIsNotNone(misordered(pairs((1, 10), (1, 11))))
        self.assertIsNotNone(misordered(pairs((1, 10), (2, 10))))
        self.assertIsNotNone(misordered(pairs((1, 10), (2, 9))))

    def test_indices_from_before_the_run_are_one(self):
        self.assertEqual(Plainer(set(), "1", 10).index(7), Plainer(set(), "1", 50).index(31))

    def test_laws(self):
        def index(told, body=1):
            return answer(body, X_Consul_Index=str(told))

        laws = IndexLaws()
        self.assertEqual(laws.check("GET", "/v1/kv/a?index=3&wait=1s", index(5)), [])
        self.assertEqual(len(laws.check("GET", "/v1/kv/a", index(4))), 1)
        self.assertEqual(laws.check("GET", "/v1/kv/b", index(4)), [])
        self.assertEqual(len(laws.check("GET", "/v1/kv/c", index(0))), 1)
        self.assertEqual(len(laws.check("GET", "/v1/kv/d", index(4, [{"ModifyIndex": 5}]))), 1)
        laws.forget()
        self.assertEqual(laws.check("GET", "/v1/kv/a", index(1)), [])


class FakeWatcher:
    """A watcher whose end is given."""

    question = "/v1/kv/a"
    seconds = 0.1

    def __init__(self, woke, changed):
        self.woke, self._changed = woke, changed
        self.answer = answer([2])

    def changed(self):
        return self._changed

    def shown(self):
        return ""


class WakeUps(unittest.TestCase):
    def judged(self, reference, subject, must_wake=False, seconds=0.1):
        sides = [Side(name, None, plainer, "own") for name, plainer in zip("rs", plainers())]
        sides[1].laws = IndexLaws()
        both = Both(*sides)
        watcher = FakeWatcher(*subject)
        watcher.seconds = seconds
        both._judge(FakeWatcher(*reference), watcher, "PUT /v1/kv/a", must_wake)
        return [found.subject for found in both.outcomes[0].disagreements]

    def test_a_missed_change(self):
        self.assertEqual(self.judged((True, True), (False, True)), ["missed a change"])
        self.assertEqual(self.judged((False, True), (False, True)), ["missed a change"])

    def test_fewer_wake_ups_are_welcome_and_more_are_not(self):
        self.assertEqual(self.judged((True, False), (False, False)), [])
        self.assertEqual(self.judged((False, False), (True, False)), ["woken without a change"])
        self.assertEqual(self.judged((True, False), (True, False)), [])
        self.assertEqual(self.judged((False, True), (True, True)), [])

    def test_a_restore_wakes_all(self):
        self.assertEqual(self.judged((False, False), (False, False), must_wake=True), ["missed a change"])

    def test_a_late_answer(self):
        self.assertEqual(self.judged((True, True), (True, True), seconds=9.0), ["9.00 s, too late"])


class Lists(unittest.TestCase):
    def listed(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            return OnPurpose(file.name)

    def test_an_entry_covers_what_it_says_and_no_more(self):
        listed = self.listed('[[difference]]\ncase = "kv/*"\nplace = "body"\nreference = "[a*c"\nreason = "r"\n')
        found = Disagreement("body", "[abc", "x")
        self.assertTrue(listed.covers("kv/one", "GET /", found))
        self.assertFalse(listed.covers("txn/one", "GET /", found))
        self.assertFalse(listed.covers("kv/one", "GET /", Disagreement("status", "[abc", "x")))
        self.assertFalse(listed.covers("kv/one", "GET /", Disagreement("body", "abc", "x")))

    def test_an_unused_entry_fails_a_full_run_only(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[[difference]]\ncase = "x"\nreason = "r"\n')
            file.flush()
            self.assertEqual(quiet(Report(file.name, False, True, False).finish), 1)
            self.assertEqual(quiet(Report(file.name, False, False, False).finish), 0)

    def test_an_entry_without_a_reason_is_refused(self):
        self.assertRaises(BadList, self.listed, '[[difference]]\ncase = "x"\n')
        self.assertRaises(BadList, self.listed, '[[difference]]\nplace = "x"\nreason = "r"\nsbject = "y"\n')

    def test_an_unlisted_difference_fails(self):
        report = Report("/dev/null", False, False, False)
        report.add(Case("kv", "a", None), [Outcome("GET /", [Disagreement("body", "a", "b")])], 0.0)
        self.assertEqual(quiet(report.finish), 1)


class Filling(unittest.TestCase):
    def test_each_server_is_sent_its_own_values(self):
        side = Side("s", None, plainers()[0], "own", taken={"⟦0⟧": 17, "⟦1⟧": ONE})
        taken = type("Taken", (), {"__str__": lambda self: "⟦0⟧"})()
        self.assertEqual(side.fill("/v1/kv/a?cas=⟦0⟧&acquire=⟦1⟧"), f"/v1/kv/a?cas=17&acquire={ONE}")
        self.assertEqual(side.fill(encoded({"Index": taken})), '{"Index": 17}')
        self.assertEqual(side.fill(encoded({"Session": "⟦1⟧"})), f'{{"Session": "{ONE}"}}')


if __name__ == "__main__":
    unittest.main()
