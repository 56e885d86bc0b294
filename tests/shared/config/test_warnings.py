"""What can be used and does not do what was meant is warned of, each in one sentence."""

from __future__ import annotations

import pytest

from shared.aws.regions import known_regions
from shared.config.warnings import file_warnings, warnings
from tests.shared.config.loading import load

PLATFORM = "platform: {url: https://cado.example, api_key: env:API_KEY}\n"
TWO = """\
destinations:
  soc: {type: slack, webhook_url: env:A}
  ir: {type: slack, webhook_url: env:B}
"""


def told(tmp_path, text, platform=PLATFORM):
    path = tmp_path / "huntbridge.yaml"
    path.write_text(platform + text)
    return [str(warning) for warning in warnings(load(str(path), {}), known_regions())]


def routes(*rules):
    return TWO + "default: [soc, ir]\nroutes:\n" + "".join(f"  - {rule}\n" for rule in rules)


def hunt(text):
    return f"accounts: {{prod: {{}}, test: {{}}}}\nhunts:\n  weekly: {{{text}}}\n"


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (
            "event: processing_with_alarm",
            "event: there is no event 'processing_with_alarm'; did you mean processing_with_alarms?",
        ),
        ("event: [hunt_finished, 'zzz*']", "event: there is no event 'zzz*'"),
        ("event: acknowledged", "event: 'acknowledged' is never routed: it goes where the alarms went"),
        ("hunt: weakly", "hunt: there is no hunt 'weakly'; did you mean weekly?"),
        ("hunt: 'guardduty-*'", "hunt: there is no hunt 'guardduty-*'"),
        ("account: prd", "account: there is no account 'prd'; did you mean prod?"),
        ("region: us-east1", "region: 'us-east1' is not a region; did you mean us-east-1?"),
        ("account: '12345'", "account: there is no account '12345'"),
        ("account: '1234567890123*'", "account: there is no account '1234567890123*'"),
        ("event: []", "event: is empty, so it is no condition"),
        ("severity: []", "severity: is empty, so it is no condition"),
        ("instance: ''", "instance: '' matches nothing"),
        ("project: [hunts, '']", "project: '' matches nothing"),
        ("tags: {Env: []}", "tags.Env: is empty, so nothing matches"),
        ("tags: {'': x}", "tags: no tag has the key ''"),
    ],
)
def test_a_match_of_what_does_not_exist(tmp_path, match, said):
    targets = "targets: [{instance: i-0123456789abcdef0, region: us-east-1}]"
    (warning,) = told(tmp_path, hunt(targets) + routes(f"{{match: {{{match}}}, to: ir}}"))
    assert warning.startswith(f"routes[0].match.{said}")


@pytest.mark.parametrize(
    "match",
    [
        "event: [PROCESSING_WITH_ALARMS, 'audit_event_*', hunt_finished, recovered, unknown, webhook_broken]",
        "hunt: ['week*', weekly]",
        "account: [prod, '111122223333', '1111*']",
        "region: ['eu-*', us-east-1]",
        "tags: {Team: 'SRE [EU]'}, instance: 'web-*', project: '12'",
    ],
)
def test_a_match_of_what_exists(tmp_path, match):
    targets = "targets: [{instance: i-0123456789abcdef0, region: us-east-1}]"
    assert told(tmp_path, hunt(targets) + routes(f"{{match: {{{match}}}, to: ir}}")) == []


