"""How fast a destination is written to: no faster than it takes, urgent ones first, no neighbour waits."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import UTC, datetime

import pytest

from receiver.deliveries.rate_limit import RULES, Pace, Places, rules_of
from receiver.deliveries.worker import Work
from receiver.destinations.contract import Delivered, Retry
from shared.config.sections import SlackConfig
from shared.local.server import Server, Workers
from shared.local.sqlite import Database, SqliteQueue, SqliteStore

NOW = 1_790_000_000.0
SLACK, TEAMS = RULES["slack"], RULES["teams"]


class Line:
    """Deliveries that ask for their turn, go away, and come back when it is due."""

    def __init__(self, folder, rules):
        self.now, self.rules = NOW, rules
        self.database = Database(folder / "pace.db")
        self.pace = Pace(SqliteStore(self.database), lambda: self.now)
        self.sent: list[tuple[float, str]] = []
        self.asked = 0
        self.waiting: list[tuple[float, int, str, bool]] = []
        self._number = itertools.count()

    def come(self, name, urgent=False, waited=False):
        self.asked += 1
        wait = self.pace.turn("soc", self.rules, urgent=urgent, waited=waited)
        if wait == 0:
            self.sent.append((self.now - NOW, name))
        else:
            self.waiting.append((self.now + wait, next(self._number), name, urgent))

    def until(self, seconds):
        while self.waiting and min(self.waiting)[0] <= NOW + seconds:
            due, _, name, urgent = first = min(self.waiting)
            self.waiting.remove(first)
            self.now = max(self.now, due)
            self.come(name, urgent, waited=True)
        self.now = NOW + seconds


@pytest.fixture
def line(tmp_path):
    lines = []

    def make(rules):
        lines.append(Line(tmp_path, rules))
        return lines[-1]

    yield make
    for line in lines:
        line.database.close()


def most(sent, seconds):
    times = [at for at, _ in sent]
    return max(sum(1 for at in times if start <= at < start + seconds - 0.06) for start in times)


@pytest.mark.parametrize(("rules", "number"), [(SLACK, 200), (TEAMS, 80), (((1, 1.0),), 50)])
def test_no_faster_than_the_rules_and_claimed_twice_at_most(line, rules, number):
    line = line(rules)
    for one in range(number):
        line.come(str(one))
    line.until(86_400)
    assert [name for _, name in line.sent] == [str(one) for one in range(number)]
    for count, seconds in rules:
        assert most(line.sent, seconds) <= count
    assert line.asked <= 2 * number
    slowest = max(seconds / count for count, seconds in rules)
    assert line.sent[-1][0] <= number * slowest + 1


def test_urgent_ones_go_ahead_of_those_that_wait(line):
    line = line(((1, 1.0),))
    for one in range(20):
        line.come(f"rest {one}")
    line.until(5.5)
    for one in range(3):
        line.come(f"urgent {one}", urgent=True)
    line.until(86_400)
    names = [name for _, name in line.sent]
    assert names[:9] == [f"rest {one}" for one in range(6)] + [f"urgent {one}" for one in range(3)]
    assert sorted(names) == sorted(
        {f"rest {one}" for one in range(20)} | {f"urgent {one}" for one in range(3)}
    )
    assert most(line.sent, 1.0) == 1


def test_what_asks_to_be_left_alone_is_left_alone_by_all(line):
    line = line(SLACK)
    line.pace.hold("soc", SLACK, 40)
    for one in range(3):
        line.come(str(one))
    line.until(39)
    assert line.sent == []
    line.until(100)
    assert [at for at, _ in line.sent] == [40, 40, 40]


def test_a_turn_that_is_too_far_away_is_not_kept(line):
    line = line(((1, 1.0),))
    for _ in range(11):
        line.come("x")
    for _ in range(3):
        assert line.pace.turn("soc", line.rules, urgent=False, waited=False, longest=10) is None
    assert line.pace.turn("soc", line.rules, urgent=False, waited=False, longest=11) == 11


def test_destinations_do_not_share_a_pace_and_workers_do(line):
    line = line(((1, 1.0),))
    other = Pace(line.pace._store, lambda: line.now)
    assert line.pace.turn("soc", line.rules, urgent=False, waited=False) == 0
    assert other.turn("office", line.rules, urgent=False, waited=False) == 0
    assert other.turn("soc", line.rules, urgent=False, waited=False) == 1


def test_a_clock_that_was_set_back_holds_up_nothing(line):
    line = line(((1, 1.0),))
    line.pace.hold("soc", line.rules, 30)
    line.now -= 86_400
    assert line.pace.turn("soc", line.rules, urgent=False, waited=False) == 0


@pytest.mark.parametrize(
    ("pace", "rules"),
    [(None, ((60, 60.0),)), (1, ((1, 1.0),)), (0.5, ((1, 2.0),)), (4.0, ((4, 1.0),)), (1_000, ((50, 0.05),))],
)
def test_the_pace_can_be_configured(pace, rules):
    assert rules_of(SlackConfig(type="slack", webhook_url="env:A", pace=pace)) == rules


def test_a_busy_destination_is_asked_again_less_often_the_longer_it_is_busy():
    now = [datetime(2026, 11, 24, tzinfo=UTC)]
    places = Places(2, lambda: now[0])
    assert places.enter("a")
    assert places.enter("b")
    assert not places.enter("c")
    assert places.wait() == 0.05
    now[0] = now[0].replace(second=4)
    assert places.wait() == 4
    now[0] = now[0].replace(second=40)
    assert places.wait() == 10
    places.leave("a")
    assert places.enter("c")


def test_a_worker_waits_for_a_place_that_is_about_to_be_free():
    places = Places(1, lambda: datetime.now(UTC))
    entered = []
    assert places.enter("a")
    waiting = threading.Thread(target=lambda: entered.append(places.enter("b")))
    waiting.start()
    while not places._next:
        threading.Event().wait(0.001)
    assert not places.enter("c")  # one at the door is enough
    places.leave("a")
    waiting.join()
    assert entered == [True]


def test_a_storm_to_slack_is_sent_at_its_pace_and_each_item_is_claimed_twice_at_most(make_stage):
    stage = make_stage(default=["soc"])
    for number in range(1, 131):
        stage.receive(b'{"message": "%d alarms in project id 3"}' % number)
    claims = []
    real = stage.work.delivery
    stage.work.delivery = lambda item: claims.append(item.id) or real(item)
    stage.run()
    assert len(stage.soc.sent) == 60
    stage.forward(59)
    stage.run()
    assert len(stage.soc.sent) == 60
    stage.forward(1)
    stage.run()
    assert len(stage.soc.sent) == 120
    stage.run_all()
    assert [len(stage.soc.sent), len(set(claims))] == [130, 130]
    assert len(claims) <= 2 * 130


@pytest.mark.timeout(30)
def test_a_hung_destination_and_a_limited_one_do_not_slow_the_third(make_stage):
    released = threading.Event()

    class Hung:
        name, thread, update = "hung", False, False

        def deliver(self, message, case_refs):
            released.wait(20)
            return Retry("no answer", ambiguous=True)

    class Limited:
        name, thread, update = "limited", False, False

        def deliver(self, message, case_refs):
            return Retry("429", after=30)

    class Quick:
        name, thread, update = "quick", False, False

        def __init__(self):
            self.took = []

        def deliver(self, message, case_refs):
            self.took.append(time.monotonic() - began)
            return Delivered()

    slack = {"type": "slack", "webhook_url": "env:A", "pace": 1_000}
    names = ["hung", "limited", "quick"]
    stage = make_stage(destinations=dict.fromkeys(names, slack), default=names)
    runtime = stage.runtime
    runtime.now = lambda: datetime.now(UTC)
    runtime.deliveries = SqliteQueue(stage.database, "deliveries")
    runtime.events = SqliteQueue(stage.database, "events")
    quick = Quick()
    work = Work(runtime, stage.enricher, {"hung": Hung(), "limited": Limited(), "quick": quick})
    server = Server(
        [
            Workers(runtime.events, work.event, 60, threads=2),
            Workers(runtime.deliveries, work.delivery, 60, threads=8),
        ],
        [],
    )
    for number in range(1, 101):
        stage.receive(b'{"message": "%d alarms in project id 3"}' % number)
    began = time.monotonic()
    server.start()
    while len(quick.took) < 100 and time.monotonic() < began + 20:
        time.sleep(0.05)
    released.set()
    server.stop()
    assert len(quick.took) == 100
    assert quick.took[-1] < 10
