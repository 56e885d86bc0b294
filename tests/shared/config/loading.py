"""Loads a configuration for tests, with the real regions and without AWS, and collects its warnings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.load import Loader
from shared.config.warnings import warnings


def load(path: str | None, environ: Mapping[str, str]) -> Config:
    return Loader(environ, _never, known_regions).load(path).config


def _never(name: str, limit: int) -> bytes:
    raise AssertionError(f"{name} is read in AWS")


PLATFORM = "platform: {url: https://cado.example, api_key: env:API_KEY}\n"
TWO = """\
destinations:
  soc: {type: slack, webhook_url: env:A}
  ir: {type: slack, webhook_url: env:B}
"""


def warnings_of(folder: Path, text: str, platform: str = PLATFORM) -> list[str]:
    path = folder / "huntbridge.yaml"
    path.write_text(platform + text)
    return [str(warning) for warning in warnings(load(str(path), {}), known_regions())]


def with_hunt(text: str) -> str:
    return f"accounts: {{prod: {{}}, test: {{}}}}\nhunts:\n  weekly: {{{text}}}\n"