def test_hunts_of_guardduty_exist_where_it_is_configured(tmp_path):
    assert told(tmp_path, "guardduty: {}\n" + routes("{match: {hunt: 'guardduty-*'}, to: ir}")) == []


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("{to: soc}", "{match: {severity: malicious}, to: ir}"),
        ("{to: soc}", "{to: ir}"),
        ("{match: {event: '*'}, to: soc}", "{match: {region: us-east-1}, to: ir}"),
        ("{match: {severity: [malicious, suspicious, info, unknown]}, to: soc}", "{to: ir}"),
        ("{match: {severity: [malicious, info]}, to: soc}", "{match: {severity: info}, to: ir}"),
        ("{match: {event: 'Audit_*'}, to: soc}", "{match: {event: 'audit_event_l*'}, to: ir}"),
        (
            "{match: {tags: {Env: 'p*'}}, to: soc}",
            "{match: {tags: {Env: [prod, pre], Team: a}, severity: info}, to: ir}",
        ),
        ("{match: {instance: 'web-?'}, to: soc}", "{match: {instance: [web-1, web-2]}, to: ir}"),
    ],
)
def test_a_route_below_one_that_takes_all_of_its_alarms(tmp_path, above, below):
    (warning,) = told(tmp_path, routes(above, below))
    assert warning.startswith(
        "routes[1]: no alarm reaches this route: routes[0] above it takes all alarms that it matches"
    )
    assert told(tmp_path, routes(above.replace("to: soc", "to: soc, continue: true"), below)) == []


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("{match: {severity: malicious}, to: soc}", "{to: ir}"),
        ("{match: {severity: malicious}, to: soc}", "{match: {severity: [malicious, info]}, to: ir}"),
        ("{match: {region: '*'}, to: soc}", "{to: ir}"),  # a region may not be known
        ("{match: {event: 'audit_*'}, to: soc}", "{match: {event: '*'}, to: ir}"),
        ("{match: {tags: {Env: prod}}, to: soc}", "{match: {tags: {env: prod}}, to: ir}"),
        ("{match: {instance: 'web*'}, to: soc}", "{match: {instance: ['web-1', db-1]}, to: ir}"),
    ],
)
def test_a_route_that_takes_more_than_those_above(tmp_path, above, below):
    assert told(tmp_path, routes(above, below)) == []


def test_a_destination_to_which_nothing_goes(tmp_path):
    unused = "destinations.ir: no alarm goes there: neither a route that can be reached nor default names it"
    assert told(tmp_path, TWO + "default: soc\n") == [unused]
    found = told(tmp_path, TWO + "default: soc\nroutes:\n  - {to: soc}\n  - {to: ir}\n")
    assert found[0] == unused  # what names it is never reached
    for use in ("delivery: {fallback: ir}", "reminders: {to: ir}", "routes: [{to: ir}]"):
        assert told(tmp_path, f"{TWO}default: soc\n{use}\n") == []


SELECT = "targets: [{names: [web-1, 'web-2*'], regions: [us-east-1, eu-west-1], accounts: [prod]}]"


@pytest.mark.parametrize(
    "rule",
    [
        "names: 'web-*'",
        "regions: [us-east-1, eu-west-1, eu-west-2]",
        "accounts: [prod, test], states: [running, stopped, pending]",
        "names: ['web-1', 'web-?*']",
    ],
)
def test_an_exclusion_of_all_that_a_target_takes(tmp_path, rule):
    (warning,) = told(tmp_path, hunt(f"{SELECT}, exclude: [{{{rule}}}]"))
    assert warning == "hunts.weekly.targets[0]: matches no system: exclude[0] leaves out all of its systems"


@pytest.mark.parametrize(
    "rule",
    [
        "names: 'web-2*'",
        "regions: us-east-1",
        "accounts: test",
        "states: stopped",
        "tags: {Hunt: skip}",
        "names: 'web-*', tags: {Hunt: skip}",
        "instance: i-0123456789abcdef0",
    ],
)
def test_an_exclusion_of_a_part(tmp_path, rule):
    assert told(tmp_path, hunt(f"{SELECT}, exclude: [{{{rule}}}]")) == []


def test_a_named_system_that_is_left_out_or_named_twice(tmp_path):
    one = "{instance: i-0123456789abcdef0, region: us-east-1}"
    assert told(tmp_path, hunt(f"targets: [{one}], exclude: [{{instance: i-0123456789abcdef0}}]")) == [
        "hunts.weekly.targets[0]: matches no system: exclude[0] leaves out all of its systems"
    ]
    assert told(tmp_path, hunt(f"targets: [{one}], exclude: [{{instance: i-0123456789abcdef1}}]")) == []
    assert told(tmp_path, hunt(f"targets: [{one}, {one}]")) == [
        "hunts.weekly.targets[1]: names the same system as targets[0]"
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("capture: full, host_options: {light_mode: true}", "host_options: has no effect: it applies only"),
        ("capture: triage, host_options: {groups: [a]}", "host_options: its groups and files have no effect"),
    ],
)
def test_options_of_a_triage_that_nothing_reads(tmp_path, options, said):
    targets = "targets: [{instance: i-0123456789abcdef0, region: us-east-1}]"
    (warning,) = told(tmp_path, hunt(f"{options}, {targets}"))
    assert warning.startswith(f"hunts.weekly.{said}")


