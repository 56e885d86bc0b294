"""Every example of a configuration in the pages loads, and the schema for editors accepts it.

A part of a configuration gets the rest that it needs. A comment before a block says what it is instead.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.config.errors import ConfigError
from shared.config.schema import schema
from tests.docs.blocks import Block, blocks
from tests.shared.config.loading import load

NEEDED = {"platform": {"url": "https://cado.example", "api_key": "env:API_KEY"}}
SLACK = {"type": "slack", "webhook_url": "env:SLACK_WEBHOOK_URL"}
EXAMPLES = [block for block in blocks("yaml") if not block.note]
# Sections that name destinations, and the keys that do.
NAMING = re.compile(r"\b(?:to|elsewhere|fallback|default|held): *(\[[^\]]*\]|[a-z][\w-]*)")


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def completed(text: str) -> dict[str, Any]:
    """The example with what it needs: the platform, targets of its hunts, and destinations of its names."""
    given = yaml.safe_load(text)
    whole: dict[str, Any] = NEEDED | given
    if "destinations" not in given:
        named = {name for part in NAMING.findall(text) for name in re.findall(r"[a-z][\w-]*", part)}
        whole["destinations"] = dict.fromkeys(sorted(named) or ["soc"], SLACK)
    for hunt in whole.get("hunts", {}).values():
        hunt.setdefault("targets", [{"instance": "i-0123456789abcdef0", "region": "us-east-1"}])
    return {"default": next(iter(whole["destinations"]))} | whole


def with_files(folder: Path, whole: dict[str, Any]) -> None:
    """The files that the example names are there."""
    for bundle in re.findall(r"ca_bundle['\"]?: ['\"]?([\w./-]+)", str(whole)):
        (folder / bundle).write_text("a certificate")


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_an_example_loads_and_fits_the_schema(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    whole = completed(block.text)
    with_files(tmp_path, whole)
    (tmp_path / "huntbridge.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    load(None, {})
    validator().validate(whole)


def test_a_wrong_example_is_found(tmp_path: Path):
    path = tmp_path / "huntbridge.yaml"
    path.write_text(yaml.safe_dump(completed("hunts: {weekly: {capture: fulll}}")))
    with pytest.raises(ConfigError, match="fulll"):
        load(str(path), {})
