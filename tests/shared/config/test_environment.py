"""The environment alone: variables in, the whole configuration or the whole list of mistakes out."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.accounts import AccountConfig
from shared.config.config import Config
from shared.config.destinations.jira import JiraConfig
from shared.config.destinations.slack import SlackConfig
from shared.config.destinations.teams import TeamsConfig
from shared.config.errors import ConfigError
from shared.config.hunts import HuntConfig
from shared.config.platform_section import PlatformConfig, WebhookConfig
from shared.config.targets import TargetConfig
from shared.secrets import SecretRef
from tests.shared.config.loading import load

PLATFORM = {"PLATFORM_IP": "10.0.0.1", "API_KEY": "s3cr3t-key"}
FORM = 'write {"region": "us-east-1", "instanceid": "i-0123456789abcdef0"}'
NO_CONFIGURATION = (
    "PLATFORM_IP: not set, and there is no huntbridge.yaml here: write one, or name one with "
    "HUNTBRIDGE_CONFIG, or set PLATFORM_IP and API_KEY in the environment"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def system(instance: str = "i-0123456789abcdef0", region: object = "us-east-1", **more: object) -> str:
    return json.dumps({"region": region, "instanceid": instance, **more})


def read(**environ: str) -> Config:
    return load(None, PLATFORM | environ)


def mistakes(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(**environ)
    assert "s3cr3t" not in str(caught.value)
    return caught.value.problems


def problems(**environ: str) -> tuple[str, ...]:
    return read(**environ).hunts["default"].problems


def test_the_original_variables():
    target = TargetConfig(instance="i-0123456789abcdef0", region="us-east-1")
    assert read(BUCKET="disks", API_VERSION="v2", SYSTEM1=system(), PATH="/bin", SYSTEMS="x") == Config(
        platform=PlatformConfig(
            url="https://10.0.0.1", api_key=SecretRef("env:API_KEY"), api_version="v2", bucket="disks"
        ),
        hunts={"default": HuntConfig(targets=(target,))},
    )


def test_every_variable(folder: Path):
    (folder / "ca.pem").write_text("a certificate")
    found = read(
        PLATFORM_IP="http://localhost:8080/",
        CA_BUNDLE="ca.pem",
        FINGERPRINT="AB" * 32,
        WEBHOOK_TOKEN="s3cr3t",
        WEBHOOK_TOKEN_PREVIOUS="s3cr3t too",
        SYSTEM1=system(account="prod", region="mars-1"),
        SCHEDULE="rate(7 days)",
        TIMEZONE="Europe/Berlin",
        CAPTURE="triage",
        SLACK_WEBHOOK_URL="https://hooks.slack.com/services/T/B/s3cr3t",
        TEAMS_WEBHOOK_URL="http://127.0.0.1:9/hook",
        JIRA_URL="https://acme.atlassian.net",
        JIRA_EMAIL="hunt@acme.example",
        JIRA_API_TOKEN="s3cr3t",
        JIRA_PROJECT="SEC",
        JIRA_ISSUE_TYPE="Incident",
        EXTRA_REGIONS="mars-1, mars-2,",
    )
    assert found == Config(
        platform=PlatformConfig(
            url="http://localhost:8080",
            api_key=SecretRef("env:API_KEY"),
            ca_bundle=str(folder / "ca.pem"),
            fingerprint="ab" * 32,
        ),
        webhook=WebhookConfig(
            tokens=(SecretRef("env:WEBHOOK_TOKEN"), SecretRef("env:WEBHOOK_TOKEN_PREVIOUS"))
        ),
        accounts={"prod": AccountConfig(cado_account="prod")},
        hunts={
            "default": HuntConfig(
                schedule="rate(7 days)",
                timezone="Europe/Berlin",
                capture="triage",
                targets=(TargetConfig(instance="i-0123456789abcdef0", region="mars-1", account="prod"),),
            )
        },
        destinations={
            "slack": SlackConfig(type="slack", webhook_url=SecretRef("env:SLACK_WEBHOOK_URL")),
            "teams": TeamsConfig(type="teams", webhook_url=SecretRef("env:TEAMS_WEBHOOK_URL")),
            "jira": JiraConfig(
                type="jira",
                url="https://acme.atlassian.net",
                email="hunt@acme.example",
                api_token=SecretRef("env:JIRA_API_TOKEN"),
                project="SEC",
                issue_type="Incident",
            ),
        },
        default=("slack", "teams", "jira"),
        extra_regions=("mars-1", "mars-2"),
    )
    assert "s3cr3t" not in repr(found) + found.model_dump_json()


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("cado.example", "https://cado.example"),
        ("cado.example:8443", "https://cado.example:8443"),
        ("https://cado.example/api/v2", "https://cado.example"),
        (" 10.0.0.1\n", "https://10.0.0.1"),
        ("fd00::1", "https://[fd00::1]"),
        ("[fd00::1]:8443", "https://[fd00::1]:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_how_the_platform_may_be_written(written, url):
    assert read(PLATFORM_IP=written).platform.url == url


def test_what_is_not_set_leaves_nothing():
    found = read(SYSTEM1="", SLACK_WEBHOOK_URL=" ", JIRA_URL="", TIMEZONE="Mars/Olympus", CAPTURE="full")
    assert (found.hunts, found.destinations, found.default) == ({}, {}, ())


def test_a_system_that_is_malformed_stops_no_other():
    found = read(
        SYSTEM1=system("i-00000001"),
        SYSTEM2="i-0123456789abcdef0",
        SYSTEM3="[]",
        SYSTEM4='{"region": "us-east-1"}',
        SYSTEM5='{"region": "us-east-1", "instance_id": "i-00000005", "x": 1}',
        SYSTEM6=system("i-0"),
        SYSTEM7=system("i-00000007", region="us-east1"),
        SYSTEM8=system("i-00000001"),
        SYSTEM9=system("i-00000009", region=7),
        SYSTEM10=system("i-00000010"),
    ).hunts["default"]
    assert [s.instance for s in found.systems] == ["i-00000001", "i-00000010"]
    assert found.problems == (
        f"SYSTEM2 is not JSON; {FORM}",
        f"SYSTEM3 is not a JSON object; {FORM}",
        f"SYSTEM4: instanceid is missing; {FORM}",
        f"SYSTEM5: unknown key 'instance_id' (did you mean instanceid?); unknown key 'x'; {FORM}",
        f"SYSTEM6: instanceid must be an instance id: i- and 8 or 17 hex digits in lower case; {FORM}",
        "SYSTEM7: region 'us-east1' is not a region; did you mean us-east-1? add a newer region to "
        f"extra_regions (or EXTRA_REGIONS); {FORM}",
        "SYSTEM8 names the same system as SYSTEM1: it is captured once",
        f"SYSTEM9: region must be text; {FORM}",
    )


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [
        ((1, 2, 3), ()),
        ((0, 1), ()),
        ((1, 3), ("SYSTEM2 is not set, though SYSTEM3 is: the hunt goes on with the others",)),
        ((2,), ("SYSTEM1 is not set, though SYSTEM2 is: the hunt goes on with the others",)),
        ((1, 10**15), (
            "SYSTEM2 to SYSTEM999999999999999 are not set, though SYSTEM1000000000000000 is: "
            "the hunt goes on with the others",)),
        ((2, 4), (
            "SYSTEM1 is not set, though SYSTEM2 is: the hunt goes on with the others",
            "SYSTEM3 is not set, though SYSTEM4 is: the hunt goes on with the others")),
    ],
)  # fmt: skip
def test_a_gap_in_the_numbers_is_reported(numbers, gaps):
    hunt = read(**{f"SYSTEM{n}": system(f"i-{i:08}") for i, n in enumerate(numbers)}).hunts["default"]
    assert len(hunt.systems) == len(numbers)
    assert hunt.problems == gaps


def test_more_than_a_thousand_systems_in_the_order_of_their_numbers():
    environ = {f"SYSTEM{n}": system(f"i-{n:08}") for n in reversed(range(1, 1501))}
    hunt = read(**environ).hunts["default"]
    assert [s.instance for s in hunt.systems] == [f"i-{n:08}" for n in range(1, 1501)]
    assert hunt.problems == ()


def test_a_hunt_of_which_nothing_is_left_still_says_why():
    hunt = read(SYSTEM1="{").hunts["default"]
    assert (hunt.systems, hunt.problems) == ((), (f"SYSTEM1 is not JSON; {FORM}",))


@pytest.mark.parametrize("environ", [{}, {"API_KEY": "k"}, {"PLATFORM_IP": " ", "SYSTEM1": system()}])
def test_no_configuration_at_all(environ):
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    assert caught.value.problems == [NO_CONFIGURATION]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"API_KEY": ""}, ["API_KEY: not set"]),
        ({"PLATFORM_IP": "http://10.0.0.1"}, [
            "PLATFORM_IP: must be https; http is only for this machine (127.0.0.1, ::1, localhost)"]),
        ({"PLATFORM_IP": "u:s3cr3t@10.0.0.1"}, ["PLATFORM_IP: must not hold a user name or password"]),
        ({"API_VERSION": "v1", "CA_BUNDLE": "no.pem", "FINGERPRINT": "x", "EXTRA_REGIONS": "a b"}, [
            "API_VERSION: 'v1' is not known; write one of v3, v2",
            "CA_BUNDLE: there is no file 'no.pem'; paths are relative to the configuration's folder",
            "FINGERPRINT: must be the certificate's SHA-256: 64 hex digits, colons allowed",
            "EXTRA_REGIONS: must be a region such as eu-west-9"]),
        ({"SYSTEM1": system(), "TIMEZONE": "Europe/Berln", "CAPTURE": "ful"}, [
            "TIMEZONE: 'Europe/Berln' is not a time zone; did you mean Europe/Berlin?",
            "CAPTURE: 'ful' is not known; did you mean full?"]),
        ({"SCHEDULE": "rate(1 day)"}, ["SCHEDULE: there is nothing to capture: set SYSTEM1 as well"]),
        ({"JIRA_ISSUE_TYPE": "Task"}, [
            "JIRA_URL: not set", "JIRA_PROJECT: not set",
            "JIRA_URL: no login: write JIRA_EMAIL and JIRA_API_TOKEN (Jira Cloud), "
            "or JIRA_TOKEN (Jira Data Center)"]),
        ({"JIRA_URL": "https://j.example", "JIRA_PROJECT": "A", "JIRA_EMAIL": "a@b.example"}, [
            "JIRA_API_TOKEN: not set: Jira Cloud takes JIRA_EMAIL and JIRA_API_TOKEN together"]),
        ({"JIRA_URL": "https://j.example", "JIRA_PROJECT": "A", "JIRA_EMAIL": "a", "JIRA_TOKEN": "t"}, [
            "JIRA_URL: two logins: write JIRA_EMAIL and JIRA_API_TOKEN (Jira Cloud), "
            "or JIRA_TOKEN (Jira Data Center), not both"]),
    ],
)  # fmt: skip
def test_every_mistake_names_its_variable(environ, expected):
    assert mistakes(**environ) == expected


@given(st.dictionaries(st.from_regex(r"SYSTEM[0-9]{1,3}", fullmatch=True), st.text(max_size=30), max_size=4))
def test_any_systems_are_read(systems):
    read(**systems)


@given(st.recursive(
    st.none() | st.integers() | st.text(max_size=20) | st.floats(),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["region", "instanceid", "account", "x"]), inner),
    max_leaves=6,
))  # fmt: skip
def test_any_json_in_a_system_is_read(value):
    assert len(read(SYSTEM1=json.dumps(value)).hunts["default"].problems) == 1


def test_json_that_is_nested_without_end():
    assert problems(SYSTEM1="[" * 100_000) == (f"SYSTEM1 is not JSON; {FORM}",)


@pytest.mark.parametrize("mark", ['"', "'"])
def test_values_that_kept_their_quotation_marks_are_named(mark):
    quoted = {
        "PLATFORM_IP": "cado.example",
        "BUCKET": "evidence",
        "SCHEDULE": "rate(7 days)",
        "JIRA_URL": "https://jira.example",
        "JIRA_PROJECT": "SEC",
        "JIRA_ISSUE_TYPE": "Incident",
    }
    given = {name: f"{mark}{value}{mark}" for name, value in quoted.items()}
    with pytest.raises(ConfigError) as caught:
        load(None, {"API_KEY": "k", "JIRA_TOKEN": "t", "SYSTEM1": system(), **given})
    assert sorted(line.split(":")[0] for line in caught.value.problems) == sorted(quoted)
    assert all("is in quotation marks" in line and "remove them" in line for line in caught.value.problems)


def test_a_system_that_kept_its_quotation_marks_is_named():
    hunt = load(
        None, {**PLATFORM, "SYSTEM1": f"'{system()}'", "SYSTEM2": system("i-0fedcba9876543210")}
    ).hunts
    (problem,) = hunt["default"].problems
    assert problem.startswith("SYSTEM1 is in quotation marks")
    assert len(hunt["default"].targets) == 1
