"""A case is taken, given back, closed and reopened, in the console or at the command line, and everybody who
was told of it is told."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest

from receiver.assemble import case_decisions
from receiver.cases.decisions import CaseDecisions
from shared.models.case_states import DecisionRefused, UnknownCase
from shared.models.cases import CaseState, Verdict
from shared.models.event_kinds import ACKNOWLEDGED, CLOSED, RELEASED, REOPENED, UNACKNOWLEDGED
from shared.models.people import Person
from shared.queues.worker import work
from shared.storage import audit
from tests.receiver.cases.test_send_reminders import reminded
from tests.receiver.world import CASE, TITLE, World, buttons, facts, header, miner, scanner

ADA, BOB = Person("ada", "the console"), Person("bob", "the command line on soc-1, bob")
WHERE = "5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
ALARM = "high_severity_alarm"


def decisions(world: World) -> CaseDecisions:
    return case_decisions(world.stage.runtime)


def done(world: World) -> None:
    world.stage.run_all()
    world.stage.forward(60)


def told(world: World) -> list[str]:
    return [message.kind for message in world.siem.sent]


def test_a_case_from_its_first_alarm_to_its_reopening(make_world):
    world = make_world(["ir", "tickets", "office", "siem"])
    world.later_run(miner(5))
    world.alarm()
    case = decisions(world)

    assert case.acknowledge(CASE, ADA).state is CaseState.ACKNOWLEDGED
    done(world)
    assert "Acknowledge" not in buttons(world.parent)
    assert facts(world.parent)["Taken by"] == "ada, 2026-11-24 03:01 UTC"

    assert case.release(CASE, BOB, "She is on leave").state is CaseState.OPEN
    done(world)
    assert buttons(world.parent)[0] == "Acknowledge"
    assert facts(world.parent)["Taken by"] == "nobody yet"

    assert case.close(CASE, BOB, Verdict.BENIGN, "A nightly job").state is CaseState.CLOSED
    done(world)
    assert buttons(world.parent) == ["Open in the EC2 console", "Open SEC-1 in Jira"]
    closed = "As benign by bob at 2026-11-24 03:03 UTC: “A nightly job”"
    assert facts(world.parent)["Closed"] == closed

    world.later_run(miner(9))
    world.alarm(9)
    after = world.stage.runtime.ledger.cases.get(CASE)
    assert (after.state, after.closure, after.acknowledgement) == (CaseState.OPEN, None, None)
    assert buttons(world.parent)[0] == "Acknowledge"
    before = "it was closed as benign by bob on 2026-11-24: “A nightly job”"
    assert facts(world.parent)["Reopened"] == before
    assert "Closed" not in facts(world.parent)
    assert header(world.parent) == "▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"

    assert world.thread() == [
        f"▲ {TITLE}",
        f"▲ Taken by ada: {WHERE}",
        f"▲ Given back by bob: {WHERE}",
        f"▲ Closed as benign by bob: {WHERE}",
        "▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1) !",
    ]
    assert told(world) == [ALARM, ACKNOWLEDGED, RELEASED, CLOSED, ALARM]
    assert [message.title for message in world.stage.office.sent][1:4] == [
        f"Taken by ada: {WHERE}",
        f"Given back by bob: {WHERE}",
        f"Closed as benign by bob: {WHERE}",
    ]
    assert world.stage.office.sent[2].summary == (
        "ada had taken it. Nobody has it now. Why: “She is on leave”."
    )
    what_reopens = (
        "The case is reopened if one of its findings comes back that is not known good. "
        "A new finding begins a new case."
    )
    assert world.stage.office.sent[3].summary == f"Why: “A nightly job”. {what_reopens}"
    issue = world.jira.issues["SEC-1"]
    assert issue.status == "To Do"  # huntbridge closes no issue
    comments = [json.dumps(comment["body"]) for comment in issue.comments]
    assert ["Given back by bob" in comments[1], "Closed as benign by bob" in comments[2]] == [True, True]
    assert "it was closed as benign by bob" in comments[3]
    assert world.slack.refused == []
    assert world.jira.refused == []


def test_every_decision_is_in_the_audit_log_once(make_world):
    world = make_world(["siem"])
    world.alarm()
    case = decisions(world)
    case.acknowledge(CASE, ADA)
    world.stage.forward(1)
    case.release(CASE, BOB)
    world.stage.forward(1)
    case.close(CASE, BOB, Verdict.FALSE_POSITIVE, "Not real")
    world.stage.forward(1)
    case.reopen(CASE, ADA, "It is")
    done(world)
    entries = list(audit.newest(world.stage.runtime.store, world.stage.moment))
    assert [(entry.action, entry.by, entry.origin, entry.about) for entry in reversed(entries)] == [
        ("ack", "ada", "the console", CASE),
        ("case release", "bob", "the command line on soc-1, bob", CASE),
        ("case close", "bob", "the command line on soc-1, bob", CASE),
        ("case reopen", "ada", "the console", CASE),
    ]
    reopened, closed, released, _ = entries
    assert (released.before, released.after) == ({"taken_by": "ada"}, {"taken_by": None})
    assert closed.after == {"closed_as": "false_positive", "why": "Not real"}
    assert (reopened.before, reopened.after) == (
        {"closed_as": "false_positive"},
        {"closed_as": None, "why": "It is"},
    )


def test_what_the_state_does_not_allow_is_refused_with_a_reason(make_world):
    world = make_world(["siem"])
    world.alarm()
    case = decisions(world)

    def refused(decide, *arguments) -> str:
        depth = world.stage.runtime.events.depth().living
        with pytest.raises(DecisionRefused) as error:
            decide(CASE, BOB, *arguments)
        assert world.stage.runtime.events.depth().living == depth  # nothing is queued for it
        return str(error.value)

    close = (case.close, Verdict.TRUE_POSITIVE, "An attack")
    assert refused(case.release) == "nobody has taken this"
    assert refused(case.reopen) == "this is not closed"
    case.acknowledge(CASE, ADA)
    at = "at 2026-11-24 03:01 UTC"
    assert refused(case.acknowledge) == f"ada has taken this already, {at}"
    case.release(CASE, ADA)
    assert refused(case.release) == f"ada has given this back already, {at}"
    case.close(CASE, ADA, Verdict.TRUE_POSITIVE, "An attack")
    as_closed = "ada has closed this as true positive"
    assert refused(*close) == f"{as_closed} already, {at}"
    assert refused(case.acknowledge) == f"{as_closed}, {at}; reopen it first"
    assert refused(case.release) == f"{as_closed}, {at}; reopen it first"
    case.reopen(CASE, ADA)
    assert refused(case.reopen) == f"ada has reopened this already, {at}"
    done(world)
    assert told(world) == [ALARM, ACKNOWLEDGED, RELEASED, CLOSED, REOPENED]
    with pytest.raises(UnknownCase, match="there is no case 'project/9'"):
        case.acknowledge("project/9", ADA)
    with pytest.raises(ValueError, match="the name is missing"):
        case.acknowledge(CASE, Person(" \u200b", "here"))
    with pytest.raises(ValueError, match="the reason is missing"):
        case.close(CASE, ADA, Verdict.BENIGN, " ")


@pytest.mark.parametrize("action", ["acknowledge", "release", "close", "reopen"])
def test_of_eight_people_who_decide_at_once_one_wins_and_the_others_read_who(make_world, action):
    world = make_world(["siem"])
    world.alarm()
    case = decisions(world)
    if action == "release":
        case.acknowledge(CASE, Person("carol", "here"))
    if action == "reopen":
        case.close(CASE, Person("carol", "here"), Verdict.BENIGN, "A nightly job")
    done(world)
    arguments = (Verdict.BENIGN, "A nightly job") if action == "close" else ()
    won, refused = [], []
    start = threading.Barrier(8)

    def decide(number: int) -> None:
        start.wait()
        try:
            getattr(decisions(world), action)(CASE, Person(f"a{number}", "here"), *arguments)
            won.append(f"a{number}")
        except DecisionRefused as error:
            refused.append(str(error))

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done(world)

    (winner,) = won
    assert len(refused) == 7
    assert {text.partition(" ")[0] for text in refused} == {winner}
    kinds = {"acknowledge": ACKNOWLEDGED, "release": RELEASED, "close": CLOSED, "reopen": REOPENED}
    messages = [message for message in world.siem.sent if message.kind == kinds[action]]
    assert [winner in message.title for message in messages] == [True]


def test_who_loses_against_another_decision_reads_what_happened(make_world, monkeypatch):
    """Bob closes the case while Ada, who saw it open, takes it."""
    world = make_world(["siem"])
    world.alarm()
    put = world.stage.runtime.events.put

    def bob_is_faster(*args, **more):
        monkeypatch.setattr(world.stage.runtime.events, "put", put)
        decisions(world).acknowledge(CASE, BOB)
        decisions(world).release(CASE, BOB)
        return put(*args, **more)

    monkeypatch.setattr(world.stage.runtime.events, "put", bob_is_faster)
    with pytest.raises(DecisionRefused) as error:
        decisions(world).acknowledge(CASE, ADA)
    assert str(error.value) == (
        "bob has given this back in the meantime, at 2026-11-24 03:01 UTC; look at it again"
    )
    done(world)
    assert world.stage.runtime.ledger.cases.get(CASE).state is CaseState.OPEN
    assert told(world) == [ALARM, ACKNOWLEDGED, RELEASED]  # the item of the decision that lost does nothing


@pytest.mark.parametrize("dies_at", ["the write", "the audit entry"])
def test_a_decision_whose_process_is_killed_is_made_and_told_all_the_same(make_world, monkeypatch, dies_at):
    world = make_world(["ir", "siem"])
    world.alarm()

    def dies(*args, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if dies_at == "the write":
            patch.setattr(world.stage.runtime.store, "update", dies)
        else:
            patch.setattr(audit, "decided", dies)
        with pytest.raises(KeyboardInterrupt):
            decisions(world).close(CASE, ADA, Verdict.BENIGN, "A nightly job")
    done(world)
    case = world.stage.runtime.ledger.cases.get(CASE)
    assert (case.closure.verdict, case.closure.by, case.closure.why) == ("benign", "ada", "A nightly job")
    assert told(world) == [ALARM, CLOSED]
    assert [entry.action for entry in audit.newest(world.stage.runtime.store, world.stage.moment)] == [
        "case close"
    ]


def test_a_worker_that_dies_while_it_tells_of_a_closing_tells_it_once(make_world, monkeypatch):
    world = make_world(["ir", "siem"])
    world.alarm()
    decisions(world).close(CASE, ADA, Verdict.BENIGN, "A nightly job")
    put = world.stage.runtime.deliveries.put
    died: list[int] = []

    def dies(body, **more):
        if len(died) < 2:
            died.append(1)
            if len(died) == 2:
                raise KeyboardInterrupt
        return put(body, **more)

    monkeypatch.setattr(world.stage.runtime.deliveries, "put", dies)
    with pytest.raises(KeyboardInterrupt):
        world.stage.run()
    world.stage.forward(61)
    done(world)
    assert told(world) == [ALARM, CLOSED]
    assert world.thread()[1:] == [f"▲ Closed as benign by ada: {WHERE}"]


def test_a_click_on_the_button_of_a_closed_case_is_answered_with_its_verdict(make_world):
    world = make_world()
    world.alarm()
    late = world.slack.click(world.parent, "acknowledge", user="U0BOB00001", name="bob")
    decisions(world).close(CASE, ADA, Verdict.BENIGN, "A nightly job")
    done(world)
    assert world.send(late) == 200
    done(world)
    said = f"ada has closed “{TITLE}” as benign, at 2026-11-24 03:01 UTC."
    assert world.ephemerals() == [("U0BOB00001", said)]
    assert world.stage.runtime.ledger.cases.get(CASE).state is CaseState.CLOSED


def test_a_case_that_was_given_back_can_be_taken_again_by_a_click(make_world):
    world = make_world(["ir", "siem"])
    world.alarm()
    world.click()
    decisions(world).release(CASE, ADA)
    done(world)
    world.click(user="U0BOB00001", name="bob")
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "bob"
    assert world.thread()[1:] == [
        f"▲ Taken by ada: {WHERE}",
        f"▲ Given back by ada: {WHERE}",
        f"▲ Taken by bob: {WHERE}",
    ]
    assert told(world) == [ALARM, ACKNOWLEDGED, RELEASED, ACKNOWLEDGED]


def test_reminders_end_when_a_case_is_closed_and_begin_again_when_it_is_given_back_or_reopened(make_world):
    world = make_world(["siem"], reminders={"after": 60, "to": "siem", "times": 2})
    world.alarm()

    def reminders() -> int:
        """How many reminders are sent in ten minutes."""
        before = told(world).count(UNACKNOWLEDGED)
        for _ in range(10):
            world.stage.forward(60)
            reminded(world)
        return told(world).count(UNACKNOWLEDGED) - before

    case = decisions(world)
    assert reminders() == 2
    case.acknowledge(CASE, ADA)
    done(world)
    assert reminders() == 0
    case.release(CASE, ADA)
    done(world)
    assert reminders() == 2
    case.close(CASE, ADA, Verdict.TRUE_POSITIVE, "An attack")
    done(world)
    assert reminders() == 0
    case.reopen(CASE, ADA)
    done(world)
    assert reminders() == 2
    case.close(CASE, ADA, Verdict.TRUE_POSITIVE, "An attack")
    done(world)
    world.alarm(9)
    assert reminders() == 2


def test_a_suspicious_alarm_that_reopens_a_malicious_case_starts_its_reminders_again(make_world):
    world = make_world(["siem"], reminders={"after": 60, "to": "siem"})
    world.later_run(miner(5), scanner(3))
    world.alarm()
    decisions(world).close(CASE, ADA, Verdict.TRUE_POSITIVE, "An attack")
    done(world)
    world.later_run(scanner(3))
    world.stage.receive(
        b'{"event": "suspicious_severity_event", "message": "3 events in project id 3 evidence id 4"}'
    )
    done(world)
    reminded(world)
    assert told(world)[-2:] == ["suspicious_severity_event", UNACKNOWLEDGED]


def test_an_alarm_that_reopens_a_case_tells_the_others_whom_the_case_had_reached(make_world):
    world = make_world(["siem"])
    world.later_run(miner(5))
    world.alarm()
    world.stage.runtime.ledger.cases.change(
        CASE, lambda case: type(case)(case.alarm, (*case.told, "office"), newest_alarms=case.newest_alarms)
    )
    decisions(world).close(CASE, ADA, Verdict.FALSE_POSITIVE, "Not real")
    done(world)
    world.later_run(miner(9))
    event = world.alarm(9)
    assert told(world) == [ALARM, CLOSED, ALARM]
    assert [message.kind for message in world.stage.office.sent] == [CLOSED, REOPENED]
    reopened = world.stage.office.sent[-1]
    assert reopened.title == "Reopened by a new alarm: 9 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert reopened.summary == (
        "It was closed as false positive by ada at 2026-11-24 03:01 UTC: “Not real”. Nobody has taken it."
    )
    assert world.siem.sent[-1].alarm.reopens.by == "ada"
    newest = next(audit.newest(world.stage.runtime.store, world.stage.moment))
    assert (newest.action, newest.by, newest.after["alarm"]) == ("case reopen", "huntbridge", event)


def test_the_repeated_item_of_an_old_alarm_does_not_reopen_the_case(make_world, monkeypatch):
    """The worker died after it added the alarm to its case; then somebody closed the case."""
    world = make_world(["siem"])
    monkeypatch.setattr(world.stage.runtime.ledger.events, "record_routed", lambda *args, **more: 1 / 0)
    world.stage.receive(
        b'{"event": "high_severity_alarm", "message": "5 alarms in project id 3 evidence id 4"}'
    )
    world.stage.run()
    monkeypatch.undo()
    decisions(world).close(CASE, ADA, Verdict.BENIGN, "A nightly job")
    done(world)
    assert world.stage.runtime.ledger.cases.get(CASE).state is CaseState.CLOSED
    assert told(world) == [ALARM, CLOSED]


def test_a_route_that_names_a_kind_of_decision_tells_more_destinations(make_world):
    world = make_world(["siem"])
    runtime = world.stage.runtime
    assert runtime.config.routes
    config = runtime.config.model_copy(
        update={
            "routes": tuple(
                type(runtime.config.routes[0]).model_validate(rule)
                for rule in (
                    {"match": {"event": "closed", "severity": "malicious"}, "to": "office"},
                    {"match": {"event": "*", "instance": "nowhere"}, "to": "office"},
                    {"match": {"event": "acknowledged"}, "to": "office"},  # no route applies to it
                    {"match": {"event": ["closed"], "severity": "info"}, "to": "ir"},
                )
            )
        }
    )
    world.stage.runtime = type(runtime)(
        config=config,
        store=runtime.store,
        captures=runtime.captures,
        events=runtime.events,
        deliveries=runtime.deliveries,
        secrets=runtime.secrets,
        now=runtime.now,
    )
    world.stage.work = world.stage.worker()
    world.alarm()
    case = decisions(world)
    case.acknowledge(CASE, ADA)
    case.close(CASE, ADA, Verdict.BENIGN, "A nightly job")
    done(world)
    assert told(world) == [ALARM, ACKNOWLEDGED, CLOSED]
    assert [message.kind for message in world.stage.office.sent] == [CLOSED]
    assert world.parents == []


def test_hostile_names_and_reasons_are_shown_as_text(make_world):
    world = make_world(["ir", "tickets"])
    world.alarm()
    hostile = "<!channel> *b* `c` \u202e<@U0BOB00001> https://evil.example {noformat}"
    decisions(world).close(CASE, Person(hostile, hostile), Verdict.BENIGN, hostile * 20)
    done(world)
    world.alarm(9)
    assert world.slack.mentions == []
    assert world.slack.refused == []
    assert world.jira.refused == []
    assert "\u202e" not in json.dumps([post.body for post in world.slack.posts], ensure_ascii=False)


def test_a_decision_waits_for_the_worker_and_is_not_repeated_by_it(make_world):
    """Whoever releases and takes the case again before the worker handles the items changes nothing of it."""
    world = make_world(["siem"])
    world.alarm()
    case = decisions(world)
    case.acknowledge(CASE, ADA)
    case.release(CASE, ADA)
    case.acknowledge(CASE, BOB)
    while work(world.stage.runtime.events, world.stage.work.event, lease=60):
        pass
    done(world)
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "bob"
    assert [message.title.partition(":")[0] for message in world.siem.sent[1:]] == [
        "Taken by ada",
        "Given back by ada",
        "Taken by bob",
    ]
    assert world.stage.moment - world.siem.sent[0].alarm.event.received_at < timedelta(hours=1)
