"""Loads a configuration for tests: with the real regions, and without AWS and without any secret."""

from __future__ import annotations

from collections.abc import Mapping

from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.load import Loader


def load(path: str | None, environ: Mapping[str, str]) -> Config:
    return Loader(environ, _never, known_regions).load(path).config


def _never(name: str, limit: int) -> bytes:
    raise AssertionError(f"{name} is read in AWS")
