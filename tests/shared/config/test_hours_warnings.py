"""Warnings about active hours: times at which nobody is told of malicious alarms, and keys without effect."""

from __future__ import annotations

import pytest

from tests.shared.config.loading import TWO, warnings_of

DAYS = 'active: {days: Mon-Fri, hours: "08:00-18:00", timezone: Europe/Berlin}, hold_malicious: true'
NIGHTS = 'active: {hours: "18:00-08:00", timezone: Europe/Berlin}, hold_malicious: true'
SOC, IR = f"{{to: soc, {DAYS}, continue: true}}", f"{{to: ir, {NIGHTS}, continue: true}}"
MALICIOUS = "match: {severity: malicious}"
WEEKEND = "active: {days: [Sat, Sun], timezone: Europe/Berlin}, hold_malicious: true"


def routes(*rules, more=""):
    return TWO + "default: [soc, ir]\nroutes:\n" + "".join(f"  - {rule}\n" for rule in rules) + more


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([f"{{to: soc, {DAYS}}}"], "on Mon 18:00 Europe/Berlin: let another route"),
        (
            [SOC, IR],
            "on Sat 08:00 Europe/Berlin: let",
        ),
        ([SOC, "{match: {severity: suspicious}, to: ir}"], "on Mon 18:00"),
    ],
)
def test_nobody_is_told_of_malicious_alarms_at_some_time(tmp_path, rules, said):
    warning = warnings_of(tmp_path, routes(*rules))[0]
    assert warning.startswith("routes[0].hold_malicious: malicious alarms of this route reach nobody on ")
    assert said in warning


@pytest.mark.parametrize(
    "rules",
    [
        [SOC, "{to: ir}"],
        [
            "{match: {severity: malicious}, to: ir, continue: true}",
            f"{{match: {{severity: malicious}}, to: soc, {DAYS}}}",
        ],
        [
            f"{{to: soc, {DAYS}, continue: true}}",
            f"{{to: ir, {NIGHTS}, continue: true}}",
            f"{{to: ir, {WEEKEND}}}",
        ],
        ["{to: soc, active: {days: Mon-Fri}}"],
        ["{to: soc, active: {days: Mon-Fri}, outside: {elsewhere: ir}}"],
    ],
)
def test_somebody_is_always_told(tmp_path, rules):
    assert [said for said in warnings_of(tmp_path, routes(*rules)) if "malicious" in said] == []


def test_keys_without_effect(tmp_path):
    digest = "{match: {severity: malicious}, to: soc, digest: per_hunt}"
    hold = "{match: {event: hunt_finished}, to: ir, active: {days: Mon}, hold_malicious: true}"
    assert warnings_of(tmp_path, routes(digest, hold)) == [
        "routes[0].digest: has no effect: the route takes no suspicious alarms",
        "routes[1].hold_malicious: has no effect: the route takes no malicious alarms",
    ]


def test_reminders_that_nobody_gets_while_a_case_is_held(tmp_path):
    reminders = "reminders: {to: soc}\nescalate: [{after: 1h, to: [soc, ir]}, {after: 2h, to: soc}]\n"
    rules = [SOC, "{to: ir}"]
    first, second = warnings_of(tmp_path, routes(*rules, more=reminders))
    assert first.startswith("reminders.to: names only destinations for which routes hold malicious alarms")
    assert second.startswith("escalate[1].to: ")
