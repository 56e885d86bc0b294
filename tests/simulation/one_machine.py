"""One machine of the simulation: its core, its web process, its timers and its disk.

The core, the database, the queues, the inbox and its import, the handlers and the jobs are the real ones.
What they do in threads, actors do here (`threads.py`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from greenlet import GreenletExit

from cli import workers
from cli.web_process import _Accepting
from shared.local.core import Core
from shared.local.database import Database
from shared.local.inbox import Inbox, Record
from shared.local.inbox_import import LOOKS_EVERY, InboxImport
from shared.local.pulse import Pulse
from shared.local.queue import SqliteQueue
from shared.local.server import HAND_BACK_WITHIN, STOP_WITHIN
from shared.local.store import SqliteStore
from shared.queues import items
from shared.queues.ports import EVENTS, QUEUES
from tests.receiver.sequences.world import Killed
from tests.simulation.actors import Actor, Process
from tests.simulation.disk import Disk
from tests.simulation.sides import Home, Inline, Side

# Faults that happen within a write, and not at a pause.
OF_WRITES = ("torn commit", "database busy", "commit fails", "write fails", "sync fails", "short write")


class WatchedInbox(Inbox):
    """Announces what it is about to store."""

    def __init__(self, home: Home, directory: Path) -> None:
        super().__init__(directory)
        self._home = home

    def append(self, records: Sequence[Record]) -> None:
        for record in records:
            self._home.announce(items.decode(record.body), record.id)
        self._home.actors.pause("inbox append")
        super().append(records)
        self._home.actors.pause("inbox append done")


class _Pulse(Pulse):
    """Shows which rounds fail."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def failed(self, error: BaseException) -> None:
        if not isinstance(error, Killed):
            self._home.trace.add(f"a round of the core failed: {error}")


class OneMachine(Side):
    """`serve` with its core, its timers and the import of the inbox is one process, and its web process is
    another. People's commands share the connections of `serve`, and so die with it."""

    name = "one machine"

    def __init__(self, home: Home, folder: Path) -> None:
        self._home, self.disk = home, Disk(folder, home.rng)
        self._databases: list[Database] = []
        self._timer: Actor | None = None
        self._import: Actor | None = None
        self._waits = False  # whether something may stand in the inbox
        self._crashed = False

    def faults(self) -> tuple[str, ...]:
        return ("kill", "power cut", "web killed", "jump", "person killed", *OF_WRITES)

    def start(self) -> None:
        home, actors = self._home, self._home.actors
        self.database = database = Database(self.disk.path)
        self._databases.append(database)
        self._serve = Process("serve")
        store = SqliteStore(database)
        actors.pausing(store, "get", "put", "delete", "page", "page_of_group", "read_many", also="store ")
        queues = {name: SqliteQueue(database, name, home.clock.seconds) for name in QUEUES}
        for name, queue in queues.items():
            actors.pausing(queue, "put", "claim", "done", "retry", "dead", also=f"{name} ")
        self.runtime = home.runtime_on(store, *(queues[name] for name in QUEUES))
        self.events = self.runtime.events
        self._jobs = Inline(self.runtime)
        self._importer = InboxImport(queues[EVENTS], self.disk.inbox)
        actors.pausing(self._importer._reader, "read", "store", "stored", also="import ")
        self._start_core()
        self._start_web()

    def _start_core(self) -> None:
        core = Core()
        with patch.object(workers, "receiver", self._home.handlers_of):
            for each in workers.workers(self.runtime, core):
                core.use(each)
        process, pulse = self._serve, _Pulse(self._home)

        def run() -> None:
            try:
                core.run(pulse)
            finally:  # the process has ended, and with it what is parked
                self._home.actors.kill(process)
                for parked in list(core._in_work):
                    parked.throw(GreenletExit)

        self._core = core
        self._core_runs = self._home.actors.spawn("core", process, run)

    def _start_web(self) -> None:
        self._web = Process("web")
        self._inbox = WatchedInbox(self._home, self.disk.inbox)
        self.accepting = _Accepting(self._home.webhooks, self._inbox, self._stored)
        self._waits = True

    def _stored(self) -> None:
        self._waits = True

    def configure(self) -> None:
        """`serve` stops, and starts again with the configuration as it is now."""
        home, runs, core = self._home, self._core_runs, self._core
        core.stop()
        home.finish(runs, STOP_WITHIN)
        if not runs.done:
            home.trace.add("the core hands back what is in work")
            core.abandon()
            home.finish(runs, HAND_BACK_WITHIN)
        if runs is self._core_runs:  # it was not started again after a crash
            home.actors.kill(self._serve, self._web)
            home.actors.bury()
            self._reopen()

    def start_work(self) -> bool:
        """Bring in what stands in the inbox, unless that is under way. The core works by itself."""
        if not self._waits or (self._import and not self._import.done):
            return False
        self._waits = False
        self._import = self._home.actors.spawn("import", self._serve, self._bring_in)
        return True

    def _bring_in(self) -> None:
        self._importer.bring_in()
        while self._importer._failing:
            self._home.actors.sleep(LOOKS_EVERY)
            self._importer.bring_in()

    def run_timer(self) -> None:
        self.accepting.each_second()
        self._waits = True
        if self._timer is None or self._timer.done:
            self._timer = self._home.actors.spawn("timer", self._serve, self._jobs.run_once)

    def person(self) -> Process:
        return self._serve

    def web(self) -> Process:
        return self._web

    def crash(self, fault: str) -> None:
        home = self._home
        match fault:
            case "jump":
                home.clock.offset += home.rng.choice([-7_200, -3_600, -60, 60, 3_600, 7_200])
                home.trace.add(f"the clock of this machine is {home.clock.offset:+.0f} s wrong from now on")
                return
            case "web killed":
                home.actors.kill(self._web)
                raise Killed
        lost = self.disk.crash(power=fault == "power cut", torn=fault == "torn commit")
        home.trace.add(f"the machine: {lost}")
        self._crashed, self.crashes = True, self.crashes + 1
        home.actors.kill_all()
        raise Killed

    def recover(self) -> None:
        if self._crashed or not self._serve.alive:
            self._crashed = False
            self._reopen()
            self.disk.drop_old()
        elif not self._web.alive:
            self._close_inbox()
            self._start_web()

    def _reopen(self) -> None:
        self.close()
        self.start()

    def is_writing(self) -> bool:
        return self.database._committing

    def next_due(self) -> float | None:
        ((due,),) = self.database.read("SELECT min(due) FROM items", ())
        dues = [] if due is None else [float(due) - self._home.clock.offset]
        if self._import and not self._import.done:  # it brings in items when it goes on
            dues.append(self._import.wakes_at)
        return min((due for due in dues if due < math.inf), default=None)

    def _close_inbox(self) -> None:
        """As the kernel does when the process ends."""
        if self._inbox._file is not None:
            os.close(self._inbox._file)
            self._inbox._file = None

    def close(self) -> None:
        self._close_inbox()
        for database in self._databases:
            database.close()
        self._databases.clear()
