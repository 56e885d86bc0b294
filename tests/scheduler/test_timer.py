"""The timer's jobs: each has its time and its failures to itself, and one that fails for long is told."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest
import yaml

from receiver.events.enrich import Enricher
from receiver.messages.compose import compose
from scheduler import follow as following
from scheduler import timer
from scheduler.round_robin import round_robin
from scheduler.timer import JOBS, Job, Jobs
from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.models.event_kinds import JOB_FAILING
from shared.storage.ports import StoreError
from tests.scheduler.staging import QUIET, SUNDAY


@pytest.fixture
def done(monkeypatch):
    """The jobs that were done, instead of real ones; `fails` says of some what they do."""
    names: list[str] = []
    names_and_fails = (names, {})

    def job(name, budget):
        def run(_):
            names_and_fails[1].get(name, lambda: None)()
            names.append(name)

        return Job(name, run, budget)

    monkeypatch.setattr(timer, "JOBS", tuple(job(one.name, 1.0) for one in JOBS))
    monkeypatch.setattr(timer, "_GRACE", 0.05)
    return names_and_fails


def fails(error):
    def fail():
        raise error

    return fail


NAMES = [job.name for job in JOBS]


@pytest.mark.parametrize("failing", NAMES)
@pytest.mark.parametrize("error", [StoreError("the database is locked"), KeyError("x"), DeadlineExceeded()])
def test_one_that_fails_costs_no_other(stage, done, failing, error):
    names, fail = done
    fail[failing] = fails(error)
    Jobs(stage.runtime).run_all()
    assert names == [name for name in NAMES if name != failing]


def test_one_that_hangs_in_spite_of_its_budget_costs_no_other(stage, done, monkeypatch):
    names, fail = done
    free = threading.Event()
    fail["watch"] = lambda: free.wait(10)
    jobs = Jobs(stage.runtime)
    jobs.run_all()
    assert names == [name for name in NAMES if name != "watch"]
    assert stage.runtime.ledger.notes.get("job", "watch")["reason"] == "it still hangs after 1 s"
    began = time.monotonic()
    jobs.run_all()  # the hung one is not begun again beside itself
    assert time.monotonic() - began < 1
    assert stage.runtime.ledger.notes.get("job", "watch")["reason"] == "the look before still hangs"
    free.set()


def test_with_a_clock_that_has_lost_the_time_nothing_is_done(stage, done, caplog):
    """A capture of 2026 that is looked at in 1970, and again in 2026, would seem to have failed long ago."""
    names, _ = done
    jobs, right = Jobs(stage.runtime), stage.moment
    stage.moment = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    jobs.run_all()
    assert (names, stage.runtime.ledger.notes.about("job")) == ([], {})
    assert (
        "job failed job=follow reason=\"this machine's clock says 1970-01-01, and must be set" in caplog.text
    )
    stage.moment = right
    jobs.run_all()
    assert names == NAMES


def test_a_call_inside_a_job_takes_no_longer_than_the_budget(stage):
    left = []
    job = Job("a", lambda _: left.append(remaining(60)), 5)
    Jobs(stage.runtime).run(job)
    assert 4 < left[0] <= 5


def test_what_lambda_leaves_is_all_there_is(stage, monkeypatch):
    budgets = {}
    monkeypatch.setattr(Jobs, "run", lambda self, job, seconds: budgets.setdefault(job.name, seconds))
    Jobs(stage.runtime).run_all(lambda: 60)
    assert budgets["follow"] == 60 - timer._KEPT_BACK
    assert budgets["missed"] == 15


def test_the_budgets_fit_the_functions_timeout(request):
    class Loader(yaml.SafeLoader):
        """Without CloudFormation's short forms."""

    Loader.add_multi_constructor("!", lambda *_: None)
    template = yaml.load((request.config.rootpath / "template.yaml").read_text(), Loader)
    timeout = template["Resources"]["SchedulerFunction"]["Properties"]["Timeout"]
    assert sum(job.budget + timer._GRACE for job in JOBS) + timer._KEPT_BACK <= timeout


# What fails for long


