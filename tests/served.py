"""The simulated platform with the address at which a test serves it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from demo.platform.simulation import Platform
from demo.serving import serving


class ServedPlatform(Platform):
    url = ""


@contextmanager
def served_platform(*given: Any, **options: Any) -> Iterator[ServedPlatform]:
    """The arguments are those of the simulated platform."""
    platform = ServedPlatform(*given, **options)
    with serving(platform.app) as url:
        platform.url = url
        yield platform
