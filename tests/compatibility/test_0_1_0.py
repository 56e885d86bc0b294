"""What was made for 0.1.0, or by it, goes on working: configurations, environments, databases and stacks.

The files in `v0_1_0` were made with the code of commit 5997b825, the last one with format 4 of the database.
`settings.json` and the settings in `environments.json` are what that code read from the configurations and
variables. `huntbridge.db` was written by its `serve`. It had told two alarms at `one`, could not tell them at
`two` yet, and had given them up at `three`. Then somebody took a case.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cli.main import main
from demo.serving import serving
from demo.slack.simulation import Slack
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.local.conversion import backup_of
from tests.durability.world import eventually
from tests.shared.config.loading import load as load_offline
from tests.test_serve_reload import Machine

MADE = Path(__file__).with_name("v0_1_0")
ROOT = Path(__file__).resolve().parents[2]
EVENTS = ("38a90f16b1a1d346", "5fcb1a09f1eaa965")
ENVIRONMENTS = json.loads((MADE / "environments.json").read_text())
CONFIGURATIONS = list(
    zip(
        (MADE / "configurations.yaml").read_text().split("---\n"),
        json.loads((MADE / "settings.json").read_text()),
        strict=True,
    )
)


def differences(old: Any, new: Any, place: str = "") -> list[str]:
    """The settings of 0.1.0 that mean something else now. What is new has its default."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [each for key in old for each in differences(old[key], new.get(key), f"{place}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            each
            for at, pair in enumerate(zip(old, new, strict=True))
            for each in differences(*pair, f"{place}[{at}]")
        ]
    return [] if old == new else [f"{place}: {old} -> {new}"]


def settings(path: str | None, environ: dict[str, str]) -> dict[str, Any]:
    found = load_offline(path, environ).model_dump_json(by_alias=True, exclude_defaults=True)
    here: dict[str, Any] = json.loads(found.replace(f"{Path.cwd()}/", ""))
    return here


@pytest.mark.parametrize(("text", "made_of_it"), CONFIGURATIONS)
def test_a_configuration_file_means_the_same(tmp_path, monkeypatch, text, made_of_it):
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"ca_bundle: ([\w.-]+)", text):
        (tmp_path / name).write_text("a certificate")
    (tmp_path / "huntbridge.yaml").write_text(text)
    assert differences(made_of_it, settings("huntbridge.yaml", {})) == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_variables_mean_the_same(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    case = ENVIRONMENTS[name]
    assert differences(case["settings"], settings(None, case["variables"])) == []


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_serve_goes_on_with_a_database(tmp_path):
    one, two, three = slacks = [Slack(path=f"T/B/{number}", rate=None) for number in (1, 2, 3)]
    with serving(one.app) as first, serving(two.app) as second, serving(three.app) as third:
        urls = [url + slack.path for url, slack in zip((first, second, third), slacks, strict=True)]
        machine = Machine(tmp_path, *urls[:2])
        machine.environ |= {"THREE": urls[2], "WEBHOOK_TOKEN": "a-token-of-version-0.1"}
        shutil.copy(MADE / "huntbridge.yaml", machine.file)
        machine.data.mkdir(mode=0o700)
        shutil.copy(MADE / "huntbridge.db", machine.data)
        machine.start()
        try:
            eventually(lambda: all(about(two, event) for event in EVENTS))
            assert machine.run("dead", "retry", "--destination", "three").returncode == 0
            eventually(lambda: all(about(three, event) for event in EVENTS))
            assert machine.post(5, "a-token-of-version-0.1").status_code == 202
            eventually(lambda: one.messages and two.messages and three.messages)
            shown = json.loads(machine.run("cases", "show", EVENTS[0], "--json").stdout)
            assert "Ada" in json.dumps(shown)
            machine.stop()
        finally:
            machine.end()
    made = runtime.local(load(None, machine.environ), machine.data, machine.environ)
    for event in EVENTS:
        delivery = made.ledger.deliveries.get(event, "one")
        assert (delivery.state, delivery.attempts) == ("delivered", 1)
    assert made.dead_items.entries() == []
    assert backup_of(machine.data / "huntbridge.db", 4).exists()


def content(path: Path) -> dict[str, list[str]]:
    """The format, the tables and all rows of a database."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        made = sorted(str(sql).strip() for (sql,) in db.execute("SELECT sql FROM sqlite_master"))
        rows = {table: sorted(map(repr, db.execute(f"SELECT * FROM {table}"))) for table in tables}
        return rows | {"format": [str(db.execute("PRAGMA user_version").fetchone()), *made]}


def test_the_way_back_gives_0_1_0_its_database_as_it_was(tmp_path):
    shutil.copy(MADE / "huntbridge.db", tmp_path)
    shutil.copy(MADE / "huntbridge.yaml", tmp_path)
    environ = {"HUNTBRIDGE_CONFIG": str(tmp_path / "huntbridge.yaml"), "HUNTBRIDGE_DATA": str(tmp_path)}
    result = CliRunner().invoke(main, ["downgrade", str(tmp_path / "earlier.db")], env=environ)
    assert result.exit_code == 0, result.output
    back, before = content(tmp_path / "earlier.db"), content(MADE / "huntbridge.db")
    for rows in (back, before):  # the time of the queue moves on
        rows["documents"] = [row for row in rows["documents"] if "'queue-clock'" not in row]
    assert back == before
    assert len(before["documents"]) > 20
    assert all(before[table] for table in ("entries", "items", "dead"))


def about(slack: Slack, event: str) -> bool:
    return any(event in json.dumps(message.body) for message in slack.messages)


class _Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms as the names and what they are given."""


def _short_form(loader: Any, name: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Template.add_multi_constructor("!", _short_form)


@pytest.fixture(scope="module")
def template() -> Any:
    return yaml.load((ROOT / "template.yaml").read_text(), _Template)


def test_a_stack_keeps_its_parameters_and_an_update_needs_no_new_one(template):
    before, now = json.loads((MADE / "stack.json").read_text())["parameters"], template["Parameters"]
    for name, parameter in before.items():
        kept = {key: now.get(name, {}).get(key) for key in parameter}
        allowed = {"AllowedValues": set(parameter.get("AllowedValues", ()))}
        assert allowed["AllowedValues"] <= set(now[name].get("AllowedValues", ())), name
        assert kept | allowed == parameter | allowed, name
    assert [name for name in now if name not in before and "Default" not in now[name]] == []


def test_a_stack_keeps_what_holds_data_and_its_outputs(template):
    before = json.loads((MADE / "stack.json").read_text())
    for name, resource in before["resources"].items():
        now = template["Resources"][name]
        assert now["Type"] == resource["Type"]
        assert {key: now["Properties"].get(key) for key in resource["Properties"]} == resource["Properties"]
        assert now.get("DeletionPolicy") == resource["DeletionPolicy"]
    assert set(before["outputs"]) <= set(template["Outputs"])
