"""What a finished hunt came to, beside the last one; and the chain of custody that an auditor files."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from receiver.messages.compose import compose
from scheduler import custody
from scheduler.report import report
from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState, Preserved
from shared.models.hunts import Hunt, HuntReport
from shared.models.severity import Severity
from shared.models.systems import System
from tests.scheduler.staging import ALARM, BAD, BROKEN, QUIET, SUNDAY


@pytest.fixture
def finished(stage):
    stage.runtime.ledger.instance_names.save(BAD.instance_id, "web|01")
    run(stage)
    return stage


def run(stage, at=SUNDAY):
    stage.start(at)
    stage.work()
    stage.forward(2 * 3600)
    stage.run_platform()
    stage.follow()
    return stage.runtime.ledger.hunts.of_name("weekly")[0]


def parts(stage) -> tuple[Hunt, HuntReport, list[Capture]]:
    hunt = stage.runtime.ledger.hunts.of_name("weekly")[0]
    captures = stage.runtime.ledger.captures.of_hunt(hunt.id)
    return hunt, report(stage.runtime.ledger, hunt, captures, "", stage.now()), captures


NAMES = {BAD.instance_id: "web|01"}


def test_the_page_names_everything_that_was_done(finished):
    page = custody.as_markdown(*parts(finished), NAMES, finished.now(), "https://cado.example")
    hunt = finished.hunt()
    assert hunt.trigger == "a request to the scheduler"
    assert len(hunt.config_hash) == 64
    for expected in (
        "# Chain of custody: hunt weekly, 2026-11-29 02:00:00Z",
        "| Identity | `weekly@2026-11-29T02:00:00Z` |",
        "| Asked for by | a request to the scheduler |",
        f"| Definition (SHA-256) | `{hunt.config_hash}` |",
        "| Project on the platform | 11 |",
        "| Platform | `https://cado.example` |",
        " | not searched |",
        "3 systems: 2 captured, 1 failed. 1 with alarms. 3 items of evidence are kept.",
        f"web\\|01 `{BAD.instance_id}` (eu-west-1) | full | 2026-11-29 02:00:00Z | 2026-11-29 04:00:00Z |",
        "6 malicious, 0 suspicious |",
        f"* `{BROKEN.instance_id}` (us-east-1): Error: Snapshot failed: the KMS key is disabled",
    ):
        assert expected in page
    assert re.search(r"\| processed \| 30\d, processing 30\d 30\d \| 6 malicious", page)
    kept = [line for line in page.splitlines() if "s3://" in line]
    assert len(kept) == 3
    assert all(len(line.split(" | ")[4]) == 66 for line in kept)  # a hash in backticks
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {3, 7, 8}


def test_the_table_has_a_line_for_each_disk(finished):
    hunt, _, captures = parts(finished)
    rows = list(csv.DictReader(io.StringIO(custody.as_csv(hunt, captures, NAMES))))
    assert [(row["instance"], row["state"], row["resource"]) for row in rows] == [
        (BAD.instance_id, "processed", "vol-0000000b1"),
        (BAD.instance_id, "processed", "vol-0000000b2"),
        (QUIET.instance_id, "processed", "vol-0000000a1"),
        (BROKEN.instance_id, "failed", ""),
    ]
    assert all(row["disk_hash"] and row["preserved_at"].startswith("s3://") for row in rows[:3])


def test_a_spreadsheet_meets_no_formula_and_a_page_no_markup():
    hunt = Hunt("weekly", SUNDAY)
    evil = Capture(
        hunt.id,
        System("i-0aaaaaaaaaaaaaaa1", "us-east-1"),
        CaptureState.FAILED,
        reason="=HYPERLINK(1)\n[x](http://evil) `|` <img src=x>",
        preserved=(Preserved(1, "@vol|`", 1, "+1", "-1"),),
    )
    (row,) = csv.DictReader(io.StringIO(custody.as_csv(hunt, [evil], {})))
    assert [row[key][:2] for key in ("reason", "resource", "disk_hash", "preserved_at")] == [
        "'=", "'@", "'+", "'-"
    ]  # fmt: skip
    summary = HuntReport("weekly", SUNDAY, None, systems=1, failed=1)
    page = custody.as_markdown(hunt, summary, [evil], {}, SUNDAY, "https://cado.example")
    assert "\\[x\\](http://evil) \\`\\|\\` \\<img src=x\\>" in page
    assert "`@vol¦'`" in page


def test_no_cell_is_a_formula_whatever_a_spreadsheet_separates_cells_at():
    hunt = Hunt("weekly", SUNDAY)
    names = {"i-0aaaaaaaaaaaaaaa1": "web;=cmd|'/C calc'!A1"}
    evil = Capture(
        hunt.id,
        System("i-0aaaaaaaaaaaaaaa1", "us-east-1"),
        CaptureState.FAILED,
        reason='a\t=1;"=2,+3',
        preserved=(Preserved(1, ";@vol", 1, "a,-1", "x; \uff1d1"),),
    )
    text = custody.as_csv(hunt, [evil], names)
    for delimiter in ",;\t|":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            assert not [cell for cell in row if re.match(r"\s*[=+\-@\uff1d]", cell)], delimiter


def test_json_has_all_of_it(finished):
    body = json.loads(custody.as_json(*parts(finished)))
    assert body["hunt"]["id"] == "weekly@2026-11-29T02:00:00Z"
    assert body["report"]["captured"] == 2
    assert [len(capture["preserved"]) for capture in body["captures"]] == [2, 1, 0]


def test_the_digest_says_what_is_new_since_the_last_hunt(make_stage):
    stage = make_stage((QUIET, BAD))
    run(stage)
    (first,) = stage.events()
    assert (first.report.since, first.report.new_alarms, first.report.covered) == (None, 0, 2)
    world = stage.platform.world
    key = ("Default", BAD.region, BAD.instance_id)
    worse = replace(ALARM, count=5)
    world.fleet[key] = replace(BAD, volumes=(replace(BAD.volumes[0], alarms=(worse,)), BAD.volumes[1]))
    run(stage, SUNDAY + timedelta(days=7))
    (event,) = stage.events()
    report = event.report
    assert (report.since, report.new_alarms, report.new_with) == (SUNDAY, 2, 1)
    assert report.slowest_seconds == 7200
    message = compose(Alarm(event, Severity.MALICIOUS))
    new = message.lines[0]
    assert new.group == "New since the hunt of 2026-11-29 02:00 UTC: 2 alarms on 1 system"
    assert new.text.endswith("8 malicious on 2 disks, 2 of them new")
    facts = {fact.label: fact.value for fact in message.facts}
    assert facts["Coverage"] == "2 of 2 systems (100 %) captured in the last 30 days"
    assert facts["Slowest"].endswith("2 h 0 min")


def test_what_was_captured_long_ago_is_not_covered(make_stage):
    stage = make_stage((QUIET, BAD))
    run(stage)
    stage.forward(31 * 24 * 3600)
    _, summary, _ = parts(stage)
    assert summary.covered == 0
