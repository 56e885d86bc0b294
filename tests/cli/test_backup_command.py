"""`huntbridge backup` and `restore`: one file that holds everything, and what is told after it came back."""

from __future__ import annotations

import gc
import json
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.storage import CONFIG, Known, Sink
from cli.main import main
from receiver.assemble import handlers
from receiver.destinations.contract import CaseRef, Outcome
from receiver.messages.message import Message
from shared.config.config import Config
from shared.hosting import runtime
from shared.local.data_directory import sole_server
from shared.local.inbox import Inbox, Record
from shared.local.inbox_import import InboxImport
from shared.local.layout import FORMAT
from shared.local.queue import SqliteQueue
from shared.models.codec import dump
from shared.models.event_kinds import HUNT_FINISHED, RECOVERED
from shared.models.events import Event
from shared.queues import items
from shared.queues.worker import work
from shared.storage import audit

ENVIRON = {"PLATFORM_IP": "https://cado.example", "API_KEY": "k", "HUNTBRIDGE_TABLE": "", "COLUMNS": "200"}


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture
def run(data):
    def run(*arguments, code=0, environ=None):
        given = ENVIRON | {"HUNTBRIDGE_DATA": str(data)} | (environ or {})
        result = CliRunner().invoke(main, [*map(str, arguments)], env=given, catch_exceptions=False)
        assert result.exit_code == code, result.output
        gc.collect()  # closes the database, as the end of the command's process does
        return result.output

    return run


