"""Warnings about targets that capture nothing and settings of hunts without effect."""

from __future__ import annotations

import pytest

from tests.shared.config.loading import warnings_of, with_hunt

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
    (warning,) = warnings_of(tmp_path, with_hunt(f"{SELECT}, exclude: [{{{rule}}}]"))
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
    assert warnings_of(tmp_path, with_hunt(f"{SELECT}, exclude: [{{{rule}}}]")) == []


def test_a_named_system_that_is_left_out_or_named_twice(tmp_path):
    one = "{instance: i-0123456789abcdef0, region: us-east-1}"
    assert warnings_of(
        tmp_path, with_hunt(f"targets: [{one}], exclude: [{{instance: i-0123456789abcdef0}}]")
    ) == ["hunts.weekly.targets[0]: matches no system: exclude[0] leaves out all of its systems"]
    assert (
        warnings_of(tmp_path, with_hunt(f"targets: [{one}], exclude: [{{instance: i-0123456789abcdef1}}]"))
        == []
    )
    assert warnings_of(tmp_path, with_hunt(f"targets: [{one}, {one}]")) == [
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
    (warning,) = warnings_of(tmp_path, with_hunt(f"{options}, {targets}"))
    assert warning.startswith(f"hunts.weekly.{said}")


@pytest.mark.parametrize(
    ("options", "check", "said"),
    [
        ("", "", "has no effect: the hunt has no schedule, so nobody knows when it begins next"),
        ("schedule: rate(7 days), ", "daily_check: {enabled: false}\n",
         "has no effect: daily_check is switched off, and the preflight runs with it"),
        ("schedule: rate(7 days), ", "", None),
    ],
)  # fmt: skip
def test_a_preflight_that_never_runs(tmp_path, options, check, said):
    targets = "targets: [{instance: i-0123456789abcdef0, region: us-east-1}]"
    text = with_hunt(f"preflight: true, {options}{targets}") + check
    assert warnings_of(tmp_path, text) == ([f"hunts.weekly.preflight: {said}"] if said else [])


def test_what_a_platform_of_api_v2_refuses(tmp_path):
    old = "platform: {url: https://cado.example, api_key: env:API_KEY, api_version: v2}\n"
    target = "targets: [{instance: i-0123456789abcdef0, region: us-east-1, capture: scan}]"
    assert warnings_of(tmp_path, with_hunt(f"capture: triage, {target}"), old) == [
        "platform.bucket: is not set, and a v2 platform copies disks through a bucket",
        "hunts.weekly.capture: API v2 makes full captures only, not triage",
        "hunts.weekly.targets[0].capture: API v2 makes full captures only, not scan",
    ]


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
    (warning,) = warnings_of(tmp_path, with_hunt(f"targets: [{{regions: [us-east-1], {which}}}]"))
    assert warning.startswith(f"hunts.weekly.targets[0].{said}")
