"""The example configurations: huntbridge accepts them, and editors find the schema by their first line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from shared.config.schema import ADDRESS
from shared.hosting.configuration import load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [
    ROOT / "deploy/huntbridge.example.yaml",
    ROOT / "deploy/terraform/examples/minimal/huntbridge.yaml",
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_an_example_is_accepted_and_names_the_schema(example: Path) -> None:
    config = load(str(example), {})

    assert list(config.hunts) == ["weekly"]
    assert example.read_text().splitlines()[0] == f"# yaml-language-server: $schema={ADDRESS}"


def test_the_environment_file_has_every_variable_that_the_example_refers_to() -> None:
    referred = set(re.findall(r"env:([A-Z_]+)", EXAMPLES[0].read_text().partition("platform:")[2]))
    variables = re.findall(r"^(\w+)=$", (ROOT / "deploy/huntbridge.example.env").read_text(), re.M)

    assert set(variables) == referred


def test_the_published_schema_has_its_address() -> None:
    schema = json.loads((ROOT / "docs/huntbridge.schema.json").read_text())

    assert schema["$id"] == ADDRESS
    assert "docs/huntbridge.schema.json" in (ROOT / ".github/workflows/release.yml").read_text()