class Collecting(Sink):
    """A destination that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        self.messages.append(message)
        return super().deliver(message, case)


class World:
    """The data directory with its workers, for as long as no command replaces the database."""

    def __init__(self, data: Path) -> None:
        self.made = runtime.local(Config.model_validate(CONFIG), data, {"KEY": "key"})
        assert isinstance(self.made.events, SqliteQueue)
        self.events = self.made.events
        self.sink = Collecting()
        enricher = Known(self.made.ledger, None, None, self.made.config)
        self._handlers = handlers(self.made, enricher, {"soc": self.sink})

    def raise_event(self, id, at=None, kind="high_severity_alarm"):
        event = Event(id, kind, at or self.made.now(), project_id=int(id[1:]))
        self.made.events.put(items.encode(items.OwnEvent(dump(event))), id=id)

    def work(self):
        """Do all that is due. Returns the messages that were sent."""
        before = len(self.sink.messages)
        while work(self.made.events, self._handlers.event, lease=60) or work(
            self.made.deliveries, self._handlers.delivery, lease=60
        ):
            pass
        return self.sink.messages[before:]

    def close(self) -> None:
        self.events.database.close()


def test_what_was_told_after_the_backup_is_told_again_with_a_mark_and_nothing_is_lost(data, run, tmp_path):
    world = World(data)
    world.raise_event("e1")
    assert [message.maybe_repeat for message in world.work()] == [False]
    world.raise_event("e2")
    run("backup", tmp_path / "made.db")
    world.raise_event("e3")
    assert len(world.work()) == 2
    world.close()
    run("restore", tmp_path / "made.db", "--replace")

    world = World(data)
    assert [(message.id, message.maybe_repeat) for message in world.work()] == [("e2", True)]
    later = world.made.now() + timedelta(hours=2)
    for number, (at, kind, marked) in enumerate(
        [
            (later - timedelta(hours=3), "high_severity_alarm", True),
            (later, "high_severity_alarm", False),
            (later, RECOVERED, True),
            (later, HUNT_FINISHED, True),
            (later + timedelta(days=1), RECOVERED, False),
        ]
    ):
        world.raise_event(f"e{10 + number}", at, kind)
        (message,) = world.work()
        assert message.maybe_repeat is marked, (kind, at)
    (entry,) = (entry for entry in audit.newest(world.made.store, later) if entry.action == audit.RESTORE)
    assert "the backup of" in entry.about
    world.close()


def test_a_backup_under_load_holds_all_that_was_accepted_before_it(data, run, tmp_path):
    world = World(data)
    inbox, stop = Inbox(data / "inbox"), threading.Event()
    accepted: list[str] = []
    importing = InboxImport(world.events, data / "inbox")

    def accept():
        while not stop.is_set():
            number = len(accepted)
            inbox.append([Record(f"r{number}", 1_790_000_000.0, b"x" * 3000)])
            accepted.append(f"r{number}")
            if number % 40 == 0:
                inbox.close()  # a segment that is complete is imported and deleted

    def bring_in():
        while not stop.is_set():
            importing.bring_in()

    threads = [threading.Thread(target=accept), threading.Thread(target=bring_in)]
    for thread in threads:
        thread.start()
    before = []
    try:
        for number in range(3):
            while len(accepted) < 100 * (number + 1):
                assert all(thread.is_alive() for thread in threads)
            before.append(len(accepted))
            run("backup", tmp_path / f"{number}.db")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    inbox.close()
    world.close()
    for number, least in enumerate(before):
        path = tmp_path / f"{number}.db"
        assert path.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(path)) as db:
            held = {id for (id,) in db.execute("SELECT id FROM items")}
            assert db.execute("SELECT count(*) FROM documents WHERE kind='inbox'").fetchone() == (0,)
        assert set(accepted[:least]) <= held, number
    assert sorted(path.name for path in tmp_path.glob("*.db*")) == ["0.db", "1.db", "2.db"]


def test_what_the_inbox_holds_survives_a_restoration(data, run, tmp_path):
    World(data).close()
    run("backup", tmp_path / "made.db")
    inbox = Inbox(data / "inbox")
    inbox.append([Record("e7", 1_790_000_000.0, b"{}")])
    inbox.close()
    run("restore", tmp_path / "made.db", "--replace")
    world = World(data)
    InboxImport(world.events, data / "inbox").bring_in()
    assert [item.id for item in world.made.events.claim(lease=60)] == ["e7"]
    world.close()


def test_the_list_outlives_a_restoration_and_old_backups_are_deleted(data, run, tmp_path):
    World(data).close()
    folder = tmp_path / "backups"
    folder.mkdir()
    assert "no backup was made" in run("backup", "--list")
    run("backup", tmp_path / "first.db")
    run("backup", tmp_path / "second.db")
    run("restore", tmp_path / "first.db", "--replace")
    listed = json.loads(run("backup", "--list", "--json"))
    assert [(Path(each["file"]).name, each["there"]) for each in listed] == [
        ("first.db", True),
        ("second.db", True),
    ]
    (tmp_path / "second.db").unlink()
    assert "not there" in run("backup", "--list")
    assert "is still there" in run("backup", "--forget", tmp_path / "first.db", code=2)
    run("backup", "--forget", tmp_path / "second.db")
    made = [tmp_path / "backups" / f"huntbridge-{day:02}.db" for day in range(3)]
    for path in made:
        run("backup", path)
    made[1].rename(f"{made[1]}.new")  # as if the process had been killed
    run("backup", folder, "--keep", 2)
    assert [path.exists() for path in made] == [False, False, True]
    assert len(list(folder.iterdir())) == 2
    listed = run("backup", "--list")
    assert "first.db" in listed
    assert "second.db" not in listed


@pytest.mark.slow
def test_what_a_restoration_refuses(data, run, tmp_path):
    world = World(data)
    world.raise_event("e1")
    run("backup", tmp_path / "made.db")
    assert "exists already" in run("backup", tmp_path / "made.db", code=4)
    assert "has data already" in run("restore", tmp_path / "made.db", code=4)
    assert "another process uses it" in run("restore", tmp_path / "made.db", "--replace", code=4)
    world.close()
    with sole_server(data):
        assert "stop it first" in run("restore", tmp_path / "made.db", "--replace", code=4)
    (tmp_path / "letter").write_text("no database at all" * 300)
    assert "cannot be read as a backup" in run("restore", tmp_path / "letter", "--replace", code=4)
    content = (tmp_path / "made.db").read_bytes()
    (tmp_path / "torn.db").write_bytes(content[: len(content) // 2])
    assert "made.db" not in run("restore", tmp_path / "torn.db", "--replace", code=4)
    (tmp_path / "newer.db").write_bytes(content)
    with closing(sqlite3.connect(tmp_path / "newer.db")) as db:
        db.execute(f"PRAGMA user_version={FORMAT + 1}")
    assert "a newer huntbridge wrote it" in run("restore", tmp_path / "newer.db", "--replace", code=4)
    # None of these changed anything.
    world = World(data)
    assert [message.maybe_repeat for message in world.work()] == [False]
    world.close()


def test_the_database_is_not_restored_from_itself(data, run, tmp_path):
    World(data).close()
    assert "is the database itself" in run("restore", data / "huntbridge.db", "--replace", code=2)
    assert "no backup was made" in run("backup", "--list")


def test_a_name_that_cannot_be_looked_up_is_a_sentence(data, run, tmp_path):
    World(data).close()
    name = "x" * 300
    for command, code in (("backup", 4), ("downgrade", 4), ("restore", 2)):
        said = run(command, tmp_path / name, *(["--replace"] if command == "restore" else []), code=code)
        assert "File name too long" in said


def test_no_file_of_the_earlier_version_is_left_beside_what_was_restored(data, run, tmp_path):
    World(data).close()
    run("downgrade", tmp_path / "earlier.db")
    run("restore", tmp_path / "earlier.db", "--replace")
    assert [file.name for file in data.glob("*format*")] == []
    assert "earlier.db" in run("backup", "--list")


def test_a_damaged_database_is_replaced(data, run, tmp_path):
    World(data).close()
    run("backup", tmp_path / "made.db")
    (data / "huntbridge.db").write_bytes(b"\0" * 8192)
    run("restore", tmp_path / "made.db", "--replace")
    World(data).close()


def test_a_new_machine_is_restored(data, run, tmp_path):
    World(data).close()
    run("backup", tmp_path / "made.db")
    run("restore", tmp_path / "made.db", environ={"HUNTBRIDGE_DATA": str(tmp_path / "new" / "data")})
    assert (tmp_path / "new" / "data" / "huntbridge.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_on_aws_the_table_has_backups_of_its_own(run, tmp_path, command):
    said = run(command, tmp_path / "x.db", code=2, environ={"HUNTBRIDGE_TABLE": "huntbridge"})
    assert "point-in-time recovery" in said
