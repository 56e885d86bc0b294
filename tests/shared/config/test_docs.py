"""The published schema and the page about the configuration say what the code does."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from shared.config.environment import VARIABLES
from shared.config.errors import ConfigError
from shared.config.message import FACTS
from shared.config.schema import schema
from shared.config.templates import NAMES
from tests.shared.config.loading import load

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "reference" / "configuration.md").read_text()
MAKE_IT_AGAIN = (
    "docs/huntbridge.schema.json is stale; make it again with: .venv/bin/python -c "
    "'import json, shared.config.schema as c; print(json.dumps(c.schema(), indent=2, ensure_ascii=False))' "
    "> docs/huntbridge.schema.json"
)
PLATFORM = "platform: {url: https://cado.example, api_key: env:API_KEY}\n"
EXAMPLES = re.findall(r"(?<!<!-- mistakes -->\n)```yaml\n(.*?)```", PAGE, re.S)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"ca_bundle: ([\w.-]+)", PAGE):
        (tmp_path / name).write_text("a certificate")
    return tmp_path


def whole(example: str) -> str:
    return example if "platform:" in example else PLATFORM + example


def test_the_schema_is_the_published_one():
    published = (DOCS / "huntbridge.schema.json").read_text()
    assert json.loads(published) == schema(), MAKE_IT_AGAIN


def test_every_key_is_described():
    def undescribed(part: Any, where: str) -> list[str]:
        if not isinstance(part, dict):
            return []
        found = [
            f"{where}.{key}"
            for key, value in part.get("properties", {}).items()
            if "description" not in value and key != "type"
        ]
        return found + [u for key, value in part.items() for u in undescribed(value, f"{where}.{key}")]

    assert undescribed(schema(), "") == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_load_and_fit_the_schema(folder: Path, example: str):
    (folder / "huntbridge.yaml").write_text(whole(example))
    load(None, {})
    jsonschema.validate(yaml.safe_load(whole(example)), schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "text",
    [
        "platform: {url: https://c.example, api_key: literal}",
        PLATFORM + "webhook: {tokens: literal}",
        PLATFORM + "webhook: {token: env:A}",
        PLATFORM + "hunts: {weekly: {targets: []}}",
        PLATFORM + "hunts: {Weekly: {targets: [{instance: i-01234567, region: us-east-1}]}}",
        PLATFORM + "hunts: {weekly: {targets: [{instance: i-0, region: us-east-1}]}}",
        PLATFORM + "hunts: {weekly: {problems: [], targets: [{instance: i-01234567, region: us-east-1}]}}",
        PLATFORM + "destinations: {soc: {type: slak, webhook_url: env:A}}",
        PLATFORM + "routes: [{to: []}]",
        PLATFORM + "routes: [{match: {severity: bad}, to: soc}]",
        PLATFORM + "delivery: {retry_for: 0}",
    ],
)
def test_an_editor_marks_mistakes(text):
    assert not jsonschema.Draft202012Validator(schema()).is_valid(yaml.safe_load(text))


def test_the_mistakes_are_shown_as_they_are(folder: Path):
    ((wrong, shown),) = re.findall(r"<!-- mistakes -->\n```yaml\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.S)
    (folder / "huntbridge.yaml").write_text(wrong)
    with pytest.raises(ConfigError) as caught:
        load(None, {})
    assert str(caught.value) + "\n" == shown


def test_one_example_has_every_key(folder: Path):
    (folder / "huntbridge.yaml").write_text(EXAMPLES[1])
    written: dict[type[BaseModel], set[str]] = {}

    def collect(part: Any) -> None:
        if isinstance(part, BaseModel):
            written.setdefault(type(part), set()).update(part.model_fields_set)
            part = dict(part)
        for value in part.values() if isinstance(part, dict) else part if isinstance(part, tuple) else ():
            collect(value)

    collect(load(None, {}))
    absent = {
        (kind.__name__, name)
        for kind, names in written.items()
        for name, field in kind.model_fields.items()
        if name not in names and not field.exclude
    }
    assert absent == set()


def test_every_variable_is_on_the_page():
    assert set(VARIABLES.values()) - set(re.findall(r"\w+", PAGE)) == set()


def test_every_fact_and_every_name_of_a_template_is_on_the_page():
    section = PAGE[PAGE.index("### message") : PAGE.index("### cases")]
    facts, names = section.split("#### Wording")
    assert set(FACTS) - set(re.findall(r"`(\w+)`", facts)) == set()
    table = re.findall(r"^\| (`[^|]+) \|", names, re.M)
    assert set(re.findall(r"`(\w+)`", " ".join(table))) == set(NAMES)
