"""Sequences that a random run seldom makes, checked like the random ones. Each says how often an alarm must
be told, so that a product which withholds nothing fails as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from receiver.destinations.contract import CaseRef, Outcome, Retry
from receiver.messages.message import Message
from shared.models.cases import CaseState, Verdict
from shared.models.known_good_terms import Scope
from tests.receiver.sequences.checks import is_telling
from tests.receiver.sequences.machine import Machine
from tests.receiver.sequences.oracle import Closing
from tests.receiver.sequences.world import BOT, PLAIN, SYSTEMS, Planted

WEB, OTHER, _ = SYSTEMS
PATH, LOOKALIKE = "/opt/scan/nmap", "/opt/scan/nm\u0430p"


def scanner(path: str = PATH, count: int = 2, content: str = "a", *, malicious: bool = False) -> Planted:
    return Planted("PUA.NetTool", path, malicious, count, content)


LOG = Planted("PUA.NetTool2", "", False, 2, "a")


class Script(Machine):
    """The rules of the machine, with what a script seldom chooses left out."""

    def found(self, *content: Planted, on: str = WEB, hours: int = 168, fuse: Any = None) -> int:
        """A hunt finds this. Returns how many messages people got."""
        before = self.messages()
        self.hunt({on: [content]}, hours, at_once=True, fuse=fuse)
        self.check()
        return self.messages() - before

    def messages(self) -> int:
        return sum(is_telling(message) for tool in self.world.tools.values() for _, message in tool.seen)

    def judged(self, verdict: Verdict = Verdict.BENIGN, **chosen: Any) -> None:
        usual = {"number": 0, "scope": Scope.SYSTEM, "tag": "", "until": None, "names": False, "fuse": None}
        self.close(**{**usual, "verdict": verdict, **chosen})

    def muted(self, **chosen: Any) -> None:
        usual = {"configured": False, "length": 30, "until_next_hunt": False, "malicious": False}
        what = {"system": "", "hunt": "", "name": "", "path": ""}
        self.mute(**{**usual, **what, **chosen})


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    script.begin()
    yield script
    script.teardown()


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (scanner(), 0),
        (scanner(count=6), 0),
        (scanner(count=7), 1),
        (scanner(malicious=True), 1),
        (scanner(content="b"), 1),
        (scanner(LOOKALIKE), 1),
        (scanner(""), 1),
        (Planted("PUA.NetTool2", PATH, False, 2, "a"), 1),
    ],
    ids=["the same", "more", "many more", "worse", "content", "look-alike", "no path", "name"],
)
def test_after_a_verdict(script: Script, now: Planted, told: int) -> None:
    assert script.found(scanner()) == 1
    script.judged()
    assert script.found(now) == told
    assert script.found(now) == 0, "what is told has an open case"


@pytest.mark.parametrize(
    ("now", "told"),
    [(scanner(), 0), (scanner(count=6), 0), (scanner(count=7), 1), (scanner(malicious=True), 1)],
    ids=["the same", "more", "many more", "worse"],
)
def test_in_an_open_case(script: Script, now: Planted, told: int) -> None:
    assert script.found(scanner()) == 1
    assert script.found(now) == told


def test_an_entry_ends_by_itself_or_by_a_person(script: Script) -> None:
    script.found(scanner())
    script.judged(until=30)
    assert [script.found(scanner()) for _ in range(6)] == [0, 0, 0, 0, 1, 0]
    script.judged()
    assert script.found(scanner()) == 0
    for number in range(2):
        script.end_entry(number)
    assert script.found(scanner()) == 1


def test_a_malicious_finding_is_known_good_by_its_name_only(script: Script) -> None:
    script.found(scanner(malicious=True))
    script.judged()
    assert script.found(scanner(malicious=True)) == 1
    script.judged(names=True)
    assert script.found(scanner(malicious=True)) == 0


@pytest.mark.parametrize(
    ("scope", "told"), [(Scope.SYSTEM, 1), (Scope.HUNT, 0), (Scope.TAG, 0), (Scope.EVERYWHERE, 0)]
)
def test_where_an_entry_is_valid(script: Script, scope: Scope, told: int) -> None:
    for system in (WEB, OTHER):
        script.tag(system, "web")
    script.found(scanner(), LOG)
    script.judged(scope=scope, tag="web")
    assert script.found(scanner(), on=OTHER) == told
    script.tag(OTHER, "db")
    script.edit_configuration({"hunt": "nightly"})
    assert script.found(LOG, on=OTHER) == (scope is not Scope.EVERYWHERE)


def test_after_a_true_positive_and_after_reopening(script: Script) -> None:
    script.found(scanner())
    script.judged(Verdict.TRUE_POSITIVE)
    assert script.found(scanner()) == 1
    script.judged()
    assert script.found(scanner()) == 0
    script.reopen(WEB, None)
    assert script.found(scanner()) == 0, "the case is open, and it was told there"
    assert script.found(scanner(count=20)) == 1


def test_what_another_case_was_told_does_not_count(script: Script) -> None:
    script.found(scanner(count=20))
    script.judged(Verdict.TRUE_POSITIVE)
    script.found(LOG)
    assert script.found(scanner(count=1)) == 1
    script.judged()
    assert script.found(scanner(count=5)) == 0
    assert script.found(scanner(count=20)) == 1


def test_small_steps_are_told_as_soon_as_they_are_many_together(script: Script) -> None:
    """What was withheld does not raise what was judged."""
    script.found(scanner(count=10))
    script.judged()
    assert [script.found(scanner(count=count)) for count in (15, 20, 25, 29, 30)] == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("state", ["unlisted", "silent", "down"])
def test_nothing_is_known_good_while_the_platform_does_not_say_everything(script: Script, state: str) -> None:
    script.found(scanner(count=3))
    script.judged()
    script.platform(state)
    assert script.found(scanner(count=3)) == 1
    script.platform("up")
    assert script.found(scanner(count=3)) == 0


@pytest.mark.parametrize("configured", [True, False])
def test_mutes(script: Script, configured: bool) -> None:
    script.muted(configured=configured, path="/home/", length=30)
    assert script.found(scanner("/home/ada/x.php")) == 0
    assert script.found(scanner("/home/ada/x.php", malicious=True)) == 1
    assert script.found(scanner(PATH)) == 1
    script.end_mute(0)
    assert script.found(scanner("/home/eve/x.php", content="b"), on=OTHER) == 1


def test_a_mute_ends_by_itself_or_with_the_next_hunt(script: Script) -> None:
    script.muted(name="PUA.NetTool", length=7)
    assert script.found(scanner(), hours=24) == 0
    assert script.found(scanner()) == 1
    script.hunt({OTHER: [(scanner(),)]}, 24, at_once=False, fuse=None)
    script.muted(system=OTHER, until_next_hunt=True)
    script.deliver(0, twice=True, fuse=None)
    assert script.found(scanner(), on=OTHER) == 1


def test_a_mute_of_a_path_must_fit_each_place_that_looks_the_same(script: Script) -> None:
    script.muted(path="/home/ada/")
    assert script.found(scanner("/home/ada/x.php")) == 0
    assert script.found(scanner("/home/ada/x.php"), scanner("/home/eve/x.php")) == 1


def test_what_the_platform_finds_later_on_a_disk_is_told(script: Script) -> None:
    script.found(scanner(count=3))
    script.judged()
    assert script.found(scanner(count=3)) == 0
    before = script.messages()
    script.grow(LOG, 0)
    script.deliver_all(None)
    script.check()
    assert script.messages() == before + 1


@pytest.mark.parametrize("calls", range(40, 90, 5))
def test_a_silent_alarm_whose_worker_is_killed(script: Script, calls: int) -> None:
    """It is explained, or told if the platform does not explain it any more."""
    script.found(scanner(count=3))
    script.hunt({WEB: [(scanner(count=3),)]}, 24, at_once=False, fuse=None)
    script.deliver(0, twice=False, fuse=(calls, "kill"))
    script.platform("silent")


@pytest.mark.parametrize("calls", range(40, 90, 5))
@pytest.mark.parametrize("state", ["silent", "unlisted"])
def test_an_alarm_whose_worker_is_killed_before_it_is_told(script: Script, calls: int, state: str) -> None:
    """The alarm of the other disk takes its findings for told, so its message names them."""
    script.hunt({WEB: [(scanner(count=3),), (scanner(count=3),)]}, 24, at_once=False, fuse=None)
    script.deliver(0, twice=False, fuse=(calls, "kill"))
    script.deliver(0, twice=False, fuse=None)
    script.platform(state)


def test_a_thread_that_a_decision_opens_says_so_if_its_alarm_may_have_arrived(script: Script) -> None:
    slack = script.world.tools[BOT]
    deliver = slack.deliver

    def lost(message: Message, case: CaseRef) -> Outcome:
        deliver(message, case)
        return Retry("the answer was lost", ambiguous=True)

    slack.deliver = lost  # type: ignore[method-assign]
    script.hunt({WEB: [(scanner(),)]}, 1, at_once=True, fuse=None)
    slack.deliver = deliver  # type: ignore[method-assign]
    key, _ = script.case_of(WEB) or ("", None)
    until = script.world.moment + timedelta(days=1)
    script.close_as(Closing("", key, WEB, False, script.world.tick, until), Verdict.TRUE_POSITIVE, None)
    first, opened = (message for _, message in slack.seen)
    assert is_telling(opened)
    assert (first.id, first.maybe_repeat) == ("e1", False)
    assert (opened.id.partition(":")[0], opened.maybe_repeat) == ("closed", True)


def test_edits_of_the_configuration(script: Script) -> None:
    script.edit_configuration({"default": (BOT, PLAIN)})
    assert script.found(scanner()) == 2
    script.judged()
    script.edit_configuration({"across_hunts": False})
    assert script.found(scanner()) == 2
    script.edit_configuration({"across_hunts": True})
    script.edit_configuration({"extra": True})
    assert script.found(scanner()) == 0
    assert script.found(LOG) == 3


@pytest.mark.parametrize("fuse", [None, (60, "kill"), (100, "kill"), (140, "kill"), (80, "other")])
def test_repeated_webhooks_and_crashes(script: Script, fuse: Any) -> None:
    script.hunt({WEB: [(scanner(),), (LOG,)]}, 1, at_once=False, fuse=None)
    for number in range(len(script.mail)):
        script.deliver(number, twice=True, fuse=fuse)
    script.deliver_again(0, fuse)
    script.check()
    assert script.messages() >= 2


@pytest.mark.slow
@pytest.mark.parametrize("what", ["kill", "outage", "other", "close", "reopen"])
@pytest.mark.parametrize("judged", [True, False])
def test_fuzz_an_interruption_at_every_call(script: Script, what: str, judged: bool) -> None:
    """Whatever happens in the middle of the work on an alarm, and whatever is decided before it goes on."""
    script.found(scanner(), LOG)
    for calls in range(1, 110, 4):
        if judged:
            script.judged(until=7)
        script.hunt({WEB: [(scanner(), LOG)]}, 24, at_once=False, fuse=None)
        script.deliver(0, twice=False, fuse=(calls, what))
        script.end_entry(0)
        script.judged()
        script.reopen(WEB, None)
        script.check()


@pytest.mark.parametrize("calls", [15, 23, 33])
def test_a_case_closed_while_the_worker_of_an_alarm_is_dead(script: Script, calls: int) -> None:
    """The alarm reopens the case when it is told, so the next hunt finds nothing new in an open case."""
    script.found(scanner())
    script.hunt_again(scanner("/home/ada/x.php"), 4, (calls, "kill"))
    script.judged()
    before = script.messages()
    script.hunt_again(None, 1, None)
    script.check()
    case = script.case_of(WEB)
    assert script.messages() == before
    assert case
    assert case[1].state is not CaseState.CLOSED


@pytest.mark.parametrize("calls", [3, 4, 9, 10])
def test_a_reopening_that_is_carried_out_after_its_process_died(script: Script, calls: int) -> None:
    """Once it is queued, a worker reopens the case, and what was told there is not told again."""
    script.found(scanner())
    script.judged()
    script.reopen(WEB, (calls, "kill"))
    assert script.found(scanner()) == 0
    case = script.case_of(WEB)
    assert case
    assert (case[1].state is CaseState.OPEN) == (calls > 3)


def test_two_mutes_cover_a_finding_together(script: Script) -> None:
    """Each covers one of its paths. If one of the mutes ends, people are told."""
    both = (scanner("/home/ada/x.php", malicious=True), scanner("/home/eve/x.php"))
    script.muted(path="/home/")
    script.muted(path="/home/ada/", malicious=True)
    assert script.found(*both) == 0
    script.end_mute(1)
    assert script.found(*both) == 1


@pytest.mark.parametrize("calls", [28, 32, 36, 40])
@pytest.mark.parametrize("with_it", [(), (scanner(content="b"),)], ids=["absent", "harmless"])
def test_a_case_closed_between_the_ruling_and_the_message(
    script: Script, calls: int, with_it: tuple[Planted, ...]
) -> None:
    """The alarm reopens the case. What was judged when it was closed is told once more if it changes."""
    assert script.found(scanner(malicious=True, content="b")) == 1
    assert script.found(*with_it, LOG, fuse=(calls, "close")) >= 1
    assert script.found(scanner(malicious=True)) == 1


def test_a_decision_whose_process_died_before_it_stored_anything(script: Script) -> None:
    script.found(scanner())
    script.judged(fuse=(1, "kill"))
    assert script.found(scanner()) == 0
    case = script.case_of(WEB)
    assert case
    assert case[1].state is CaseState.OPEN


def test_a_case_is_closed_though_another_person_was_refused_meanwhile(script: Script) -> None:
    """An open case cannot be reopened. The entry of the verdict is valid all the same."""
    script.found(scanner())
    script.judged(fuse=(1, "reopen"))
    assert script.found(scanner()) == 0
