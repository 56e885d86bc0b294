"""Warnings about conditions that no alarm meets and routes that no alarm reaches."""

from __future__ import annotations

import pytest

from tests.shared.config.loading import TWO, warnings_of, with_hunt


def routes(*rules):
    return TWO + "default: [soc, ir]\nroutes:\n" + "".join(f"  - {rule}\n" for rule in rules)


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (
            "event: processing_with_alarm",
            "event: there is no event 'processing_with_alarm'; did you mean processing_with_alarms?",
        ),
        ("event: [hunt_finished, 'zzz*']", "event: there is no event 'zzz*'"),
        ("event: 'clos*'", "event: 'clos*' matches no decision about a case: write closed in full"),
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
    (warning,) = warnings_of(tmp_path, with_hunt(targets) + routes(f"{{match: {{{match}}}, to: ir}}"))
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
    assert warnings_of(tmp_path, with_hunt(targets) + routes(f"{{match: {{{match}}}, to: ir}}")) == []


def test_hunts_of_guardduty_exist_where_it_is_configured(tmp_path):
    assert warnings_of(tmp_path, "guardduty: {}\n" + routes("{match: {hunt: 'guardduty-*'}, to: ir}")) == []


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
    (warning,) = warnings_of(tmp_path, routes(above, below))
    assert warning.startswith(
        "routes[1]: no alarm reaches this route: routes[0] above it takes all alarms that it matches"
    )
    assert warnings_of(tmp_path, routes(above.replace("to: soc", "to: soc, continue: true"), below)) == []


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
    assert warnings_of(tmp_path, routes(above, below)) == []


def test_a_route_that_names_a_decision_is_reached_below_any_other(tmp_path):
    assert warnings_of(tmp_path, routes("{to: soc}", "{match: {event: [closed, released]}, to: ir}")) == []
    by_pattern = routes("{to: soc}", "{match: {event: 'clos*'}, to: ir}")
    assert "no alarm reaches this route" in warnings_of(tmp_path, by_pattern)[-1]
