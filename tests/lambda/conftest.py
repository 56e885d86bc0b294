"""AWS as moto plays it, and a hunt's world, for what runs under Lambda's own emulator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.emulated import CREDENTIALS, clean, missing
from tests.moto_server import moto_server


@pytest.fixture(scope="session", autouse=True)
def emulator() -> None:
    """Fails, and does not skip: whoever asks for these tests asks for the proof."""
    if why := missing():
        pytest.fail(why, pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def credentials() -> Iterator[None]:
    """Whatever this machine has, the tests have these."""
    import os

    with pytest.MonkeyPatch.context() as environ:
        for name in os.environ.keys() - clean(os.environ).keys():
            environ.delenv(name)
        for name, value in CREDENTIALS.items():
            environ.setenv(name, value)
        environ.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def wait() -> Callable[[Callable[[], object], float], None]:
    def until(condition: Callable[[], object], within: float = 30) -> None:
        end = time.monotonic() + within
        while not condition():
            assert time.monotonic() < end, "it did not come about in time"
            time.sleep(0.1)

    return until