def test_what_a_platform_of_api_v2_refuses(tmp_path):
    old = "platform: {url: https://cado.example, api_key: env:API_KEY, api_version: v2}\n"
    target = "targets: [{instance: i-0123456789abcdef0, region: us-east-1, capture: scan}]"
    assert told(tmp_path, hunt(f"capture: triage, {target}"), old) == [
        "platform.bucket: is not set, and a v2 platform copies disks through a bucket",
        "hunts.weekly.capture: API v2 makes full captures only, not triage",
        "hunts.weekly.targets[0].capture: API v2 makes full captures only, not scan",
    ]


def test_a_link_that_is_too_long_for_where_it_would_be_shown(tmp_path):
    def links(length, *types):
        kinds = {
            "slack": "{type: slack, webhook_url: env:A}",
            "teams": "{type: teams, webhook_url: env:A}",
            "jira": "{type: jira, url: https://j.example, token: env:A, project: SEC}",
        }
        url = "https://wiki.example/".ljust(length, "a")
        there = "".join(f"  {type}: {kinds[type]}\n" for type in types)
        settings = f"message: {{links: [{{text: Runbook, url: '{url}'}}]}}\ndestinations:\n{there}"
        return told(tmp_path, f"{settings}default: [{', '.join(types)}]\n")

    assert links(2_000, "slack", "teams", "jira") == []
    assert links(3_000, "slack") == []
    assert links(2_001, "slack", "teams", "jira") == [
        "message.links[0].url: the link has 2,001 characters, and no message of type jira or teams shows one "
        "of more than 2,000"
    ]
    assert links(3_001, "slack") == [
        "message.links[0].url: the link has 3,001 characters, and no message of type slack shows one of more "
        "than 3,000"
    ]


def test_the_rest(tmp_path):
    text = """\
webhook: {tokens: [env:T, env:T]}
accounts:
  a: {id: '111122223333'}
  b: {id: '111122223333', role: arn:aws:iam::444455556666:role/x}
destinations: {jira: {type: jira, url: https://j.example, token: env:A, project: Security Operations}}
owners: {shop: {slack: U0123456789, jira: shop}}
follow: {stall_after: 100, give_up_after: 100, recover_after: 600000, recover_for: 600}
"""
    assert told(tmp_path, text) == [
        "webhook.tokens: env:T is listed twice",
        "accounts.b.id: is that of accounts.a as well",
        "accounts.b.role: belongs to the account 444455556666, and id says 111122223333",
        "destinations.jira.project: 'Security Operations' does not look like a key, such as SEC",
        "owners.shop.slack: mentions nobody: there is no destination of type slack",
        "follow.stall_after: is never reached: give_up_after comes first",
        "follow.recover_after: is never reached: recover_for ends first",
    ]


def test_what_lies_beside_the_configuration_and_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {"PLATFORM_IP": "cado.example", "SYSTEM2": "{}", "API_KEY": "k"}
    assert file_warnings(None, environ) == []
    (tmp_path / "huntbridge.yml").write_text("")
    (alone,) = file_warnings(None, environ)
    assert str(alone).startswith("huntbridge.yml: is not read")
    assert "the environment alone is used" in str(alone)
    (tmp_path / "huntbridge.yaml").write_text("")
    assert [one.where for one in file_warnings(None, environ)] == ["huntbridge.yml", "PLATFORM_IP", "SYSTEM2"]
    assert file_warnings("other.yaml", environ) == []
    assert file_warnings(None, environ | {"HUNTBRIDGE_CONFIG": "other.yaml"}) == []


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("states: [running, terminated]", "states: a system that is terminated cannot be captured"),
        (
            "vpcs: [vpc1, 'vp*', '*', vpc-0a]",
            "vpcs: 'vpc1' matches nothing: the id of a VPC begins with vpc-",
        ),
        ("tags: {Env: []}", "tags.Env: is empty, so nothing matches"),
    ],
)
def test_a_selector_that_takes_nothing_by_one_of_its_values(tmp_path, which, said):
    (warning,) = told(tmp_path, hunt(f"targets: [{{regions: [us-east-1], {which}}}]"))
    assert warning.startswith(f"hunts.weekly.targets[0].{said}")
