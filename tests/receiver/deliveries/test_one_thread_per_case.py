"""A case gets exactly one message in Slack, with many alarms and many workers at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from demo.serving import serving
from demo.slack.records import DEMO_TOKEN
from demo.slack.simulation import Slack
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.case_thread import CaseThread
from shared.queues.worker import work
from shared.secrets import Secret
from tests.receiver.conftest import Stage

pytestmark = pytest.mark.slow

SOC = "C0123456789"
IR = {"type": "slack", "token": "env:T", "channel": SOC, "pace": 1_000}


@pytest.fixture
def make(make_stage) -> Iterator[Callable[[], tuple[Stage, Slack]]]:
    """Returns a stage that delivers to Slack only, and the simulated Slack."""
    slack = Slack(rate=None)
    with serving(slack.app) as origin:

        def make():
            stage = make_stage(destinations={"ir": IR}, default=["ir"])
            stage.tools["ir"] = SlackBotDestination(
                "ir",
                Secret(DEMO_TOKEN),
                SOC,
                base_url=f"{origin}/api/",
                clock=lambda: stage.moment.timestamp(),
            )
            stage.work = stage.worker()
            return stage, slack

        yield make


def alarm(stage: Stage, number: int, project: int = 3) -> str:
    return stage.receive(b'{"message": "%d alarms in project id %d evidence id 4"}' % (number, project))


@pytest.mark.timeout(60)
def test_eight_workers_post_one_message_for_each_of_a_hundred_cases(make):
    stage, slack = make()
    workers = [stage.worker() for _ in range(8)]
    for project in range(1, 101):
        for number in range(1, 4):
            alarm(stage, number, project)
    while work(stage.runtime.events, stage.work.event, lease=60):
        pass

    def deliver(worker) -> None:
        while work(stage.runtime.deliveries, worker.delivery, lease=60):
            pass

    while stage.living():
        threads = [threading.Thread(target=deliver, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stage.forward(1)
    parents = [post for post in slack.posts if not post.thread_ts]
    assert len(parents) == 100
    assert [len(slack.replies(parent)) for parent in parents] == [3] * 100
    assert all("3 alarms so far" in json.dumps(parent.body) for parent in parents)
    assert slack.refused == []


def test_after_a_refused_follow_up_the_next_delivery_follows_up(make):
    stage, slack = make()
    alarm(stage, 5)
    stage.run_all()
    slack.fail(503, on="POST /api/chat.update")
    first, second = alarm(stage, 6), alarm(stage, 7)
    stage.run_all()
    (parent,) = (post for post in slack.posts if not post.thread_ts)
    assert len(slack.replies(parent)) == 3
    refs = [stage.runtime.ledger.deliveries.get(id, "ir").ref for id in (first, second)]
    threads = [thread for ref in refs if (thread := CaseThread.parse(ref))]
    assert sorted(thread.alarms for thread in threads) == [2, 3]


def test_after_a_worker_died_while_editing_the_case_keeps_its_message(make):
    stage, slack = make()
    alarm(stage, 5)
    stage.run_all()
    ledger, case_key = stage.runtime.ledger, "project/3/evidence/4"
    held = ledger.case_references.acquire(case_key, "ir", "dead", 60, alone=True)
    assert CaseThread.parse(held.ref)
    alarm(stage, 6)
    stage.run()
    assert ledger.case_references.acquire(case_key, "ir", "other", 60, alone=True).wait == 60
    stage.run_all()
    (parent,) = (post for post in slack.posts if not post.thread_ts)
    assert len(slack.replies(parent)) == 2
    assert "This may be a repeat" not in json.dumps([post.body for post in slack.posts])
