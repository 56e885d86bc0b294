"""What the workers store is what the questions of the read model answer: webhooks in, rows out."""

from __future__ import annotations

from dataclasses import replace

from shared.models.alarms import Alarm
from shared.models.captures import Capture
from shared.models.cases import CaseState
from shared.models.coverage import Outcome
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage import kinds
from tests.receiver.conftest import Enricher

WEB_01 = "i-0aaaaaaaaaaaaaaa1"


def test_a_webhook_is_an_event_with_its_title_and_its_system(stage):
    id = stage.receive()
    stage.run()
    (row,) = stage.runtime.queries.events.list().rows
    assert (row.id, row.title, row.name) == (id, "5 alarms on web-01 (i-0aaaaaaaaaaaaaaa1)", "web-01")
    assert row.system_key.endswith(f"/{WEB_01}")
    assert row.project_id == 3
    assert row.to == ("soc", "office")
    ask = stage.runtime.queries.events
    assert [each.id for each in ask.list(system=row.system_key).rows] == [id]
    assert [each.id for each in ask.list(case=row.case).rows] == [id]
    deliveries = stage.runtime.queries.deliveries.list(system=row.system_key).rows
    assert {(each.destination, each.state.value) for each in deliveries} == {
        ("soc", "delivered"),
        ("office", "delivered"),
    }


def test_a_case_is_opened_acknowledged_and_counted(make_world):
    world = make_world()
    world.alarm()
    opened_at = world.stage.moment
    ask = world.stage.runtime.queries
    (case,) = ask.cases.open().rows
    assert case.title == "5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert (case.state, case.severity, case.alarms) == (CaseState.OPEN, Severity.MALICIOUS, 1)
    assert case.opened_at <= opened_at
    assert case.system
    assert case.system.instance == WEB_01
    world.click()
    world.alarm(9)
    (case,) = ask.cases.open(owner="ada").rows
    assert (case.state, case.acknowledged_by, case.alarms) == (CaseState.ACKNOWLEDGED, "ada", 2)
    assert case.title == "9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert case.last_at > case.opened_at
    assert ask.cases.open(owner="").rows == ()
    assert ask.cases.counts().acknowledged[Severity.MALICIOUS] == 1
    happened = ask.cases.timeline(case.key).rows
    kinds = [entry.event.kind for entry in happened if entry.event]
    assert kinds == ["high_severity_alarm", "acknowledged", "high_severity_alarm"]
    (decision,) = [entry.audit for entry in happened if entry.audit]
    assert decision.by.startswith("ada")
    assert any(entry.delivery for entry in happened)


def test_an_alarm_that_is_handled_again_counts_once(stage):
    id = stage.receive()
    (item,) = stage.runtime.events.claim(lease=60)
    stage.work.event(item)
    stage.runtime.store.delete(kinds.EVENT, id, "routed")  # as if the worker had died before it wrote this
    stage.work.event(item)
    (case,) = stage.runtime.queries.cases.open().rows
    assert case.alarms == 1


def test_an_alarm_of_a_captured_system_shows_in_its_week(stage):
    system, hunt = System(WEB_01, "us-east-1"), "weekly@2026-11-22T02:00:00Z"

    class OfCapture(Enricher):
        def enrich(self, event: Event) -> Alarm:
            return replace(super().enrich(event), capture=Capture(hunt, system), system=system)

    stage.enricher = OfCapture()
    stage.work = stage.worker()
    stage.receive()
    stage.run()
    (row,) = stage.runtime.queries.coverage.systems().rows
    assert row.system == system
    assert row.weeks[-1].outcome is Outcome.UNKNOWN  # the webhook does not say how severe its alarms are
