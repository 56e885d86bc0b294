"""`huntbridge export` and `erase`, on both sides: no byte of what was erased is left, and the rest stays."""

from __future__ import annotations

import gc
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.storage import Known, Sink
from cli.main import main
from receiver.assemble import case_decisions, handlers
from shared.config.config import Config
from shared.hosting import runtime
from shared.local import packing
from shared.local.data_directory import sole_server
from shared.local.inbox import Inbox, Record
from shared.models.captures import Capture, CaptureState
from shared.models.decisions import Verdict
from shared.models.hunts import Hunt, HuntState
from shared.models.people import Person
from shared.models.systems import System
from shared.queues import items
from shared.queues.worker import work
from shared.storage import audit, kinds
from tests.cli.conftest import Side

ADA = Person("ada", "a test")
ERASED, KEPT = 11, 12  # numbers of projects, by which `Known` names systems
CONFIG = """\
platform: {url: "https://cado.example", api_key: env:API_KEY}
destinations: {soc: {type: slack, webhook_url: env:SLACK_WEBHOOK_URL, pace: 10000}}
default: [soc]
"""


def system(number: int) -> System:
    return System(f"i-{number:017x}", "us-east-1", "123456789012")


def traces(number: int) -> list[str]:
    """What identifies a system and its events."""
    return [
        system(number).instance,
        f"vol-{number:017x}",
        f"shop-{number}.acme.example",
        f"172.16.{number}.{number}",
    ]


class World:
    """Two systems with alarms, closed cases, a hunt, dead items and what people decided."""

    def __init__(self, side: Side, folder: Path) -> None:
        made, self.environ = side
        (folder / "huntbridge.yaml").write_text(CONFIG)
        self.environ = self.environ | {"HUNTBRIDGE_CONFIG": str(folder / "huntbridge.yaml")}
        made.config = Config.model_validate(
            {
                "platform": {"url": "https://cado.example", "api_key": "env:API_KEY"},
                "destinations": {"soc": {"type": "slack", "webhook_url": "env:API_KEY", "pace": 10_000}},
                "default": ["soc"],
            }
        )
        self.made = made
        enricher = Known(made.ledger, None, None, made.config)
        worker = handlers(made, enricher, {"soc": Sink()})
        now = made.now()
        hunt = Hunt("weekly", now - timedelta(days=1), HuntState.PLANNED)
        made.ledger.hunts.open(hunt)
        for number in (ERASED, KEPT):
            made.ledger.captures.plan(Capture(hunt.id, system(number)))
            made.events.put(items.encode(items.Webhook(self.webhook(number), now)), id=f"event{number:011d}")
        while work(made.events, worker.event, lease=60) or work(made.deliveries, worker.delivery, lease=60):
            pass
        made.ledger.hunts.end(hunt.id, HuntState.FINISHED)
        for number in (ERASED, KEPT):
            case_decisions(made).close(
                self.case(number), ADA, Verdict.BENIGN, f"{traces(number)[2]} was a drill"
            )
        while work(made.events, worker.event, lease=60) or work(made.deliveries, worker.delivery, lease=60):
            pass
        for number in (ERASED, KEPT):
            made.deliveries.put(
                json.dumps({"v": 9, "text": f"{traces(number)[2]} in a newer form"}).encode(), id=f"d{number}"
            )
        for item in made.deliveries.claim(10, lease=60):
            made.deliveries.dead(item, reason="not known here")
        both = {"leftovers": [{"of": system(number).key, "name": traces(number)[2]} for number in (11, 12)]}
        made.store.put(kinds.NOTE, kinds.LEFTOVER_NOTES, "found", both)

    def webhook(self, number: int) -> bytes:
        text = f"Evidence {number * 10} was processed in project id {number} with 5 alarms"
        return json.dumps(
            {"event": "processing_with_alarms", "title": "Processing has found something", "message": text}
        ).encode()

    def case(self, number: int) -> str:
        key = self.made.ledger.events.case_of(f"event{number:011d}")
        assert key
        return key

    def run(self, *arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, [*arguments], env=self.environ, catch_exceptions=False)
        assert result.exit_code == code, result.output
        gc.collect()
        return result.output

    def stored(self) -> str:
        """Everything that is stored, as text: raw files of one machine, or the whole table and the queues."""
        if "HUNTBRIDGE_DATA" in self.environ and Path(self.environ["HUNTBRIDGE_DATA"]).exists():
            files = [path for path in Path(self.environ["HUNTBRIDGE_DATA"]).rglob("*") if path.is_file()]
            return "".join(path.read_bytes().decode("latin-1") for path in files)
        assert self.made.sweep is not None
        sweep = self.made.sweep()
        table = "".join(str(item) for item in sweep._scan())  # type: ignore[attr-defined]
        return table + "".join(map(str, (*sweep.documents(), *sweep.items())))


