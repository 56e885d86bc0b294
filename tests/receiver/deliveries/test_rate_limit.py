"""No destination is sent more than it accepts, and urgent messages go first."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from receiver.deliveries.rate_limit import Lane, RateLimiter, limits_of
from receiver.destinations.slack import traits as slack_traits
from receiver.destinations.teams import traits as teams_traits
from shared.config.destinations.slack import SlackConfig
from shared.local.database import Database
from shared.local.store import SqliteStore

NOW = 1_790_000_000.0
SLACK, TEAMS = slack_traits.WEBHOOK.rate_limit, teams_traits.TEAMS.rate_limit


class Line:
    """Deliveries that ask for a turn and ask again when the turn is due."""

    def __init__(self, folder, limits):
        self.now, self.limits = NOW, limits
        self.database = Database(folder / "pace.db")
        self.limiter = RateLimiter(SqliteStore(self.database), lambda: self.now)
        self.sent: list[tuple[float, str]] = []
        self.asked = 0
        self.waiting: list[tuple[float, int, str, bool]] = []
        self._number = itertools.count()

    def come(self, name, urgent=False, waited=False):
        self.asked += 1
        wait = self.limiter.turn(Lane("soc", self.limits), urgent=urgent, waited=waited)
        assert wait is not None
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

    def make(limits):
        lines.append(Line(tmp_path, limits))
        return lines[-1]

    yield make
    for line in lines:
        line.database.close()


def most(sent, seconds):
    times = [at for at, _ in sent]
    return max(sum(1 for at in times if start <= at < start + seconds - 0.06) for start in times)


@pytest.mark.parametrize(("limits", "number"), [(SLACK, 200), (TEAMS, 80), (((1, 1.0),), 50)])
def test_messages_keep_to_the_limits_and_are_claimed_twice_at_most(line, limits, number):
    line = line(limits)
    for n in range(number):
        line.come(str(n))
    line.until(86_400)
    assert [name for _, name in line.sent] == [str(n) for n in range(number)]
    for count, seconds in limits:
        assert most(line.sent, seconds) <= count
    assert line.asked <= 2 * number
    slowest = max(seconds / count for count, seconds in limits)
    assert line.sent[-1][0] <= number * slowest + 1


def test_urgent_messages_go_ahead_of_waiting_messages(line):
    line = line(((1, 1.0),))
    for n in range(20):
        line.come(f"rest {n}")
    line.until(5.5)
    for n in range(3):
        line.come(f"urgent {n}", urgent=True)
    line.until(86_400)
    names = [name for _, name in line.sent]
    assert names[:9] == [f"rest {n}" for n in range(6)] + [f"urgent {n}" for n in range(3)]
    assert sorted(names) == sorted({f"rest {n}" for n in range(20)} | {f"urgent {n}" for n in range(3)})
    assert most(line.sent, 1.0) == 1


def test_a_destination_that_asked_for_a_pause_gets_no_message_meanwhile(line):
    line = line(SLACK)
    line.limiter.hold(Lane("soc", SLACK), 40)
    for n in range(3):
        line.come(str(n))
    line.until(39)
    assert line.sent == []
    line.until(100)
    assert [at for at, _ in line.sent] == [40, 40, 40]


def test_a_turn_that_is_too_far_away_is_not_kept(line):
    line = line(((1, 1.0),))
    for _ in range(11):
        line.come("x")
    for _ in range(3):
        assert line.limiter.turn(Lane("soc", line.limits), urgent=False, waited=False, longest=10) is None
    assert line.limiter.turn(Lane("soc", line.limits), urgent=False, waited=False, longest=11) == 11


def test_destinations_do_not_share_a_limit_and_workers_do(line):
    line = line(((1, 1.0),))
    other = RateLimiter(line.limiter._store, lambda: line.now)
    assert line.limiter.turn(Lane("soc", line.limits), urgent=False, waited=False) == 0
    assert other.turn(Lane("office", line.limits), urgent=False, waited=False) == 0
    assert other.turn(Lane("soc", line.limits), urgent=False, waited=False) == 1


def test_a_clock_that_was_set_back_holds_up_nothing(line):
    line = line(((1, 1.0),))
    line.limiter.hold(Lane("soc", line.limits), 30)
    line.now -= 86_400
    assert line.limiter.turn(Lane("soc", line.limits), urgent=False, waited=False) == 0


@pytest.mark.parametrize(
    ("pace", "limits"),
    [(None, ((60, 60.0),)), (1, ((1, 1.0),)), (0.5, ((1, 2.0),)), (4.0, ((4, 1.0),)), (1_000, ((50, 0.05),))],
)
def test_the_rate_limit_can_be_configured(pace, limits):
    assert limits_of(SlackConfig(type="slack", webhook_url="env:A", pace=pace)) == limits


def test_a_storm_to_slack_is_sent_at_its_pace_and_each_item_is_claimed_twice_at_most(make_stage):
    stage = make_stage(default=["soc"])
    for number in range(1, 131):
        stage.receive(b'{"message": "%d alarms in project id 3"}' % number)
    claims = []
    real = stage.work.delivery

    def counted(item):
        claims.append(item.id)
        return real(item)

    stage.work = replace(stage.work, delivery=counted)
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


def test_a_destination_without_limits_only_gets_the_pauses_that_it_asks_for(line):
    line = line(())
    for n in range(100):
        line.come(str(n))
    line.limiter.hold(Lane("soc", ()), 30)
    line.come("last")
    line.until(60)
    assert [at for at, _ in line.sent] == [0] * 100 + [30]
