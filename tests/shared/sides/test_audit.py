"""The audit log keeps who did what, on every side. Entries are never changed or deleted."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from shared.config.config import Config
from shared.hosting.log import sentence
from shared.models.decisions import Action, CaseDecision
from shared.storage import audit
from shared.storage.audit import Entry
from shared.storage.queries.audit import AuditQueries
from shared.storage.queries.pages import BadToken

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def entry(at=NOON, **fields):
    given = {"by": "ada", "origin": "the command line on soc-1", "about": "2 of deliveries"} | fields
    return Entry(at, audit.DEAD_RETRY, **given)


def configuration(**settings):
    return Config.model_validate(
        {
            "platform": {"url": "https://cado.example", "api_key": "env:API_KEY"},
            "destinations": {
                "siem": {"type": "webhook", "url": "https://siem.example/s3cr3t", "secrets": ["env:S"]}
            },
            "default": ["siem"],
        }
        | settings
    )


def test_entries_are_read_newest_first_over_the_months(side):
    for days in (0, 40, 1):
        audit.record(side.store, entry(NOON - timedelta(days=days)), "one")
    entries = list(audit.newest(side.store, NOON))
    assert [entry.at for entry in entries] == [NOON - timedelta(days=days) for days in (0, 1, 40)]
    assert entries[0] == entry()


def test_a_repeat_adds_nothing_and_changes_nothing(side):
    audit.record(side.store, entry(), "one")
    audit.record(side.store, entry(by="mallory"), "one")
    audit.record(side.store, entry(by="bob"), "two")
    assert sorted(added.by for added in audit.newest(side.store, NOON)) == ["ada", "bob"]


def test_each_entry_is_a_line_of_the_log(side, caplog):
    caplog.set_level(logging.INFO)
    audit.record(side.store, entry(before={"dead": ["e1:soc"]}), "one")
    audit.record(side.store, entry(), "one")
    (line,) = [sentence(record) for record in caplog.records if record.name == "shared.storage.audit"]
    assert line == (
        'audit entry action="dead retry" about="2 of deliveries" by=ada origin="the command line on soc-1" '
        r'before="{\"dead\": [\"e1:soc\"]}" after={}'
    )


def test_hostile_and_endless_texts_are_kept_short(side):
    ids = [f"e{number}" * 1_000 for number in range(10_000)]
    audit.record(side.store, entry(by="a\u202e\nb" * 1_000, before={"dead": ids}), "one")
    (added,) = audit.newest(side.store, NOON)
    assert len(added.by) <= 300
    assert "\u202e" not in added.by
    assert len(added.before["dead"]) == 101
    assert added.before["dead"][-1] == "… 9900 more"


@pytest.mark.parametrize(
    ("slack", "by"), [("U012AB3CD", "Ada (Slack user U012AB3CD)"), ("", "Ada")], ids=["slack", "command"]
)
def test_an_acknowledgement_is_recorded_once(side, slack, by):
    decision = CaseDecision("click-1", Action.ACKNOWLEDGE, "Ada", NOON, "Slack", slack)
    for _ in range(2):
        audit.decided(side.store, "project/3", decision)
    (added,) = audit.newest(side.store, NOON)
    assert (added.action, added.about, added.by, added.origin) == ("ack", "project/3", by, "Slack")


def test_what_changed_in_the_configuration_is_named(side):
    def load(at, **settings):
        audit.configuration_loaded(side.store, configuration(**settings), "ada", "serve on soc-1", at)
        return list(audit.newest(side.store, NOON + timedelta(hours=5)))

    (first,) = load(NOON)
    assert (first.action, first.by) == ("configuration", "ada")
    assert "s3cr3t" not in str(first)
    assert len(load(NOON + timedelta(hours=1))) == 1  # nothing changed
    changed, _ = load(NOON + timedelta(hours=2), follow={"interval": 5}, owner_tag="Team")
    assert changed.before == {"follow.interval": None, "owner_tag": None}
    assert changed.after == {"follow.interval": "5.0", "owner_tag": '"Team"'}
    moved = {"siem": {"type": "webhook", "url": "https://siem.example/0ther", "secrets": ["env:S"]}}
    changed = load(NOON + timedelta(hours=3), destinations=moved, follow={"interval": 5}, owner_tag="Team")[0]
    assert list(changed.after) == ["destinations.siem.url"]
    assert "0ther" not in str(changed)
    assert changed.before != changed.after


def test_the_log_is_read_page_by_page(side):
    """Months with and without entries, to the last one."""
    days = (0, 1, 1, 2, 40, 250, 251, 600)
    for number, back in enumerate(days):
        audit.record(side.store, entry(NOON - timedelta(days=back), about=str(number)), str(number))
    queries = AuditQueries(side.store, lambda: NOON)
    found: list[Entry] = []
    page, pages = "", 0
    while True:
        rows = queries.newest(limit=3, page=page)
        assert len(rows.rows) <= 3
        found += rows.rows
        page, pages = rows.next, pages + 1
        if not page:
            break
    assert sorted(each.about for each in found) == [str(number) for number in range(len(days))]
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    assert pages < 12


def test_a_page_of_another_list_is_refused(side):
    queries = AuditQueries(side.store, lambda: NOON)
    for page in ("x", "eyJhIjoxfQ"):
        with pytest.raises(BadToken):
            queries.newest(page=page)
