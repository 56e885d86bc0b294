from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from demo.platform.records import Machine, SimInstance
from demo.platform.simulation import Platform
from demo.serving import serving
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.secrets import Secrets
from tests.scheduler.staging import BAD, BROKEN, KEY, QUIET, SUNDAY, Stage


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    with ExitStack() as stack:

        def make(
            fleet: tuple[Machine, ...] = (QUIET, BAD, BROKEN),
            settings: dict[str, Any] | None = None,
            problems: tuple[str, ...] = (),
            hunt: dict[str, Any] | None = None,
            follow: dict[str, Any] | None = None,
            accounts: dict[str, Any] | None = None,
            intelligence: dict[str, Any] | None = None,
            **platform_options: Any,
        ) -> Stage:
            platform = Platform(fleet, {KEY: "Lead Analyst"}, **platform_options)
            url = stack.enter_context(serving(platform.app))
            config = Config.model_validate(
                {
                    "platform": {"url": url, "api_key": "env:KEY", **(settings or {})},
                    "hunts": {
                        "weekly": {
                            "targets": [
                                {"instance": machine.instance_id, "region": machine.region}
                                for machine in fleet
                                if isinstance(machine, SimInstance)
                            ],
                            "problems": problems,
                            **(hunt or {}),
                        }
                    },
                    "follow": follow or {},
                    "accounts": accounts or {},
                    "intelligence": intelligence,
                }
            )
            database = Database(tmp_path / "huntbridge.db")
            stack.callback(database.close)

            def seconds() -> float:
                return made.moment.timestamp()

            runtime = Runtime(
                config=config,
                store=SqliteStore(database),
                captures=SqliteQueue(database, "captures", seconds),
                events=SqliteQueue(database, "events", seconds),
                deliveries=SqliteQueue(database, "deliveries", seconds),
                secrets=Secrets({"KEY": KEY}),
                now=lambda: made.moment,
                sleep=lambda _: None,
            )
            made = Stage(runtime, platform, SUNDAY)
            return made

        yield make


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    return make_stage()