@pytest.fixture
def world(empty_side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(packing, "_SHORT", 10**9)  # so that every byte on the disk can be read
    return World(empty_side, tmp_path)


def test_no_byte_of_an_erased_system_is_left_and_the_other_system_stays(world):
    exported = [json.loads(line) for line in world.run("export", "--system", system(ERASED).key).splitlines()]
    found = {each.get("kind") for each in exported}
    own = {
        kinds.EVENT,
        kinds.WHOLE_ALARM,
        kinds.CASE_FILE,
        kinds.DELIVERY,
        kinds.CAPTURE,
        kinds.SYSTEM_FINDINGS,
    }
    assert own < found
    assert [each["id"] for each in exported if each.get("dead")] == ["d11"]
    (note,) = (each for each in exported if each.get("group") == kinds.LEFTOVER_NOTES)
    assert note["mention"] is True

    shown = world.run("erase", "--system", system(ERASED).key)
    assert "nothing is erased yet" in shown
    assert all(trace in world.stored() for trace in traces(ERASED))

    case = world.case(ERASED)
    world.run("erase", "--system", system(ERASED).key, "--yes")
    left = world.stored()
    assert [trace for trace in (*traces(ERASED), case, "event00000000011") if trace in left] == []
    assert [trace for trace in traces(KEPT) if trace not in left] == []
    (record,) = world.made.store.scan(kinds.NOTE, kinds.LEFTOVER_NOTES)
    assert record.body == {"leftovers": [{"of": system(KEPT).key, "name": traces(KEPT)[2]}]}
    assert world.made.ledger.cases.get(world.case(KEPT))
    newest = next(audit.newest(world.made.store, datetime.now(UTC)))
    assert (newest.action, newest.about) == (audit.ERASE, "a system")
    assert "nothing is stored about it" in world.run("erase", "--system", system(ERASED).key, "--yes")


def test_a_case_is_erased_with_its_events(world):
    case = world.case(ERASED)
    world.run("erase", "--case", case, "--yes")
    left = world.stored()
    assert case not in left
    assert "event00000000011" not in left
    assert world.case(KEPT) in left


def test_what_is_over_before_a_day_is_erased(world):
    case = world.case(ERASED)
    world.run("erase", "--before", "1d", "--yes")
    assert world.made.ledger.cases.get(case)
    world.run("erase", "--before", datetime.now(UTC).isoformat(), "--yes")
    assert world.made.ledger.cases.get(case) is None
    assert not list(world.made.store.scan(kinds.EVENT, "event00000000011"))
    assert list(world.made.store.scan(kinds.SYSTEM_FINDINGS, system(ERASED).instance))
    assert world.made.deliveries.depth().dead == 0


def test_a_case_that_is_open_and_a_hunt_that_runs_are_not_erased(world):
    case_decisions(world.made).reopen(world.case(ERASED), ADA, "again")
    world.made.ledger.hunts.open(hunt := Hunt("daily", world.made.now(), HuntState.RUNNING))
    world.made.ledger.captures.plan(Capture(hunt.id, system(KEPT), CaptureState.PLANNED))
    if world.made.events.depth().living:
        worker = handlers(
            world.made, Known(world.made.ledger, None, None, world.made.config), {"soc": Sink()}
        )
        while work(world.made.events, worker.event, lease=60) or work(
            world.made.deliveries, worker.delivery, lease=60
        ):
            pass
    assert "is open: close it first" in world.run("erase", "--system", system(ERASED).key, "--yes", code=1)
    assert "is open: close it first" in world.run("erase", "--case", world.case(ERASED), "--yes", code=1)
    assert "is running" in world.run("erase", "--system", system(KEPT).key, "--yes", code=1)
    assert all(trace in world.stored() for trace in (*traces(ERASED), *traces(KEPT)))


@pytest.mark.parametrize("options", [[], ["--case", "e1", "--before", "1d"]])
def test_exactly_one_selector_is_needed(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    environ = {"PLATFORM_IP": "https://cado.example", "API_KEY": "k", "HUNTBRIDGE_TABLE": ""}
    for command in ("erase", "export"):
        result = CliRunner().invoke(main, [command, *options], env=environ)
        assert result.exit_code == 2
        assert "--system, --case or --before" in result.output


def test_a_day_in_the_future_is_refused(local):
    assert "is in the future" in local.run("erase", "--before", "2999-01-01", "--yes", code=2)
    assert all(trace in local.stored() for trace in traces(ERASED))


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(packing, "_SHORT", 10**9)
    environ = {
        "API_KEY": "k",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
        "HUNTBRIDGE_DATA": str(tmp_path / "data"),
        "HUNTBRIDGE_TABLE": "",
    }
    config = Config.model_validate({"platform": {"url": "https://cado.example", "api_key": "env:API_KEY"}})
    return World((runtime.local(config, tmp_path / "data", environ), environ), tmp_path)


def test_backups_that_hold_it_are_named_and_other_copies_in_the_data_directory_are_gone(local, tmp_path):
    holds, gone, later = (tmp_path / f"{name}.db" for name in ("holds", "gone", "later"))
    local.run("backup", str(holds))
    local.run("backup", str(gone))
    gone.unlink()
    data = tmp_path / "data"
    (data / "huntbridge-format-4.db").write_bytes(holds.read_bytes())
    inbox = Inbox(data / "inbox")
    inbox.append([Record("r1", datetime.now(UTC).timestamp(), json.dumps(traces(ERASED)).encode())])
    inbox.close()

    told = local.run("erase", "--system", system(ERASED).key, "--yes")
    assert f"{holds} of" in told
    assert f"{gone} of" in told
    assert [trace for trace in traces(ERASED) if trace in local.stored()] == []
    local.run("backup", str(later))
    content = later.read_bytes().decode("latin-1")
    assert [trace for trace in traces(ERASED) if trace in content] == []
    assert str(later) not in local.run("erase", "--system", system(ERASED).key)


def test_the_beginning_of_an_id_erases_nothing(local):
    captured = Capture("weekly", system(KEPT), CaptureState.PLANNED)
    local.made.ledger.captures.plan(captured)
    ended = local.made.now()
    local.made.ledger.captures.update(captured, state=CaptureState.PROCESSED, ended_at=ended)
    whole = system(KEPT).instance
    assert "nothing is erased yet" in local.run("erase", "--system", whole)
    assert "no hunt captured a system" in local.run("erase", "--system", whole[:-1], "--yes", code=2)


@pytest.mark.slow
def test_nothing_is_erased_while_it_is_served(local, tmp_path):
    with sole_server(tmp_path / "data"):
        assert "stop it first" in local.run("erase", "--system", system(ERASED).key, "--yes", code=4)
        assert "nothing is erased yet" in local.run("erase", "--system", system(ERASED).key)
