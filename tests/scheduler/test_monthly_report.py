"""The monthly report: raised once a month, and sent where its section says."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from receiver.events.route import route
from receiver.messages.compose import compose
from scheduler import monthly_report
from scheduler.monthly_report import send_monthly_report
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.alarms import Alarm
from shared.models.codec import load as load_model
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.storage.queries.coverage import CoverageSummary
from shared.storage.queries.report import CaseFigures, Report

CONFIG = """\
platform: {url: "https://cado.example", api_key: env:KEY}
destinations:
  soc: {type: slack, webhook_url: env:SLACK}
  office: {type: teams, webhook_url: env:TEAMS}
report: {to: office}
default: soc
"""
ENVIRON = {"KEY": "k", "SLACK": "https://hooks.slack.com/services/T/B/X", "TEAMS": "http://127.0.0.1:9/x"}


def figures(queries, now, weeks):
    cases = CaseFigures(5, {"benign": 3}, 2, 0, 1, 600.0, None)
    return Report(now, now, weeks, (), CoverageSummary(9, 10), cases, (), ())


@pytest.fixture
def month(tmp_path, monkeypatch):
    """Runs the job on a day, and returns the events that it raised."""
    monkeypatch.setattr(monthly_report, "report", figures)
    (tmp_path / "huntbridge.yaml").write_text(CONFIG)
    config = load(str(tmp_path / "huntbridge.yaml"), ENVIRON)
    made = runtime.local(config, tmp_path / "data", ENVIRON)

    def run(year, month, day):
        made.now = lambda: datetime(year, month, day, 9, tzinfo=UTC)
        send_monthly_report(made)
        claimed = made.events.claim(10, lease=60)
        assert all(made.events.done(item) for item in claimed)
        raised = [items.decode(item.body) for item in claimed]
        return [load_model(Event, each.event) for each in raised if isinstance(each, items.OwnEvent)]

    return SimpleNamespace(run=run, runtime=made)


def test_a_new_installation_sends_its_first_report_in_its_second_month(month):
    assert month.run(2026, 11, 29) == []
    assert month.run(2026, 11, 30) == []
    (event,) = month.run(2026, 12, 1)
    assert event.id == "report:2026-12"
    assert month.run(2026, 12, 2) == []
    assert [event.id for event in month.run(2027, 1, 1)] == ["report:2027-01"]


def test_it_goes_where_its_section_says_with_a_line_for_each_figure(month):
    month.run(2026, 11, 29)
    (event,) = month.run(2026, 12, 1)
    alarm = Alarm(event, Severity.INFO)
    assert route(alarm, month.runtime.config) == ["office"]
    message = compose(alarm, month.runtime.config)
    assert message.title == "Threat hunts, 01 December 2026 to 01 December 2026"
    assert message.summary == "1 malicious case is not acknowledged; 1 system is not covered"
    lines = [line.text for line in message.lines]
    assert "Cases closed as benign: 3" in lines
    assert "Median time until acknowledged: 10 min" in lines


def test_without_the_section_nothing_is_raised(month):
    month.run(2026, 11, 29)
    month.runtime.config = month.runtime.config.model_copy(update={"report": None})
    assert month.run(2026, 12, 1) == []
