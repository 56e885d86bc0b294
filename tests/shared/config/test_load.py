"""A YAML file in, the whole configuration or the whole list of mistakes out."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.config.accounts import AccountConfig
from shared.config.config import SECRET_KEYS, Config
from shared.config.destinations.jira import JiraConfig
from shared.config.destinations.slack import SlackConfig
from shared.config.destinations.teams import TeamsConfig
from shared.config.errors import ConfigError
from shared.config.hunts import HuntConfig
from shared.config.platform_section import PlatformConfig, WebhookConfig
from shared.config.routes import MatchConfig, RouteConfig
from shared.config.schema import schema
from shared.config.targets import TargetConfig
from shared.secrets import SecretRef
from tests.shared.config.loading import load

PLATFORM = "platform: {url: https://cado.example, api_key: env:API_KEY}\n"
REFERENCE = (
    "a secret is written as a reference, env:NAME, file:/path, aws-secretsmanager:name#key or aws-ssm:/name; "
    "put the value there and the reference here"
)
SECRET = "s3cr3t"  # in every form in which a person may write one by mistake


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str | bytes, **environ: str) -> Config:
    Path("huntbridge.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(None, environ)


def mistakes(text: str | bytes, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix("huntbridge.yaml:") for problem in caught.value.problems]


def with_hunt(text: str) -> str:
    return PLATFORM + "hunts: {weekly: {targets: [{instance: i-0123456789abcdef0, " + text + "}]}}\n"


def with_slack(text: str) -> str:
    return PLATFORM + "destinations: {soc: {type: slack, webhook_url: env:SOC}}\n" + text


def test_the_example_of_the_design(folder: Path):
    (folder / "cado-ca.pem").write_text("a certificate")
    found = read(
        """\
