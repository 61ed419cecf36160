"""The checker is checked: histories that are right pass, and each kind of wrong one is named."""

import unittest

from crash import check_pairs
from ledger import ABSENT, Counter, Entry, Keys, Violation


class KeysTest(unittest.TestCase):
    """What may and may not be shown after a restart."""

    def setUp(self):
        self.keys = Keys()
        self.keys.attempt("a/1", b"one")
        self.keys.acknowledge("a/1", b"one", index=7)

    def test_an_acknowledged_write_is_found(self):
        self.keys.check("a/", {"a/1": Entry(b"one", 7, 7)})

    def test_a_lost_write_is_named(self):
        with self.assertRaisesRegex(Violation, "a/1 is absent"):
            self.keys.check("a/", {})

    def test_a_changed_value_is_named(self):
        with self.assertRaisesRegex(Violation, "b'two'"):
            self.keys.check("a/", {"a/1": Entry(b"two", 7, 7)})

    def test_a_key_that_nobody_wrote_is_named(self):
        with self.assertRaisesRegex(Violation, "nobody wrote.*a/2"):
            self.keys.check("a/", {"a/1": Entry(b"one", 7, 7), "a/2": Entry(b"", 8, 8)})

    def test_another_index_than_was_told_is_named(self):
        with self.assertRaisesRegex(Violation, "its acknowledgement said 7"):
            self.keys.check("a/", {"a/1": Entry(b"one", 6, 6)})

    def test_an_index_that_goes_backwards_is_named(self):
        self.keys.attempt("a/1", b"two")
        self.keys.acknowledge("a/1", b"two")
        self.keys.check("a/", {"a/1": Entry(b"two", 7, 9)})
        with self.assertRaisesRegex(Violation, "had 9 before"):
            self.keys.check("a/", {"a/1": Entry(b"two", 7, 8)})

    def test_a_write_in_doubt_may_be_there_or_not_but_stays_what_it_was_seen_as(self):
        self.keys.attempt("a/1", b"two")
        self.keys.check("a/", {"a/1": Entry(b"two", 7, 8)})
        with self.assertRaisesRegex(Violation, "b'one'"):
            self.keys.check("a/", {"a/1": Entry(b"one", 7, 9)})

    def test_a_deleted_key_that_comes_back_is_named(self):
        self.keys.attempt("a/1", ABSENT)
        self.keys.acknowledge("a/1", ABSENT)
        with self.assertRaisesRegex(Violation, "can only be absent"):
            self.keys.check("a/", {"a/1": Entry(b"one", 7, 7)})


class CounterTest(unittest.TestCase):
    """Increments that are lost, doubled, or nobody's."""

    def setUp(self):
        self.counter = Counter()
        for value in [1, 2]:
            self.counter.attempt(value)
            self.counter.acknowledge(value)

    def test_right_values_pass(self):
        self.counter.check(2, 20)
        self.counter.attempt(3)
        self.counter.check(3, 30)  # in doubt, and done

    def test_a_lost_increment_is_named(self):
        with self.assertRaisesRegex(Violation, "is 1, but 2"):
            self.counter.check(1, 10)

    def test_a_value_that_was_only_read_may_not_vanish_either(self):
        self.counter.attempt(3)
        self.counter.show(3, 30)
        with self.assertRaisesRegex(Violation, "is 2, but 3"):
            self.counter.check(2, 20)

    def test_a_doubled_increment_is_named(self):
        with self.assertRaisesRegex(Violation, "both acknowledged"):
            self.counter.acknowledge(2)

    def test_an_increment_that_nobody_sent_is_named(self):
        with self.assertRaisesRegex(Violation, "nobody sent"):
            self.counter.check(3, 30)

    def test_an_index_that_goes_backwards_is_named(self):
        self.counter.show(2, 20)
        with self.assertRaisesRegex(Violation, "ModifyIndex is 19"):
            self.counter.check(2, 19)


class PairsTest(unittest.TestCase):
    """Transactions are whole."""

    def test_whole_pairs_pass(self):
        check_pairs({"a/left": Entry(b"", 3, 3), "a/right": Entry(b"", 3, 3), "plain": Entry(b"", 4, 4)})

    def test_half_a_pair_is_named(self):
        with self.assertRaisesRegex(Violation, "not whole.*a"):
            check_pairs({"a/left": Entry(b"", 3, 3)})

    def test_a_pair_in_two_indices_is_named(self):
        with self.assertRaisesRegex(Violation, "not whole.*a"):
            check_pairs({"a/left": Entry(b"", 3, 3), "a/right": Entry(b"", 4, 4)})


if __name__ == "__main__":
    unittest.main()