class Clock:
    """Rings every five minutes, with one job that may fail."""

    def __init__(self, stage) -> None:
        self.stage, self.failing = stage, {"follow", "recover"}
        self.error = "The platform did not answer"
        self.jobs = [self.job(name) for name in ("follow", "recover")] + [
            next(job for job in JOBS if job.name == "jobs")
        ]

    def job(self, name):
        def run(_):
            if name in self.failing:
                raise StoreError(self.error)

        return Job(name, run, 5)

    def ring(self, minutes):
        for _ in range(minutes // 5):
            self.stage.forward(300)
            for job in self.jobs:
                Jobs(self.stage.runtime).run(job)
        return [event for event in self.stage.events() if event.kind == JOB_FAILING]


def test_what_fails_for_an_hour_is_told_once_and_so_is_its_mending(stage):
    clock = Clock(stage)
    assert clock.ring(60) == []
    (event,) = clock.ring(10)
    assert event.title == "follow, recover"
    assert event.text.splitlines() == [
        f"{name}, since 2026-11-29 02:05 UTC: The platform did not answer" for name in ("follow", "recover")
    ]
    assert clock.ring(180) == []
    clock.failing = set()
    (mended,) = clock.ring(30)
    assert (mended.mended, mended.title) == (True, "follow, recover")
    assert clock.ring(180) == []
    clock.failing = {"follow"}
    (again,) = clock.ring(120)
    assert again.id != event.id


def test_what_fails_now_and_then_is_not_told(stage):
    clock = Clock(stage)
    for _ in range(10):
        clock.failing = {"follow"}
        assert clock.ring(45) == []
        clock.failing = set()
        assert clock.ring(5) == []


def test_a_failure_that_a_wrong_clock_wrote_down_counts_from_now(stage):
    clock = Clock(stage)
    stage.moment = datetime(2030, 1, 1, tzinfo=UTC)
    clock.ring(10)
    stage.moment = SUNDAY
    assert clock.ring(60) == []
    assert len(clock.ring(10)) == 1


@pytest.mark.parametrize(
    ("mended", "title"),
    [
        (False, "huntbridge's own work has failed for long: follow, recover"),
        (True, "huntbridge's own work goes on again: follow, recover"),
    ],
)
def test_what_a_person_reads(stage, mended, title):
    clock = Clock(stage)
    (event,) = clock.ring(75)
    if mended:
        clock.failing = set()
        (event,) = clock.ring(10)
    message = compose(Enricher(stage.runtime.ledger, None, None, stage.runtime.config).enrich(event))
    assert (message.title, message.gaps) == (title, ())
    assert "follow, since 2026-11-29" in message.quote


# Long work in a short time


def test_each_look_goes_on_where_the_last_one_ran_out_of_time(stage):
    now, looked = [0.0], []

    def act(name):
        looked.append(name)
        now[0] += 10
        if now[0] > 25:
            raise DeadlineExceeded

    for _ in range(4):
        now[0] = 0
        with pytest.raises(DeadlineExceeded):
            round_robin(stage.runtime.ledger.notes, "test", list("abcdefg"), act, str)
    assert "".join(looked) == "abcdefgabcde"


def test_one_that_hangs_for_good_is_not_looked_at_first_again(stage):
    def crash(name):
        looked.append(name)
        raise KeyboardInterrupt  # the function is killed

    looked: list[str] = []
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            round_robin(stage.runtime.ledger.notes, "test", list("abc"), crash, str)
    assert looked == ["a", "b", "c"]


def test_a_hunt_on_which_the_platform_hangs_does_not_starve_the_others(make_stage, monkeypatch):
    stage = make_stage((QUIET,), hunt={"overlap": "queue"})
    for name in "abcd":
        stage.runtime.config.hunts[name] = stage.runtime.config.hunts["weekly"]
        from scheduler.triggers import on_schedule

        on_schedule(stage.runtime, name, SUNDAY)
    seen: list[str] = []

    def look(runtime, hunt):
        seen.append(hunt.name)
        remaining(1)
        if hunt.name == "a":
            time.sleep(0.3)  # as long as the whole budget
            remaining(1)

    monkeypatch.setattr(following, "follow_hunt", look)
    for _ in range(2):
        with pytest.raises(DeadlineExceeded), within(0.25):
            following.follow_hunts(stage.runtime)
    assert seen == ["a", "b", "c", "d", "a"]
