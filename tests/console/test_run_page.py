"""The screen of one run: whole requests, whole pages, over a real store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.models.captures import CaptureState
from shared.models.hunts import HuntState
from shared.models.vulnerabilities import FoundVulnerabilities, SystemVulnerabilities, Vulnerability
from shared.platform.errors import Unavailable
from shared.storage import audit
from shared.storage.ports import StoreError
from tests.console.filling import HOSTILE, add_run, capture, kept, system

FAILED, RUNNING, REQUESTED, PLANNED = (
    CaptureState.FAILED,
    CaptureState.RUNNING,
    CaptureState.REQUESTED,
    CaptureState.PLANNED,
)
HUNTS = {
    "weekly": {
        "schedule": "cron(0 2 ? * SUN *)",
        "timezone": "Europe/Berlin",
        "targets": [{"instance": system(1).instance, "region": "us-east-1"}],
    }
}


def test_vulnerabilities_of_a_run(console):
    hunt = add_run(console.runtime, [capture(1)], names=["web-01"])
    assert "Vulnerabilities" not in page_of(console, hunt)
    row = Vulnerability("CVE-2026-0001", "critical", HOSTILE, "1.0", "1.1", in_use=True)
    found = FoundVulnerabilities(critical=1, in_use=1, systems=1, new=1, since=hunt.scheduled_at)
    weak = SystemVulnerabilities(system(1), critical=1, in_use=1, new=1, rows=(row,), ids=(row.id,))
    console.runtime.ledger.vulnerabilities.save(hunt.id, found, [weak])
    page = page_of(console, hunt).partition('id="h-vul"')[2].partition("</section>")[0]
    assert "1 critical and 0 high on 1 system, 1 of them in packages in use, 1 new since" in page
    for text in ("web-01", "CVE-2026-0001", "mended in 1.1", "<b>in use</b>", "&lt;script&gt;"):
        assert text in page
    assert "<script>" not in page


@pytest.fixture
def console(make_console):
    return make_console(hunts=HUNTS)


def page_of(console, hunt, role="administrator", query=""):
    answer = console.get(f"/hunts/{hunt.id}{query}", role=role)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def test_a_finished_run(console):
    hunt = add_run(
        console.runtime,
        [
            capture(1, evidence_ids=(4,), preserved=kept(4)),
            capture(2, malicious=7, suspicious=5),
            capture(3, FAILED, reason=f"no access to {system(3).instance}"),
            capture(4, FAILED, reason=f"no access to {system(4).instance}", attempt=2),
            capture(5, reason="1 of 2 volumes: it is encrypted"),
        ],
        names=["web-01", "web-02", "db-02"],
        trigger="hunt run by Priya at the command line on ops-1",
        left_out=("3 systems: tag Hunt is skip",),
        problems=("targets[1]: no such region",),
    )
    page = page_of(console, hunt)
    assert "<h1>weekly captured 3 of 5 systems, 2 failed</h1>" in page
    assert "Sun 29 Nov, 03:00 CET" in page  # 02:00 UTC by the clocks of the hunt
    assert "started by Priya" in page
    assert "2: no access to the instance" in page  # the reasons differ by the instance only
    assert "db-02 (<code>" in page
    assert "2 attempts" in page
    assert "3 systems: tag Hunt is skip" in page
    assert "targets[1]: no such region" in page
    assert page.index("web-02") < page.index("web-01")  # problems first
    assert 'https://cado.acme.example/projects/118" rel="noreferrer' in page
    assert "Retry 2 failed…" in page
    assert "Stop…" not in page
    assert "8<small>GiB</small>" in page


def test_a_running_run(console):
    hunt = add_run(
        console.runtime,
        [
            capture(1),
            capture(2, RUNNING, progress="pipelines: 1 running; 61 steps done", stalled=True),
            capture(3, REQUESTED),
            capture(4, PLANNED),
        ],
        state=HuntState.RUNNING,
    )
    page = page_of(console, hunt)
    assert "<h1>weekly is running: 1 of 4 systems done</h1>" in page
    for outcome in ("<b>1</b> clean", "<b>1</b> stalled", "<b>1</b> requested", "<b>1</b> planned"):
        assert outcome in page
    assert "61 steps done" in page
    assert "Stop…" in page
    assert "Retry" not in page


def test_a_run_that_has_not_begun(console):
    hunt = add_run(console.runtime, [capture(1, PLANNED)], state=HuntState.PLANNED, project_id=None)
    assert "weekly has not begun: its project is not open yet" in page_of(console, hunt)


def test_a_run_without_systems(console):
    hunt = add_run(console.runtime, [], state=HuntState.SKIPPED, reason="the one before it was under way")
    page = page_of(console, hunt)
    assert "<h1>weekly did not start</h1>" in page
    assert "the one before it was under way" in page
    assert "This run has no systems" in page


def test_systems_come_page_by_page(console):
    hunt = add_run(console.runtime, [capture(number) for number in range(1, 131)])
    first, second = page_of(console, hunt), page_of(console, hunt, query="?page=100")
    assert system(100).instance in first
    assert system(101).instance not in first.partition('id="h-sys"')[2]
    assert system(101).instance in second
    assert f'href="/hunts/{hunt.id}?page=100">Next page' in first.replace("%40", "@").replace("%3A", ":")
    assert "Next page" not in second
    assert console.get(f"/hunts/{hunt.id}?page=x").status_code == 400


def test_an_unknown_run(console):
    answer = console.get("/hunts/weekly@2026-01-01T00:00:00Z")
    assert answer.status_code == 404
    assert "no such run" in answer.get_data(as_text=True)


def test_a_viewer_sees_no_buttons_and_cannot_act(console):
    hunt = add_run(
        console.runtime, [capture(1, FAILED, reason="x"), capture(2, RUNNING)], state=HuntState.RUNNING
    )
    page = page_of(console, hunt, role="viewer")
    assert "Stop…" not in page
    assert "Retry" not in page
    for action in ("stop", "retry"):
        assert console.post(f"/hunts/{hunt.id}/{action}", role="viewer").status_code == 403
    assert console.runtime.ledger.hunts.get(hunt.id).stopped_by == ""


def test_a_run_is_stopped(console):
    hunt = add_run(console.runtime, [capture(1, PLANNED), capture(2)], state=HuntState.RUNNING)
    answer = console.post(f"/hunts/{hunt.id}/stop", role="responder")
    assert answer.status_code == 303
    page = console.get(answer.location, role="responder").get_data(as_text=True)
    assert f"{hunt.id} is stopped: 1 capture will not be requested" in page
    assert "stopped by Mara Lindqvist" in page
    (entry,) = audit.newest(console.runtime.store, console.moment)
    assert (entry.action, entry.by, entry.about) == ("hunt stop", "Mara Lindqvist", hunt.id)
    assert entry.origin.startswith("the console")
    again = console.post(f"/hunts/{hunt.id}/stop", role="responder")
    assert "Nothing was stopped: hunt" in console.get(again.location, role="responder").get_data(as_text=True)


def test_a_retry_while_the_platform_is_away_changes_nothing(console):
    hunt = add_run(console.runtime, [capture(1, FAILED, reason="no capacity")], project_id=118)
    console.runtime.__dict__["_retrying_platform"] = _Away()
    answer = console.post(f"/hunts/{hunt.id}/retry", role="responder")
    page = console.get(answer.location, role="responder").get_data(as_text=True)
    assert "Nothing was requested again: the platform does not answer" in page
    assert console.runtime.ledger.hunts.get(hunt.id).over


def test_a_retry_without_failures_is_refused(console):
    hunt = add_run(console.runtime, [capture(1)])
    answer = console.post(f"/hunts/{hunt.id}/retry", role="responder")
    page = console.get(answer.location, role="responder").get_data(as_text=True)
    assert "nothing failed in hunt" in page


@pytest.mark.parametrize("form", ["md", "csv", "json"])
def test_the_custody_report(console, form):
    hunt = add_run(console.runtime, [capture(1, preserved=kept(4))], names=["web-01"])
    answer = console.get(f"/hunts/{hunt.id}/custody.{form}")
    assert answer.status_code == 200
    assert system(1).instance in answer.get_data(as_text=True)
    assert f'.{form}"' in answer.headers["Content-Disposition"]


def test_hostile_text_appears_only_escaped(console):
    hunt = add_run(
        console.runtime,
        [
            capture(1, FAILED, reason=HOSTILE),
            replace(capture(2, RUNNING, progress=HOSTILE), system=replace(system(2), region=HOSTILE)),
        ],
        state=HuntState.RUNNING,
        names=[HOSTILE, HOSTILE],
        trigger=HOSTILE,
        reason=HOSTILE,
        problems=(HOSTILE,),
        left_out=(HOSTILE,),
    )
    page = page_of(console, hunt)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "{{7*7}}" in page
    assert page.count("&lt;script&gt;alert(1)") >= 7


def test_a_store_that_does_not_answer(console, monkeypatch):
    def down(*_: object, **__: object) -> None:
        raise StoreError("the database cannot be read: disk I/O error")

    for read in ("get", "read_many"):
        monkeypatch.setattr(type(console.runtime.store), read, down)
    answer = console.get("/hunts/weekly@2026-11-29T02:00:00Z")
    assert answer.status_code == 503
    assert "disk I/O error" in answer.get_data(as_text=True)


class _Away:
    """A platform that does not answer."""

    def project(self, project_id: int) -> None:
        raise Unavailable("the platform does not answer", retryable=True)
