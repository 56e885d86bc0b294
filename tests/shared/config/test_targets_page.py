"""docs/targets.md has for each kind of system a section whose example loads, and a table of what it can
do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.models.kinds_of_system import ABILITIES
from shared.models.systems import Kind
from tests.shared.config.loading import PLATFORM, load

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "targets.md").read_text()
SECTIONS = dict(re.findall(r"^## [^\n]*\(`(\w+)`\)\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M))
HOST_OPTIONS = {"none": "none", "optional": "in a triage", "always": "yes"}


def test_each_kind_has_a_section():
    assert list(SECTIONS) == list(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_section_says_what_people_need_to_know(kind):
    section = SECTIONS[kind]
    assert section.strip().startswith("The platform captures ")
    for topic in ("**Rights.**", "**Obstacles.**", "**Not public.**"):
        assert topic in section


@pytest.mark.parametrize("kind", Kind)
def test_the_example_of_a_section_loads_and_is_about_its_kind(kind, tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", SECTIONS[kind], re.S)
    path = tmp_path / "huntbridge.yaml"
    path.write_text(PLATFORM + example)
    (hunt,) = load(str(path), {}).hunts.values()
    assert {getattr(target, "kind", Kind.EC2) for target in hunt.targets} == {kind}


def test_the_table_says_what_each_kind_can_do():
    rows = [
        f"| `{kind}` | {can.noun} | {', '.join(can.modes)} | {HOST_OPTIONS[can.host_options]} | "
        f"{'yes' if can.skip_processing else 'no'} | "
        + ("every version" if can.since == (0, 0) else f"{can.since[0]}.{can.since[1]} or newer")
        + " |"
        for kind, can in ABILITIES.items()
    ]
    assert "\n".join(rows) in PAGE, "write this table into docs/targets.md:\n" + "\n".join(rows)
