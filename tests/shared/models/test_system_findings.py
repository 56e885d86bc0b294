"""Whatever happens to the findings of a system, in whatever order: none is withheld without a valid entry,
none of an open case is told twice, and each has a case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.models.decisions import CaseState, Verdict
from shared.models.known_good import Entry, KnownFinding, Place, best_match
from shared.models.known_good_terms import Scope
from shared.models.occurrences import AT_LEAST_MORE, MANY_TIMES, Occurrence
from shared.models.severity import Severity
from shared.models.system_findings import (
    MOST_RULINGS,
    Cover,
    CurrentCase,
    Ruling,
    Seen,
    Status,
    SystemFindings,
)
from shared.models.system_findings import rule as ruled

SYSTEM, OTHER = "i-0a", "i-0b"
START = datetime(2026, 11, 1, tzinfo=UTC)
MARKS = ("f0", "f1", "f2")
OCCURRENCES = st.builds(
    Occurrence,
    fingerprint=st.sampled_from(MARKS),
    description=st.just("a rule"),
    path=st.just("/a/path"),
    severity=st.sampled_from((Severity.SUSPICIOUS, Severity.MALICIOUS)),
    count=st.sampled_from((1, 2, 5, 6, 20, 100)),
    contents=st.sets(st.sampled_from(("a", "b", "c")), max_size=2).map(lambda found: tuple(sorted(found))),
    more_contents=st.booleans(),
)
ALARMS = st.lists(OCCURRENCES, max_size=3, unique_by=lambda each: each.fingerprint)
KNOWN = st.builds(
    KnownFinding,
    fingerprint=st.sampled_from(MARKS),
    description=st.just("a rule"),
    path=st.just("/a/path"),
    severity=st.sampled_from((Severity.SUSPICIOUS, Severity.MALICIOUS)),
    count=st.sampled_from((1, 2, 5, 20)),
    contents=st.sampled_from(((), ("a",), ("a", "b"))),
    any_content=st.booleans(),
)


class OneSystem(RuleBasedStateMachine):
    """The findings of one system, with its case and the entries as a person would keep them in mind."""

    def __init__(self) -> None:
        super().__init__()
        self.known, self.now, self.events, self.closings = SystemFindings(), START, 0, 0
        self.cases: dict[str, CaseState] = {}
        self.entries: list[Entry] = []
        # What was told in the present case since it was last opened: severity and the largest count.
        self.told: dict[str, tuple[Severity, int]] = {}
        self.rulings: dict[str, tuple[Seen, Ruling]] = {}

    @rule(
        found=ALARMS,
        complete=st.booleans(),
        hunt=st.sampled_from(("h1", "h2", "h3", "")),
        late=st.sampled_from((0, 0, 2)),
    )
    def alarm(self, found: list[Occurrence], complete: bool, hunt: str, late: int) -> None:
        """It waited for `late` days, so it may come after a newer one."""
        self.events += 1
        seen = Seen(
            f"e{self.events}", self.now - timedelta(days=late), hunt, tuple(found), complete and bool(found)
        )
        before, current = self.known, self._current()
        self.known, ruling = self._rule(seen)
        self.rulings[seen.event_id] = (seen, ruling)
        self._check(seen, ruling, before, current)
        if not ruling.tell:
            return
        if self.cases.get(ruling.case) is not CaseState.OPEN:
            self.told = {}  # a case that was just begun or reopened: people read everything anew
        self.cases[ruling.case] = CaseState.OPEN
        for judged, each in zip(ruling.findings, found, strict=True):
            if not judged.status.is_withheld:
                severity, count = self.told.get(each.fingerprint, (Severity.INFO, 0))
                worst = max(severity, each.severity, key=lambda one: one.rank)
                self.told[each.fingerprint] = (worst, max(count, each.count))

    @precondition(lambda self: self.rulings)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """The worker was killed before the event was recorded, and handles it again."""
        recent = list(self.rulings)[-MOST_RULINGS:]
        seen, ruling = self.rulings[data.draw(st.sampled_from(recent))]
        assert self._rule(seen) == (self.known, ruling)

    @precondition(lambda self: self._current() and self._current().state is CaseState.OPEN)
    @rule()
    def close(self) -> None:
        self.closings += 1
        self.cases[self.known.case] = CaseState.CLOSED

    @precondition(lambda self: self._current() and self._current().state is CaseState.CLOSED)
    @rule()
    def reopen(self) -> None:
        """By a person. What was told in the case before is not told again."""
        self.cases[self.known.case] = CaseState.OPEN

    @rule(
        found=st.lists(KNOWN, min_size=1, max_size=3),
        scope=st.sampled_from(Scope),
        system=st.sampled_from((SYSTEM, OTHER)),
        hunt=st.sampled_from(("weekly", "daily")),
        tag=st.sampled_from((("Role", "web"), ("Role", "db"), ("", ""))),
        days=st.integers(1, 90),
    )
    def judge(
        self, found: list[KnownFinding], scope: Scope, system: str, hunt: str, tag: tuple[str, str], days: int
    ) -> None:
        until = self.now + timedelta(days=days)
        self.entries.append(
            Entry(
                f"k{len(self.entries)}", scope, tuple(found), "ada", "why", self.now, until, Verdict.BENIGN,
                system=system, hunt=hunt, tag=tag,
            )
        )  # fmt: skip

    @rule(days=st.sampled_from((1, 7, 30, 400)))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    @invariant()
    def no_case_is_lost(self) -> None:
        open_cases = [key for key, state in self.cases.items() if state is CaseState.OPEN]
        assert open_cases in ([], [self.known.case])

    def _rule(self, seen: Seen) -> tuple[SystemFindings, Ruling]:
        return ruled(self.known, seen, self._current(), lambda number: f"case{number}", self._cover(seen))

    def _current(self) -> CurrentCase | None:
        state = self.cases.get(self.known.case)
        return CurrentCase(self.known.case, state, closing=f"closing-{self.closings}") if state else None

    def _cover(self, seen: Seen) -> Callable[[Occurrence], Cover]:
        def cover(occurrence: Occurrence) -> Cover:
            if not seen.complete:
                return Cover()
            match = best_match(occurrence, Place(SYSTEM, "weekly", {"Role": "web"}), self.entries, self.now)
            if match is None:
                return Cover()
            covered = None if match.not_covered else Status.KNOWN
            return Cover(covered, match.entry.id, match.not_covered)

        return cover

    def _check(self, seen: Seen, ruling: Ruling, before: SystemFindings, current: CurrentCase | None) -> None:
        assert [each.fingerprint for each in ruling.findings] == [
            each.fingerprint for each in seen.occurrences
        ]
        for judged, each in zip(ruling.findings, seen.occurrences, strict=True):
            is_open = current is not None and current.state is CaseState.OPEN
            covering = [entry for entry in self.entries if seen.complete and self._covers(entry, each)]
            assert judged.status.is_withheld == bool(covering)
            assert judged.first == (each.fingerprint not in before.findings)
            if judged.status.is_withheld:
                assert judged.by in {entry.id for entry in covering}
                continue
            severity, count = self.told.get(each.fingerprint, (Severity.INFO, 0))
            grew = each.severity.rank > severity.rank or (
                each.count >= MANY_TIMES * count and each.count >= count + AT_LEAST_MORE
            )
            if judged.status is Status.SEEN:
                assert is_open
                assert current is not None
                assert each.fingerprint in self.told, "told since the case was begun or reopened by an alarm"
                assert before.findings[each.fingerprint].case == ruling.case == current.key
            elif is_open and each.fingerprint in self.told:
                assert grew, "what was told in an open case is told again only if it grew"
        told = [each for each in ruling.findings if not each.status.is_withheld]
        assert ruling.tell == (not seen.complete or any(each.status.is_news for each in told))
        if ruling.tell or told:
            assert ruling.case
        assert len(self.known.rulings) <= MOST_RULINGS

    def _covers(self, entry: Entry, found: Occurrence) -> bool:
        """As docs/noise.md says it."""
        in_scope = {
            Scope.SYSTEM: entry.system == SYSTEM,
            Scope.HUNT: entry.hunt == "weekly",
            Scope.TAG: entry.tag == ("Role", "web"),
            Scope.EVERYWHERE: True,
        }[entry.scope]
        # Of two findings with one fingerprint in an entry, the first one counts.
        known = next((each for each in entry.findings if each.fingerprint == found.fingerprint), None)
        if not in_scope or known is None or not entry.at <= self.now < entry.until:
            return False
        if found.severity is Severity.MALICIOUS and known.severity is not Severity.MALICIOUS:
            return False
        if found.count >= 3 * known.count and found.count >= known.count + 5:
            return False
        same = set(found.contents) <= set(known.contents) and not found.more_contents
        return known.any_content or (same and bool(found.contents) == bool(known.contents))


OneSystem.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOneSystem = OneSystem.TestCase


def test_what_is_found_while_a_silent_event_waits_to_be_handled_again_is_told():
    one, more = (Occurrence(mark, "a rule", "/a/path", Severity.SUSPICIOUS, 1) for mark in MARKS[:2])

    def judged(known: SystemFindings, *found: Occurrence) -> tuple[SystemFindings, Ruling]:
        seen = Seen("e1", START, "h1", found, complete=True)
        return ruled(
            known, seen, None, lambda number: f"case{number}",
            lambda each: Cover(Status.KNOWN, "k1") if each is one else Cover(),
        )  # fmt: skip

    known, first = judged(SystemFindings(), one)
    assert not first.tell
    assert judged(known, one) == (known, first)
    after, second = judged(known, one, more)
    assert [each.status for each in second.findings] == [Status.KNOWN, Status.NEW]
    assert judged(after, one) == (after, second)


def test_an_alarm_that_reopens_a_case_at_the_same_time_as_another_leaves_what_that_one_told():
    def judged(
        known: SystemFindings, event: str, count: int, case: CurrentCase | None
    ) -> tuple[SystemFindings, Status]:
        found = Occurrence("f0", "a rule", "/a/path", Severity.SUSPICIOUS, count)
        seen = Seen(event, START, "h1", (found,), complete=True)
        known, ruling = ruled(known, seen, case, lambda number: f"case{number}", lambda each: Cover())
        return known, ruling.findings[0].status

    closed = CurrentCase("case1", CaseState.CLOSED, Verdict.TRUE_POSITIVE, "closing-1")
    known, _ = judged(SystemFindings(), "e1", 2, None)
    known, first = judged(known, "e2", 22, closed)
    known, second = judged(known, "e3", 6, closed)  # the case is still to be reopened
    known, third = judged(known, "e4", 20, CurrentCase("case1", CaseState.OPEN))
    assert (first, second, third) == (Status.MORE, Status.AGAIN, Status.SEEN)
    closed_again = CurrentCase("case1", CaseState.CLOSED, Verdict.TRUE_POSITIVE, "closing-2")
    known, _ = judged(known, "e5", 2, closed_again)
    assert known.findings["f0"].told_count == 2
