"""`huntbridge known`, `huntbridge why` and what `cases close` makes known good."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from cli.main import main
from receiver.assemble import handlers
from shared.models.fingerprints import fingerprint
from shared.queues import items
from shared.queues.worker import work
from shared.storage import audit
from tests.cli.conftest import Side
from tests.receiver.cases.test_deciding import MINER, SYSTEM, Enricher, found
from tests.receiver.conftest import Tool

CASE = f"system/{SYSTEM}/1"
CLOSE = ("cases", "close", CASE, "--by", "Ada", "--verdict", "benign", "--why", "the nightly backup")
SURE = (*CLOSE, "--yes")


class Hunts:
    """Alarms of one system, handled as `serve` handles them, and commands."""

    def __init__(self, side: Side) -> None:
        self.runtime, self.environ = side
        self.enricher, self.slack = Enricher(), Tool("slack")
        self.work = handlers(self.runtime, self.enricher, {"slack": self.slack})

    def drain(self) -> None:
        while work(self.runtime.events, self.work.event, lease=60) or work(
            self.runtime.deliveries, self.work.delivery, lease=60
        ):
            pass

    def find(self, number: int, *findings) -> str:
        """The id of the event."""
        self.enricher.findings = findings
        body = (
            '{"event": "processing_with_alarms", "title": "ALARMS", '
            f'"message": "1 alarms in project id {number} evidence id {number}"}}'
        ).encode()
        id = self.runtime.events.put(items.encode(items.Webhook(body, self.runtime.now())))
        self.drain()
        return id

    def run(self, *arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, list(arguments), env=self.environ, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output


@pytest.fixture
def hunts(empty_side: Side) -> Hunts:
    return Hunts(empty_side)


@pytest.fixture
def closed(hunts: Hunts) -> Hunts:
    hunts.find(1, MINER, found())
    hunts.run(*SURE)
    hunts.drain()
    return hunts


def entry_of(hunts: Hunts) -> str:
    entries = json.loads(hunts.run("known", "list", "--json"))["entries"]
    id: str = entries[0]["entry"]["id"]
    return id


def test_a_withheld_event_is_explained(closed):
    event = closed.find(2, found())
    said = closed.run("why", event)
    assert "No message: all its findings are withheld." in said
    assert "suspicious  PUA.NetTool at /opt/backup/nc" in said
    assert "withheld: known good" in said
    assert f"entry {entry_of(closed)} of Ada until " in said
    assert "the nightly backup" in said
    judgement = json.loads(closed.run("why", event, "--json"))["judgement"]
    assert judgement["findings"][0]["by"] == entry_of(closed)


def test_a_told_event_is_explained_with_what_did_not_cover_it(closed):
    event = closed.find(2, found(count=20))
    said = closed.run("why", event)
    assert "Told at slack." in said
    assert "it is told, since there are 20 alarms now, and 2 when it was judged" in said


def test_an_event_of_which_nothing_is_new_is_explained(hunts):
    hunts.find(1, found())
    said = hunts.run("why", hunts.find(2, found()))
    assert f"No new message: nothing is new about the open case {CASE} (second hunt)." in said
    assert "not told again: its case is open, and it was told there" in said


def test_the_entries_are_listed_and_shown(closed):
    closed.find(2, found())
    listed = closed.run("known", "list").splitlines()
    assert listed[0].split() == ["Entry", "Until", "Hits", "Findings", "Where", "By", "Why"]
    assert "1: PUA.NetTool" in listed[1]
    assert f"on {SYSTEM}" in listed[1]
    said = closed.run("known", "show", entry_of(closed))
    assert "benign, by Ada on " in said
    assert "hits: 1" in said
    assert "it covers 2 findings in 2 of 3 events of the last 30 days, on 1 system" in said
    mark = fingerprint("PUA.NetTool", "/opt/backup/nc").id
    assert f"suspicious  PUA.NetTool at /opt/backup/nc (2 alarms)  [{mark}]" in said


def test_an_entry_is_ended_and_its_findings_are_told_again(closed):
    id = entry_of(closed)
    said = closed.run("known", "end", id, "--by", "Bob", "--why", "the backup moved")
    assert said == f"Bob has ended the entry {id}: 1 finding on {SYSTEM} will be told again\n"
    assert "Told at slack." in closed.run("why", closed.find(2, found()))
    entries = audit.newest(closed.runtime.store, closed.runtime.now())
    ended = next(entry for entry in entries if entry.action == audit.KNOWN_GOOD_END)
    assert (ended.by, ended.after["why"]) == ("Bob", "the backup moved")
    assert f"Bob has ended the known-good entry {id} already" in closed.run(
        "known", "end", id, "--by", "Ada", code=1
    )


def test_a_dry_run_shows_what_would_be_known_good_and_closes_nothing(hunts):
    hunts.find(1, MINER, found())
    said = hunts.run(*CLOSE, "--scope", "everywhere", "--dry-run")
    assert f"{CASE}: known good everywhere until " in said
    assert "suspicious  PUA.NetTool at /opt/backup/nc" in said
    mark = fingerprint(MINER.description, MINER.path).id
    assert f"  not known good: malicious  {MINER.description} at {MINER.path}  [{mark}]" in said
    assert "it covers 1 finding in 1 of 1 event of the last 30 days, on 1 system" in said
    assert hunts.run("known", "list") == "nothing is known good\n"


def test_a_malicious_finding_is_known_good_if_it_is_named(hunts):
    event = hunts.find(1, MINER)
    mark = fingerprint(MINER.description, MINER.path).id
    assert f"[{mark}]" in hunts.run("why", event)
    for close in (CLOSE, SURE):
        assert "no finding of these cases has this fingerprint" in hunts.run(
            *close, "--malicious", f"{mark}0", code=2
        )
    hunts.run(*SURE, "--malicious", mark, "--until", "30d")
    end = datetime.now(UTC) + timedelta(days=30)
    assert f"until {end:%Y-%m-%d}" in hunts.run("known", "show", entry_of(hunts))
    hunts.drain()
    assert "withheld: known good" in hunts.run("why", hunts.find(2, MINER))


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (("--scope", "planet"), "write system, hunt, KEY=VALUE or everywhere"),
        (("--scope", "hunt"), "this case belongs to no hunt"),
        (("--scope", "=x"), "write it as KEY=VALUE"),
        (("--until", "2020-01-01"), "is not in the future"),
        (("--until", "2099-01-01"), "choose an earlier date"),
        (
            ("--verdict", "true_positive", "--scope", "everywhere"),
            "need the verdict benign or false_positive",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused_in_words(hunts: Hunts, options, refusal):
    hunts.find(1, found())
    check: Callable[..., str] = hunts.run
    assert refusal in check(*CLOSE, *options, code=2)
    assert refusal in check(*SURE, *options, code=2)
    assert refusal in check(*CLOSE, *options, "--dry-run", code=2)


def test_what_becomes_known_good_is_shown_first(hunts, monkeypatch):
    """A script says that it need not be shown."""
    hunts.find(1, MINER, found())
    said = hunts.run(*CLOSE, code=2)
    assert "with --yes the command does not ask" in said
    assert "suspicious  PUA.NetTool at /opt/backup/nc" in said
    assert f"  not known good: malicious  {MINER.description} at " in said
    assert "Close 1 case as benign?" in said
    assert hunts.runtime.ledger.cases.get(CASE).closure is None
    monkeypatch.setattr("cli.confirm.click.confirm", lambda _: True)
    assert "Ada has closed" in hunts.run(*CLOSE)


def test_what_came_since_it_was_shown_is_not_made_known_good(hunts, monkeypatch):
    hunts.find(1, found())
    another = found(path="/opt/another/nc")
    monkeypatch.setattr("cli.confirm.click.confirm", lambda _: hunts.find(2, found(), another) or True)
    said = hunts.run(*CLOSE, code=1)
    assert "the case has other findings since you were shown them: look at them first" in said
    assert hunts.runtime.ledger.cases.get(CASE).closure is None
    hunts.run(*SURE)
    assert entry_of(hunts)
    assert json.loads(hunts.run("known", "list", "--json"))["entries"][0]["entry"]["findings"][1:]


def test_a_case_shows_the_findings_of_all_its_alarms(hunts):
    hunts.find(1, MINER)
    hunts.find(2, found())
    shown = hunts.run("cases", "show", CASE)
    assert f"{MINER.description} (malicious) {MINER.path}" in shown
    assert "PUA.NetTool (suspicious) /opt/backup/nc" in shown
    assert shown.count("PUA.NetTool") == 1


def test_nobody_is_asked_if_nothing_becomes_known_good(hunts):
    hunts.find(1, MINER)
    assert "Ada has closed" in hunts.run(*CLOSE)
