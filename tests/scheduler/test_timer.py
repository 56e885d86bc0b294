"""The timer's jobs: each has its time and its failures to itself, and one that fails for long is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import yaml

from scheduler import timer
from scheduler.timer import JOBS, Job, Jobs
from shared.http.deadlines import DeadlineExceeded, remaining
from shared.storage.ports import StoreError


@pytest.fixture
def done(monkeypatch):
    """The jobs that were done, instead of real ones; `fails` says of some what they do."""
    names: list[str] = []
    fails: dict[str, Callable[[], object]] = {}

    def job(name, budget):
        def run(_):
            fails.get(name, lambda: None)()
            names.append(name)

        return Job(name, run, budget)

    monkeypatch.setattr(timer, "JOBS", tuple(job(real.name, 1.0) for real in JOBS))
    monkeypatch.setattr(timer, "_GRACE", 0.05)
    return names, fails


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
    assert (
        stage.runtime.ledger.notes.get("job", "watch")["reason"] == "the previous run of this job still hangs"
    )
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
    budgets: dict[str, float] = {}
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


# Long work in a short time
