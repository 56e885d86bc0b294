"""The screen "Hunts": whole requests, whole pages, over a real store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_MISSED
from shared.models.events import Event
from shared.models.hunts import Hunt, HuntState
from shared.models.severity import Severity
from shared.queues import items
from shared.storage import audit
from shared.storage.ports import StoreError
from tests.console.filling import HOSTILE, SUNDAY, add_run, capture, system
from tests.queue_items import decoded

FAILED = CaptureState.FAILED
TARGETS = [{"instance": system(1).instance, "region": "us-east-1"}]
HUNTS: dict[str, dict[str, Any]] = {
    "weekly": {
        "schedule": "cron(0 2 ? * SUN *)",
        "timezone": "Europe/Berlin",
        "skip_dates": ["2026-12-27"],
        "targets": TARGETS,
    },
    "sweep": {"targets": [{"tags": {"Team": "it"}, "regions": ["us-east-1"]}]},
    "once": {"schedule": "at(2026-01-31T02:00:00)", "targets": TARGETS},
}


@pytest.fixture
def console(make_console):
    return make_console(hunts=HUNTS)


def page_of(console, path="/hunts", role="administrator"):
    answer = console.get(path, role=role)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def test_nothing_is_configured_and_nothing_ran(make_console):
    page = page_of(make_console())
    assert "<h1>No hunt is defined yet</h1>" in page
    assert "huntbridge hunt plan" in page
    assert "No run is recorded" in page


def test_definitions_and_their_next_runs(console):
    page = page_of(console)
    assert "<h1>No hunt is running, the next starts in 7 days</h1>" in page
    assert "every Sunday at 02:00" in page
    assert "Sun 6 Dec, 02:00 CET" in page
    assert "not on 27 Dec 2026" in page
    assert "tag Team is it" in page
    assert "when started by hand" in page
    assert "The schedule of once has passed: it has no next run" in page


def test_runs_and_problems_first(console):
    add_run(console.runtime, [capture(1), capture(2, malicious=2)], at=SUNDAY - timedelta(days=7))
    failed = add_run(console.runtime, [capture(1), capture(2, FAILED, reason="no capacity")])
    skipped = add_run(
        console.runtime,
        [],
        name="sweep",
        state=HuntState.SKIPPED,
        reason="the hunt before it was still under way",
        project_id=None,
    )
    page = page_of(console)
    problems = page.partition('id="h-prob"')[2].partition('id="h-def"')[0]
    assert "1 of 2 captures of weekly failed" in problems
    assert "sweep did not start" in problems
    assert "The hunt before it was still under way" in problems
    assert f'action="/hunts/{failed.id}/retry"' in problems.replace("%40", "@").replace("%3A", ":")
    runs = page.partition('id="h-runs"')[2]
    assert runs.count('<a class="row"') == 3
    assert skipped.id in runs.replace("%40", "@").replace("%3A", ":")
    assert "did not start" in runs


def test_failures_of_an_earlier_run_are_no_problem_after_a_good_one(console):
    add_run(console.runtime, [capture(1, FAILED, reason="x"), capture(2)], at=SUNDAY - timedelta(days=1))
    add_run(console.runtime, [capture(1), capture(2)])
    page = page_of(console)
    assert "captures of weekly failed" not in page


def test_a_running_hunt(console):
    add_run(
        console.runtime,
        [capture(1), capture(2, CaptureState.RUNNING, stalled=True), capture(3, FAILED, reason="x")],
        state=HuntState.RUNNING,
    )
    page = page_of(console)
    assert "<h1>One hunt is running" in page
    assert f"The capture of {system(2).instance} in weekly makes no progress" in page
    assert "1 of 3 captures of weekly failed so far" in page
    assert '1 <span class="muted">of 3</span>' in page


def test_the_runs_of_one_hunt_page_by_page(console):
    for day in range(60):
        add_run(console.runtime, [capture(1)], at=SUNDAY - timedelta(days=day), project_id=day + 1)
    add_run(console.runtime, [capture(1)], name="sweep")
    first = page_of(console, "/hunts?hunt=weekly")
    runs = first.partition('id="h-runs"')[2]
    assert runs.count('<a class="row"') == 50
    following = runs.partition("Next page</a>")[0].rpartition('href="')[2].partition('"')[0]
    second = page_of(console, following.replace("&amp;", "&")).partition('id="h-runs"')[2]
    assert second.count('<a class="row"') == 10
    assert ">sweep</a>" not in first.partition("<tbody")[2].partition('id="h-runs"')[2]
    assert console.get("/hunts?page=wrong").status_code == 400


def test_a_hunt_is_started_once_however_often_the_form_is_sent(console):
    form = {"hunt": "sweep", "at": console.moment.isoformat()}
    for _ in range(2):
        answer = console.post("/hunts/start", role="responder", data=form)
        assert answer.status_code == 303
    page = console.get(answer.location, role="responder").get_data(as_text=True)
    assert "sweep was asked to start" in page
    (item,) = console.runtime.captures.claim(10, lease=60)
    asked = decoded(items.StartHunt, item.body).event
    assert asked["hunt"] == "sweep"
    assert asked["by"].startswith("Mara Lindqvist at the console")
    entries = list(audit.newest(console.runtime.store, console.moment))
    assert {(entry.action, entry.by) for entry in entries} == {("hunt run", "Mara Lindqvist")}


@pytest.mark.parametrize("at", ["2026-11-29T07:42:07+00:00", "0001-01-01T00:00:00+23:59", "no time"])
def test_an_old_or_wrong_form_starts_a_run_now(console, at):
    answer = console.post("/hunts/start", role="responder", data={"hunt": "sweep", "at": at})
    assert answer.status_code == 303
    (item,) = console.runtime.captures.claim(10, lease=60)
    asked = decoded(items.StartHunt, item.body).event
    assert asked["scheduled_at"] == console.moment.replace(microsecond=0).isoformat()


def test_no_hunt_is_started_while_another_run_is_under_way(console):
    running = add_run(console.runtime, [capture(1, CaptureState.RUNNING)], state=HuntState.RUNNING)
    console.runtime.ledger.hunts.take_turn(running)
    answer = console.post("/hunts/start", role="responder", data={"hunt": "weekly"})
    page = console.get(answer.location, role="responder").get_data(as_text=True)
    assert f"weekly was not started: {running.id} is under way; stop it" in page
    assert console.runtime.captures.depth().living == 0


def test_what_is_refused(console):
    assert console.post("/hunts/start", role="viewer", data={"hunt": "sweep"}).status_code == 403
    assert console.post("/hunts/start", data={"hunt": "unknown"}).status_code == 404
    assert console.post("/hunts/start", data={"hunt": "sweep"}, headers={}).status_code == 403
    assert console.runtime.captures.depth().living == 0
    assert "Run now…" not in page_of(console, role="viewer")


def test_a_console_that_only_reads(make_console):
    console = make_console(hunts=HUNTS, readonly="This console may only read.")
    assert "Run now…" not in page_of(console)
    answer = console.post("/hunts/start", data={"hunt": "sweep"})
    assert answer.status_code == 403
    assert "may only read" in answer.get_data(as_text=True)


def test_hostile_text_appears_only_escaped(make_console):
    console = make_console(hunts={"weekly": {**HUNTS["weekly"], "problems": [HOSTILE]}})
    add_run(console.runtime, [], state=HuntState.FAILED, reason=HOSTILE, trigger=HOSTILE)
    add_run(console.runtime, [capture(1)], name="<b>gone", at=SUNDAY - timedelta(days=1))
    page = page_of(console)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>gone" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 4


def test_a_store_that_does_not_answer(console, monkeypatch):
    def down(*_: object, **__: object) -> None:
        raise StoreError("the database cannot be read: disk I/O error")

    monkeypatch.setattr(type(console.runtime.store), "page", down)
    answer = console.get("/hunts")
    assert answer.status_code == 503
    assert "disk I/O error" in answer.get_data(as_text=True)


def test_a_run_that_nothing_started(console):
    """`scheduler.missed` raised its event, which the receiver has handled."""
    for at in (SUNDAY - timedelta(days=7), SUNDAY):  # an hour later in Berlin
        hunt = Hunt("weekly", at - timedelta(hours=1))
        event = Event(f"{HUNT_MISSED}:{hunt.id}", HUNT_MISSED, console.moment, hunt_id=hunt.id)
        console.runtime.ledger.events.record_routed(event, Severity.INFO, ["soc"])
    problems = page_of(console).partition('id="h-prob"')[2].partition('id="h-def"')[0]
    assert problems.count("weekly was not started") == 1  # the other is older than a week
    assert "Huntbridge did not run then" in problems


def test_a_run_of_an_earlier_version_has_no_totals(console):
    runtime = console.runtime
    runtime.ledger.hunts.open(Hunt("weekly", SUNDAY, systems=3))
    runtime.ledger.hunts.end(Hunt("weekly", SUNDAY).id, HuntState.FINISHED)
    assert "– of 3</span>" in page_of(console)