platform: {url: https://cado.internal.example, api_key: env:CADO, ca_bundle: cado-ca.pem}
webhook:  {tokens: [env:CURRENT, file:/run/secrets/previous]}
accounts:
  prod: {id: "111122223333", role: arn:aws:iam::111122223333:role/huntbridge-read,
         external_id: env:EXTERNAL_ID, cado_account: Default}
hunts:
  weekly-crown-jewels:
    schedule: cron(0 2 ? * SUN *)        # EventBridge's form
    timezone: Etc/UTC
    capture: full                        # full | triage | scan
    targets:
      - {instance: i-0123456789abcdef0, region: us-east-1}
      - {instance: i-01234567, region: eu-west-1, account: prod}
destinations:
  soc:     {type: slack, webhook_url: env:SLACK}
  office:  {type: teams, webhook_url: env:TEAMS_WEBHOOK_URL}
  tickets: {type: jira, url: https://acme.atlassian.net, email: hunt@acme.example,
            api_token: env:JIRA_API_TOKEN, project: SEC, issue_type: Incident}
routes:                                  # first match wins; `continue: true` goes on
  - {match: {severity: malicious, tags: {Env: prod}}, to: [tickets, soc], continue: true}
  - {match: {event: [processing_with_alarms, high_severity_alarm]}, to: [soc]}
  - {match: {event: [hunt_finished, capture_failed]}, to: office}
default: soc
"""
    )
    assert found == Config(
        platform=PlatformConfig(
            url="https://cado.internal.example",
            api_key=SecretRef("env:CADO"),
            ca_bundle=str(folder / "cado-ca.pem"),
        ),
        webhook=WebhookConfig(tokens=(SecretRef("env:CURRENT"), SecretRef("file:/run/secrets/previous"))),
        accounts={
            "prod": AccountConfig(
                id="111122223333",
                role="arn:aws:iam::111122223333:role/huntbridge-read",
                external_id=SecretRef("env:EXTERNAL_ID"),
            )
        },
        hunts={
            "weekly-crown-jewels": HuntConfig(
                schedule="cron(0 2 ? * SUN *)",
                targets=(
                    TargetConfig(instance="i-0123456789abcdef0", region="us-east-1"),
                    TargetConfig(instance="i-01234567", region="eu-west-1", account="prod"),
                ),
            )
        },
        destinations={
            "soc": SlackConfig(type="slack", webhook_url=SecretRef("env:SLACK")),
            "office": TeamsConfig(type="teams", webhook_url=SecretRef("env:TEAMS_WEBHOOK_URL")),
            "tickets": JiraConfig(
                type="jira",
                url="https://acme.atlassian.net",
                email="hunt@acme.example",
                api_token=SecretRef("env:JIRA_API_TOKEN"),
                project="SEC",
                issue_type="Incident",
            ),
        },
        routes=(
            RouteConfig(
                match=MatchConfig(severity=("malicious",), tags={"Env": ("prod",)}),
                to=("tickets", "soc"),
                **{"continue": True},
            ),
            RouteConfig(
                match=MatchConfig(event=("processing_with_alarms", "high_severity_alarm")), to=("soc",)
            ),
            RouteConfig(match=MatchConfig(event=("hunt_finished", "capture_failed")), to=("office",)),
        ),
        default=("soc",),
    )


def test_what_is_normalised():
    found = read(
        "platform:\n"
        "  url: https://Cado.Example:8443/api/v3/\n"
        "  api_key: env:API_KEY\n"
        f"  fingerprint: {':'.join(['AB'] * 32)}\n"
        "webhook: {tokens: env:TOKEN}\n"
        "destinations:\n"
        "  2024: {type: jira, url: https://jira.example/jira/, token: env:J, project: OPS, labels: one}\n"
        "extra_regions: eu-west-9\n"
    )
    assert found.platform.url == "https://cado.example:8443"
    assert found.platform.fingerprint == "ab" * 32
    assert found.webhook.tokens == ("env:TOKEN",)
    assert found.default == ("2024",)  # the only destination
    jira = found.destinations["2024"]
    assert isinstance(jira, JiraConfig)
    assert (jira.url, jira.labels) == ("https://jira.example/jira", ("one",))
    assert found.extra_regions == ("eu-west-9",)


def test_a_system_that_is_written_twice_is_captured_once():
    target = "{instance: i-01234567, region: us-east-1}"
    assert len(read(f"{PLATFORM}hunts: {{a: {{targets: [{target}, {target}]}}}}").hunts["a"].systems) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The file as YAML.
        ("", [" the file is empty: write at least platform: {url: …, api_key: …}"]),
        (" \n\n", [" the file is empty: write at least platform: {url: …, api_key: …}"]),
        ("\ufeff", [" the file is empty: write at least platform: {url: …, api_key: …}"]),
        ("a: b".encode("utf-16"), [" the file is not UTF-8 text"]),
        ("# nothing\n", ["1: platform: missing"]),
        ("just text", ["1: the file must hold keys and values, such as platform: …"]),
        ("- a\n- b", ["1: the file must hold keys and values, such as platform: …"]),
        (b"platform: \xff", [" the file is not UTF-8 text"]),
        ("a: b\nc: \x01", ["2: a control character that YAML does not allow"]),
        ("a:\n\t- b", ["2: a tab; YAML is indented with spaces"]),
        ("a: *s3cr3t", ["1: an alias that nothing defines; a value that begins with * is written in quotes"]),
        ("a: @s3cr3t", ["1: a value cannot begin with this character; write the value in quotes"]),
        ("a: b: c", ["1: a colon cannot stand here; check the indentation, or write in quotes"]),
        ("a: b\nc: 's3cr3t\nd: e", ["2: a quote is opened here and never closed"]),
        ("a: b\nc: [s3cr3t\nd: e\n", ["2: a bracket is opened here and not closed, or a comma is missing"]),
        ("a: {b: c\n", ["1: a bracket is opened here and not closed, or a comma is missing"]),
        ("a: b\ns3cr3t\nc: d", ["2: a key begins here and has no colon"]),
        ("a:\n  b: c\n d: e", ["3: the indentation does not fit the lines above"]),
        ("a: b\n---\nc: d", ["2: a second document begins here; one file holds one"]),
        ('a: "\\q"', ["1: this is not YAML"]),
        ('a: "\\UFFFFFFFF"', ["1: an escape (\\x, \\u, \\U) in double quotes that is no character"]),
        ("[" * 5000, ["1: nested too deeply"]),
        (PLATFORM + "? [a]\n: b", ["2: …: a key must be plain text"]),
        (PLATFORM + 'default: "\\uD800"', ["2: default: half a character (an unpaired surrogate)"]),
        (PLATFORM + "default: !!binary aGk=", ["2: default: YAML tags (!…) are not used here"]),
        (PLATFORM + "hunts: !s3cr3t {}", ["2: hunts: YAML tags (!…) are not used here"]),
        (PLATFORM + "follow: {interval: !!int x}", [
            "2: follow.interval: not a value of the kind that its YAML tag or form says"]),
        (PLATFORM + "hunts: &a {b: *a}", ["2: hunts.b: an alias of a value that contains it"]),
        (PLATFORM + "hunts:\n  <<: {}", [
            "3: hunts.…: merge keys (<<) are not used here; write the keys out"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_yaml(text, expected):
    assert mistakes(text) == expected


MISTAKES = [
    case.split("----\n") for case in Path(__file__).with_name("mistakes.txt").read_text().split("====\n")
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_every_mistake_is_named(text, expected):
    """The cases are in mistakes.txt: a file, and below ---- all that is said about it."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value) + "\n" == expected


@pytest.mark.parametrize(
    "text",
    [
        with_slack(""),
        with_slack("routes: [{to: soc}]"),
        with_slack("routes: [{match: {}, to: soc}]"),
        with_slack("routes: [{match: {event: '*'}, to: soc, continue: true}]"),
        with_slack("routes: [{match: {event: a}, to: soc}]\ndefault: soc"),
        with_hunt("region: mars-1") + "extra_regions: mars-1",
        with_hunt("region: cn-north-1"),
        with_hunt("region: us-gov-east-1"),
        PLATFORM + "follow: {interval: &a 5}\ndelivery: {retry_for: *a}",
    ],
)  # fmt: skip
def test_what_is_no_mistake(text):
    read(text)


def test_a_schedule_that_is_wrong_is_said_in_the_words_of_the_calendar():
    hunt = "{schedule: rate(7 fortnights), targets: [{instance: i-01234567, region: us-east-1}]}"
    (problem,) = mistakes(PLATFORM + f"hunts: {{a: {hunt}}}")
    assert problem.startswith("2: hunts.a.schedule: rate(7 fortnights)")


@pytest.mark.parametrize(
    "written",
    [
        SECRET, f"'{SECRET}'", f"https://hooks.slack.com/services/{SECRET}", f"env:{SECRET}-x",
        f"file:{SECRET}", f"[{SECRET}]", f"{{{SECRET}: 1}}", f"{{{SECRET}: 1, {SECRET}: 2}}",
        f"[[{SECRET}]]", f"!{SECRET} x",
        f"!!int {SECRET}", f"*{SECRET}", f"&a {SECRET}", f"@{SECRET}", f"%{SECRET}", f"`{SECRET}",
        f'"{SECRET}',
        f"'{SECRET}", f"[{SECRET}", f"{{{SECRET}", f"{SECRET}: {SECRET}", f"|\n  {SECRET}", f"|{SECRET}",
        f'"\\q{SECRET}"', f'"\\uD800{SECRET}"', f"? {SECRET}", f"- {SECRET}", f"{SECRET} '", f"\t{SECRET}",
        f"!<{SECRET}", f"&{SECRET} &{SECRET} a", f'{{"{SECRET}": 1}}',
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "file",
    [
        "platform: {url: https://cado.example, api_key: HERE}\n",
        "platform:\n  url: https://cado.example\n  api_key: HERE\n",
        PLATFORM + "webhook:\n  tokens: HERE\n",
        PLATFORM + "webhook:\n  tokens:\n    - HERE\n",
        PLATFORM + "accounts:\n  token:\n    external_id: HERE\n",
        PLATFORM + "destinations:\n  soc:\n    type: slack\n    webhook_url: HERE\n",
        PLATFORM + "destinations:\n  soc:\n    type: teams\n    webhook_url: HERE\n",
        PLATFORM + "destinations:\n  soc:\n    type: nothing\n    webhook_url: HERE\n",
        PLATFORM + "destinations:\n  soc:\n    type: jira\n    api_token: HERE\n",
        PLATFORM + "destinations:\n  soc:\n    type: jira\n    token: HERE\n",
    ],
)
def test_a_secret_that_stands_in_the_file_is_never_repeated(file, written):
    assert SECRET not in "\n".join(mistakes(file.replace("HERE", written)))


def test_every_key_of_a_secret_is_known_as_one():
    def forms(value: dict[str, Any]) -> list[dict[str, Any]]:
        return [value, *value.get("anyOf", [])]

    sections = [schema(), *schema()["$defs"].values()]
    keys = {
        key
        for section in sections
        for key, value in section.get("properties", {}).items()
        if any(form.get("pattern") == SecretRef.PATTERN for form in forms(value))
    }
    assert keys == SECRET_KEYS


def test_a_literal_secret_is_told_from_a_reference():
    assert mistakes(
        "platform:\n  url: https://cado.example\n  api_key: s3cr3t\n"
        "webhook: {tokens: [env:A, 12345, s3cr3t]}\n"
    ) == [
        f"3: platform.api_key: {REFERENCE}",
        f"4: webhook.tokens[1]: {REFERENCE}",
        f"4: webhook.tokens[2]: {REFERENCE}",
    ]


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_WORDS = (
    "platform webhook accounts hunts destinations routes default delivery follow extra_regions url api_key "
    "tokens soc type webhook_url match to event tags schedule timezone targets instance region account "
    "problems continue retry_for interval link fingerprint ca_bundle priorities email api_token"
)
_KEYS = st.sampled_from(_WORDS.split())
_DATA = st.recursive(
    _SCALARS | st.sampled_from(["slack", "jira", "env:A", "https://a.example", "soc", "cron(x)"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=25,
)


def _only_config_errors(text: str | bytes) -> None:
    told = ""
    try:
        read(text)
    except ConfigError as error:
        told = "\n".join(error.problems) or "no problem told"
    assert not any(
        w in told for w in ("no problem told", "pydantic", "Input should", "Value error", "cannot be used")
    )
    told.encode()  # printable: no half characters


@given(st.dictionaries(_KEYS, _DATA, max_size=6))
def test_any_data_is_read_or_refused(tmp_path_factory, data):
    _only_config_errors(json.dumps(data))


@given(st.text(st.sampled_from("ab:-[]{},&*!|>'\"%@`#?<=.0123456789_ \n\t~\\xuU\ud800\x00é"), max_size=60))
@example("a: 1__")
@example("*0")
@example("a: " + "1" * 5000)
@example("a: 0b_")
@example("a: 1:2:3.")
@example("a: 2024-99-99")
@example("a: =")
@example("%YAML 9.9\n---\na")
def test_any_text_is_read_or_refused(text):
    _only_config_errors(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(raw):
    _only_config_errors(raw)


def test_which_file_is_read(folder: Path):
    (folder / "sub").mkdir()
    for name, host in (("huntbridge.yaml", "here"), ("sub/named.yaml", "named"), ("sub/given.yaml", "given")):
        (folder / name).write_text(PLATFORM.replace("cado.example", f"{host}.example"))
    named = {"HUNTBRIDGE_CONFIG": "sub/named.yaml", "PLATFORM_IP": "alone.example", "API_KEY": "k"}
    assert load("sub/given.yaml", named).platform.url == "https://given.example"
    assert load(None, named).platform.url == "https://named.example"
    assert load(None, {**named, "HUNTBRIDGE_CONFIG": ""}).platform.url == "https://here.example"
    (folder / "huntbridge.yaml").unlink()
    assert load(None, {**named, "HUNTBRIDGE_CONFIG": ""}).platform.url == "https://alone.example"


def test_a_certificate_counts_from_the_folder_of_the_file(folder: Path):
    (folder / "sub").mkdir()
    (folder / "sub/ca.pem").write_text("a certificate")
    (folder / "sub/config.yaml").write_text(PLATFORM.replace("}", ", ca_bundle: ca.pem}"))
    assert load("sub/config.yaml", {}).platform.ca_bundle == str(folder / "sub/ca.pem")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("no.yaml", "no.yaml: there is no such file"),
        (".", ".: the file cannot be read (Is a directory)"),
        ("a\0b", "a\0b: this is not the path of a file"),
    ],
)
def test_a_file_that_cannot_be_read(path, problem):
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert caught.value.problems == [problem]


def test_a_file_that_is_too_large():
    assert mistakes("#" * (4 * 1024 * 1024 + 1)) == [" the file is larger than 4 MiB"]
    layers = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert mistakes("a0: &a0 x\n" + layers) == ["1: more than 500,000 values"]


@pytest.mark.parametrize(("there", "meant"), [("a.yml", "a.yaml"), ("a.yaml", "a.yml")])
def test_a_file_whose_name_ends_in_another_way(tmp_path, there, meant):
    (tmp_path / there).write_text(PLATFORM)
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / meant), {})
    assert str(caught.value) == f"{tmp_path}/{meant}: there is no such file; did you mean {tmp_path}/{there}?"


def test_a_name_in_quotation_marks(tmp_path):
    with pytest.raises(ConfigError, match=r"there.yaml\": the file's name is in quotation marks"):
        load(None, {"HUNTBRIDGE_CONFIG": f'"{tmp_path}/there.yaml"'})


def test_the_other_ending_is_not_passed_over_in_silence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "huntbridge.yml").write_text(PLATFORM)
    with pytest.raises(ConfigError) as caught:
        load(None, {"API_KEY": "k"})
    assert str(caught.value).startswith("huntbridge.yml: is not read: rename it to huntbridge.yaml")
    load(None, {"API_KEY": "k", "PLATFORM_IP": "cado.example"})  # as before: `check` warns of it
    (tmp_path / "huntbridge.yaml").write_text(PLATFORM)
    load(None, {"API_KEY": "k"})
