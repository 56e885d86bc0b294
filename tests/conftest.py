"""What holds for every test."""

from __future__ import annotations

import logging
import os
import signal
from importlib import import_module
from importlib.util import find_spec

import pytest

from shared.hosting.log import sentence


def pytest_configure(config: pytest.Config) -> None:
    # The template's tests run in an environment of their own, which has no hypothesis.
    if find_spec("hypothesis"):
        from hypothesis import settings

        # CI sees the same examples each time. A seed that was given holds there as on any other machine.
        same = "CI" in os.environ and config.getoption("hypothesis_seed", None) is None
        # A busy machine makes no example wrong.
        settings.register_profile("house", deadline=None, derandomize=same)
        settings.load_profile("house")


class _WithKeys(logging.Formatter):
    """Adds the keys of a log line to `caplog.text`. Secrets are not removed: tests look for them."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = sentence(record, clean=str)
        return super().formatMessage(record)


def pytest_sessionstart(session: pytest.Session) -> None:
    for each in (signal.SIGHUP, signal.SIGINT):  # ignored under nohup and in the background of a script
        if signal.getsignal(each) is signal.SIG_IGN:  # commands that tests start would ignore it, too
            signal.signal(each, signal.SIG_DFL)
    plugin = session.config.pluginmanager.get_plugin("logging-plugin")
    assert plugin is not None
    plugin.caplog_handler.setFormatter(
        _WithKeys("%(levelname)-8s %(name)s:%(filename)s:%(lineno)d %(message)s")
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests against moto take a third of the time, so `make test-slow` runs them. The tests that mostly wait
    come first: at the end, one process would be left alone with them."""
    if find_spec("hypothesis"):
        # Pytest compiles the modules of hypothesis itself. In Python 3.11 that fails now and then with a
        # SystemError in the middle of a run. So what strategies import when they are used is imported now.
        for name in ("regex", "types"):
            import_module(f"hypothesis.strategies._internal.{name}")
    for item in items:
        sides = getattr(item, "callspec", None)
        on_aws = sides is not None and "aws" in sides.params.values()
        if on_aws or any(name.startswith("moto") for name in getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.name not in ("test_serve.py", "test_journey.py"))
