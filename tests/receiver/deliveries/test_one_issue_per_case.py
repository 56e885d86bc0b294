"""A case gets exactly one Jira issue, with many workers at once and after attempts that failed."""

from __future__ import annotations

import json
import threading
from functools import partial

import pytest

from receiver.destinations.jira.issues import case_label
from shared.http.answers import Answer
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues.worker import work
from tests.receiver.conftest import Stage
from tests.receiver.destinations.jira.site import once, staged

pytestmark = pytest.mark.slow


@pytest.fixture
def make(make_stage):
    """Returns a stage that delivers to Jira only, the simulated Jira, and a record of the requests to it."""
    return partial(staged, make_stage)


def alarm(stage: Stage, number: int, project: int = 3) -> str:
    return stage.receive(b'{"message": "%d alarms in project id %d evidence id 4"}' % (number, project))


@pytest.mark.timeout(60)
def test_eight_workers_open_one_issue_for_each_of_a_hundred_cases(make):
    stage, jira, _ = make()
    workers = [stage.worker() for _ in range(8)]
    for project in range(1, 101):
        for number in range(1, 9):
            alarm(stage, number, project)
        while work(stage.runtime.events, stage.work.event, lease=60):
            pass
        while stage.living():
            threads = [
                threading.Thread(
                    target=work, args=(stage.runtime.deliveries, worker.delivery), kwargs={"lease": 60}
                )
                for worker in workers
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            stage.forward(1)
    assert len(jira.issues) == 100
    assert {len(issue.comments) for issue in jira.issues.values()} == {7}
    assert {issue.fields["labels"][-1] for issue in jira.issues.values()} == {
        case_label(f"project/{project}/evidence/4") for project in range(1, 101)
    }


@pytest.mark.parametrize("datacenter", [False, True], ids=["cloud", "data center"])
@pytest.mark.parametrize("index_delay", [0, 45])
def test_an_issue_whose_answer_was_lost_is_found_again(make, datacenter, index_delay):
    stage, jira, wire = make(once(("POST", "issue")), datacenter=datacenter, index_delay=index_delay)
    id = alarm(stage, 5)
    stage.run_all()
    assert (list(jira.issues), jira.issues["SEC-1"].comments) == (["SEC-1"], [])
    delivery = stage.runtime.ledger.deliveries.get(id, "tickets")
    assert (delivery.state, delivery.ref, delivery.note, delivery.in_doubt) == (
        "delivered",
        "SEC-1",
        "an earlier attempt had arrived",
        False,
    )
    assert [path for method, path in wire.asked if method == "POST" and path == "issue"] == ["issue"]
    alarm(stage, 6)
    stage.run_all()
    assert (len(jira.issues), len(jira.issues["SEC-1"].comments)) == (1, 1)


def test_a_case_is_not_opened_again_before_a_search_can_find_the_first_attempt(make):
    stage, jira, _ = make(once(("POST", "issue")), index_delay=45)
    ids = [alarm(stage, number) for number in (5, 6, 7)]
    stage.run_all()
    assert (list(jira.issues), len(jira.issues["SEC-1"].comments)) == (["SEC-1"], 2)
    assert [stage.runtime.ledger.deliveries.get(id, "tickets").ref for id in ids] == ["SEC-1"] * 3


@pytest.mark.parametrize("datacenter", [False, True], ids=["cloud", "data center"])
def test_a_comment_whose_answer_was_lost_is_found_again(make, datacenter):
    stage, jira, _ = make(once(("POST", "issue/SEC-1/comment")), datacenter=datacenter)
    for number in (5, 6, 7):
        alarm(stage, number)
        stage.run()
        stage.forward(1)
    stage.run_all()
    assert (len(jira.issues), len(jira.issues["SEC-1"].comments)) == (1, 2)


def test_a_comment_that_only_mentions_an_event_does_not_count_as_its_own(make):
    """An update names the event that it adds to."""
    stage, jira, _ = make(once(("POST", "issue")))
    stage.enricher.runs[4] = stage.moment
    first = stage.receive(b'{"message": "2 suspicious severity events in project id 3 evidence id 4"}')
    stage.run()
    second = stage.receive(b'{"message": "5 high severity alarms in project id 3 evidence id 4"}')
    stage.run_all()
    (issue,) = jira.issues.values()
    (comment,) = issue.comments
    assert issue.properties["huntbridge.event"] == {"id": first}
    assert f"(event {first})" in json.dumps(comment["body"])
    assert [stage.runtime.ledger.deliveries.get(id, "tickets").state for id in (first, second)] == [
        "delivered"
    ] * 2


def test_after_a_worker_died_the_next_worker_searches_for_its_issue(make):
    def die(method, path):
        if (method, path) == ("POST", "issue") and len(jira.issues) == 1:
            raise KeyboardInterrupt
        return False

    stage, jira, wire = make(die)
    first, second = alarm(stage, 5), alarm(stage, 6)
    while work(stage.runtime.events, stage.work.event, lease=60):
        pass
    with pytest.raises(KeyboardInterrupt):
        work(stage.runtime.deliveries, stage.work.delivery, lease=60)
    stage.run()
    assert ("POST", "search/jql") not in wire.asked  # the second waits: the first may still be at it
    stage.run_all()
    assert (len(jira.issues), len(jira.issues["SEC-1"].comments)) == (1, 1)
    assert [stage.runtime.ledger.deliveries.get(id, "tickets").ref for id in (first, second)] == ["SEC-1"] * 2


def test_an_account_that_may_not_search_sends_a_marked_repeat(make):
    stage, jira, wire = make(once(("POST", "issue")))
    real = wire.request

    def request(method, url, **more):
        if "search" in url:
            return Answer(403, {}, b"{}")
        return real(method, url, **more)

    wire.request = request
    alarm(stage, 5)
    stage.run_all()
    assert len(jira.issues) == 2
    assert "This may be a repeat" in json.dumps(jira.issues["SEC-2"].fields["description"])


def test_after_a_failed_attempt_to_open_a_case_the_next_delivery_tries_at_once(make):
    stage, jira, wire = make()
    jira.fail(503)
    alarm(stage, 5)
    alarm(stage, 6)
    stage.run()
    assert len(jira.issues) == 1
    assert ("POST", "search/jql") not in wire.asked  # 503 leaves nothing open
    stage.run_all()
    assert (len(jira.issues), len(jira.issues["SEC-1"].comments)) == (1, 1)


def test_an_own_event_opens_an_issue_of_its_own(make):
    stage, jira, _ = make()
    stage.raise_event(Event("one", "unknown", stage.moment))
    stage.raise_event(Event("two", "unknown", stage.moment))
    stage.run_all()
    assert len(jira.issues) == 2
    assert Severity.UNKNOWN in jira.issues["SEC-1"].fields["labels"]
