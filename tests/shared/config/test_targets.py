"""Targets in a file: the kinds that there are, and what is said about mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.config.targets import ExcludeConfig, SelectorConfig, TargetConfig
from tests.shared.config.loading import load

HEAD = """\
platform: {url: https://cado.example, api_key: env:API_KEY}
accounts:
  prod: {id: "111122223333", role: arn:aws:iam::111122223333:role/r, external_id: env:EXTERNAL_ID}
hunts:
  weekly:
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(hunt: str) -> Config:
    Path("huntbridge.yaml").write_text(HEAD + "".join(f"    {line}\n" for line in hunt.splitlines()))
    return load(None, {})


def test_the_hunt_of_the_design():
    hunt = read("""\
schedule: cron(0 2 ? * SUN *)
targets:
  - {instance: i-0123456789abcdef0, region: us-east-1}
  - {tags: {Criticality: high}, regions: [us-east-1, eu-west-1], accounts: [prod], states: [running]}
exclude: [{tags: {Hunt: skip}}]
""").hunts["weekly"]
    assert hunt.targets == (
        TargetConfig(instance="i-0123456789abcdef0", region="us-east-1"),
        SelectorConfig(
            tags={"Criticality": ("high",)},
            regions=("us-east-1", "eu-west-1"),
            accounts=("prod",),
            states=("running",),
        ),
    )
    assert hunt.exclude == (ExcludeConfig(tags={"Hunt": ("skip",)}),)
    assert [system.instance for system in hunt.systems] == ["i-0123456789abcdef0"]
    assert hunt.selects


def test_an_account_of_the_organization_is_known_by_its_digits():
    config = read("targets: [{regions: all, tags: {A: b}}]")
    assert config.account("444455556666") is None
    assert (config.account("prod"), config.account_name("111122223333")) == (config.accounts["prod"], "prod")


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ("[{tags: {A: b}}]", "targets[0].regions: missing"),
        (
            "[{tags: {A: b}, region: us-east-1}]",
            "targets[0].region: unknown key; did you mean regions?",
        ),
        ("[{capture: scan, region: us-east-1}]", "targets[0].instance: missing"),
        (
            "[{instance: i-01234567, region: us-east-1, tags: {A: b}}]",
            "targets[0].tags: unknown key; write one of kind, instance, region, account, capture",
        ),
        (
            "[{tags: {A: b}, regions: []}]",
            "targets[0].regions: names no region; write all for every region that is enabled",
        ),
        (
            "[{regions: us-esat-1, names: x}]",
            "targets[0].regions: 'us-esat-1' is not a region; did you mean us-east-1 or us-west-1? "
            "add a newer region to extra_regions (or EXTRA_REGIONS)",
        ),
        (
            "[{regions: all, accounts: [pord]}]",
            "targets[0].accounts[0]: there is no account 'pord'; did you mean prod?",
        ),
        (
            "[{regions: all, states: asleep}]",
            "targets[0].states: 'asleep' is not known; write one of pending, running, "
            "stopping, stopped, shutting-down, terminated",
        ),
        (
            "[{regions: all, instance_regex: 'i-0['}]",
            "targets[0].instance_regex: is not a regular expression: "
            "unterminated character set at character 3",
        ),
        (
            "[{regions: all, organizational_units: ou-1}]",
            "targets[0].organizational_units: must be a unit's id, such as "
            "ou-ab12-34cd56ef, or the root's, r-ab12",
        ),
        (
            "[{regions: all, auto_scaling_groups: {sample: 0}}]",
            "targets[0].auto_scaling_groups.sample: must be more than 0",
        ),
        ("[{regions: all}]\nexclude: [{}]", "exclude[0]: is empty: it would leave out every system"),
        ("[{regions: all}]\nexclude: [{tag: {A: b}}]", "exclude[0].tag: unknown key; did you mean tags?"),
        ("[{regions: all}]\nmax_systems: 0", "max_systems: must be more than 0"),
        (
            "[{regions: all}]\norder: newest",
            "order: 'newest' is not known; write one of least_recently_hunted, random, oldest",
        ),
    ],
)
def test_mistakes(targets, said):
    with pytest.raises(ConfigError) as caught:
        read(f"targets: {targets}")
    assert f"hunts.weekly.{said}" in [problem.split(": ", 1)[1] for problem in caught.value.problems]


def test_a_unit_needs_a_role_for_its_accounts():
    target = "targets: [{regions: all, organizational_units: ou-ab12-34cd56ef}]"
    with pytest.raises(ConfigError, match="needs a role for the accounts of the unit; write at the top"):
        read(target)
    role = "arn:aws:iam::{account_id}:role/huntbridge-read"
    Path("huntbridge.yaml").write_text(
        f'{HEAD}    {target}\norganization: {{role: "{role}", cado_account: "aws-{{account_id}}"}}\n'
    )
    account = load(None, {}).account("444455556666")
    assert account is not None
    assert (account.role, account.cado_account) == (
        "arn:aws:iam::444455556666:role/huntbridge-read",
        "aws-444455556666",
    )
