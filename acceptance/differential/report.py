"""Counts outcomes, sorts out what is on purpose and prints what is left."""

from collections import Counter

from differences import OnPurpose

# Disagreements shown in full; a server that does not work at all would fill a disk otherwise.
SHOWN_MAX = 100


class Report:
    """The outcomes of a run."""

    def __init__(self, list_path, both_consul: bool, full: bool, verbose: bool, transcript=None):
        # With Consul on both sides nothing may differ, on purpose or not.
        self.on_purpose = None if both_consul else OnPurpose(str(list_path))
        self.full, self.verbose, self.transcript = full, verbose, transcript
        self.areas: dict[str, Counter] = {}
        self.shown: list[str] = []

    def add(self, case, outcomes: list, seconds: float) -> None:
        """Counts the comparisons of one case."""
        counts = self.areas.setdefault(case.area, Counter())
        counts["seconds"] += seconds
        counts["cases"] += 1
        for outcome in outcomes:
            name = f"{case.area}/{case.name}"
            if self.transcript and outcome.reference:
                print(f"\n=== {name}: {outcome.what}\n{outcome.reference}", file=self.transcript)
            listed = [found for found in outcome.disagreements if self._is_listed(name, outcome, found)]
            open_ones = [found for found in outcome.disagreements if found not in listed]
            counts["failed" if open_ones else "on purpose" if listed else "agree"] += 1
            if open_ones or (listed and self.verbose):
                self.shown.append(told(name, outcome, open_ones, listed))

    def _is_listed(self, name, outcome, found) -> bool:
        return self.on_purpose is not None and self.on_purpose.covers(name, outcome.what, found)

    def finish(self) -> int:
        """Prints the report and gives the exit code."""
        for area, counts in self.areas.items():
            print(
                f"{area}: {counts['cases']} cases, {counts['agree']} agree, {counts['on purpose']} differ on purpose, "
                f"{counts['failed']} fail, {counts['seconds']:.1f} s"
            )
        for text in self.shown[:SHOWN_MAX]:
            print(text)
        if len(self.shown) > SHOWN_MAX:
            print(f"\n… and {len(self.shown) - SHOWN_MAX} more")
        unused = self.on_purpose.unused() if self.on_purpose and self.full else []
        for title in unused:
            print(f"\ndifferences.toml lists what no longer differs: {title}")
        passed = sum(counts["agree"] + counts["on purpose"] for counts in self.areas.values())
        failed = sum(counts["failed"] for counts in self.areas.values()) + len(unused)
        print(f"\n{passed} passed, {failed} failed")
        return 1 if failed else 0


def told(name: str, outcome, open_ones: list, listed: list) -> str:
    """One disagreeing step with both answers."""
    lines = [f"\n=== {name}: {outcome.what}"]
    for found in open_ones:
        lines += [f"  {found.place}:", f"    reference  {found.reference}", f"    subject    {found.subject}"]
    lines += [f"  (on purpose) {found.place}: {found.reference} / {found.subject}" for found in listed]
    for label, text in (("reference", outcome.reference), ("subject", outcome.subject)):
        if text:
            lines += [f"--- {label}", *(f"  {line}" for line in text.splitlines())]
    return "\n".join(lines)
