"""Configured fields of an issue, as stories against a simulated Jira."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from demo.jira.fields import Field
from receiver.destinations.contract import Check
from shared.models.owners import Owner
from tests.receiver.destinations.jira.site import CLOUD_ID
from tests.receiver.destinations.jira.stories import BOTH, TEAM, Story

EVERY = (
    TEAM,
    Field("customfield_1", "Alarms", "number", custom="float"),
    Field("customfield_2", "Where", "array", "option", "multicheckboxes", allowed=("prod", "test")),
    Field("customfield_3", "Host"),
    Field("customfield_4", "Story", custom="textarea"),
    Field("customfield_5", "Found", "date", custom="datepicker"),
    Field("customfield_6", "Seen", "datetime", custom="datetime"),
    Field("customfield_7", "Lead", "user", custom="userpicker"),
    Field("customfield_8", "Tags", "array", "string", "labels"),
    Field("customfield_9", "Area", "option-with-child", custom="cascadingselect", allowed=("Cloud>AWS",)),
    Field("customfield_11", "Watchers", "array", "user", "multiuserpicker"),
)
VALUES = {
    "customfield_10010": "red",
    "customfield_1": "{{ malicious }}",
    "customfield_2": "prod, test",
    "customfield_3": "{{ host }}",
    "customfield_4": "{{ title }}\nsecond [line|https://evil.example]",
    "customfield_5": "2026-11-24",
    "customfield_6": "2026-11-24 12:30 UTC",
    "customfield_7": "lead",
    "customfield_8": ["a b", "c"],
    "customfield_9": "cloud > AWS",
    "customfield_11": ["lead", "hunter"],
    "customfield_404": "{{ tags.Nothing }}",
}
OPTIONAL = {"components": ("IR", "SOC"), "security_levels": ("SOC only",), "users": ("lead", "hunter")}


@BOTH
def test_every_type_of_field_is_filled_in_its_own_form(story: Callable[..., Story], where: Any) -> None:
    told = story(
        **where,
        **OPTIONAL,
        custom=EVERY,
        settings={"fields": VALUES, "components": ["IR"], "security": "SOC only"},
    )
    told.enriched.more = {"owner": Owner(slack="S0123456789", jira="hunter")}
    assert told.told().note == ""
    fields = told.jira.issues["SEC-1"].fields
    by = "name" if told.jira.datacenter else "accountId"
    assert {name: fields[name] for name in VALUES if name in fields} == {
        "customfield_10010": {"value": "Red"},
        "customfield_1": 5,
        "customfield_2": [{"value": "prod"}, {"value": "test"}],
        "customfield_3": "web-01",
        "customfield_4": fields["customfield_4"],
        "customfield_5": "2026-11-24",
        "customfield_6": "2026-11-24T12:30:00.000+0000",
        "customfield_7": {by: "lead"},
        "customfield_8": ["a-b", "c"],
        "customfield_9": {"value": "Cloud", "child": {"value": "AWS"}},
        "customfield_11": [{by: "lead"}, {by: "hunter"}],
    }
    if told.jira.datacenter:
        assert fields["customfield_4"].endswith("second \\[line\\|hxxps://evil\\[.\\]example\\]")
    assert (fields["components"], fields["security"]) == ([{"name": "IR"}], {"name": "SOC only"})
    assert list(fields["assignee"].values()) == ["hunter"]
    asked = [path for _, path in told.wire.asked if "createmeta" in path]
    told.jira.delete("SEC-1")
    told.told(6)
    assert [path for _, path in told.wire.asked if "createmeta" in path] == asked  # asked once


@BOTH
def test_a_refused_optional_field_is_left_out_and_named(story: Callable[..., Story], where: Any) -> None:
    told = story(
        **where,
        custom=(TEAM, EVERY[1]),
        users=("lead",),
        settings={
            "fields": {"customfield_10010": "Green", "customfield_1": "many"},
            "components": ["Nowhere"],
        },
    )
    told.enriched.more = {"owner": Owner(jira="left-the-company")}
    delivery = told.told()
    assert (delivery.state, delivery.ref) == ("delivered", "SEC-1")
    for words in (
        "customfield_1 is left out: “many” is not a number",
        "components: Field 'components' cannot be set",
        "assignee: User 'left-the-company' cannot be assigned issues.",
        "customfield_10010: Option value 'Green' is not valid",
    ):
        assert words in delivery.note
    left_out = {"components", "assignee", "customfield_10010", "customfield_1"}
    assert not told.jira.issues["SEC-1"].fields.keys() & left_out


def test_no_issue_is_created_without_its_configured_security_level(story: Callable[..., Story]) -> None:
    told = story(settings={"security": "Nobody", "components": ["Nowhere"]})
    delivery = told.told()
    assert delivery.state == "dead"
    assert "security: Field 'security' cannot be set" in delivery.reason
    assert told.jira.issues == {}
    assert told.stage.runtime.deliveries.depth().dead == 1


def test_a_missing_required_field_is_named_and_the_alarm_is_kept(story: Callable[..., Story]) -> None:
    told = story(custom=(replace(TEAM, required=True),))
    delivery = told.told()
    assert (delivery.state, delivery.reason) == (
        "dead",
        "Jira refuses the issue (answered 400 Bad Request: “customfield_10010: Team is required.”)",
    )
    assert told.stage.runtime.deliveries.depth().dead == 1


def test_nothing_is_sent_while_jira_cannot_be_asked_for_the_fields(story: Callable[..., Story]) -> None:
    told = story(custom=EVERY, users=("lead",), settings={"fields": {"customfield_10010": "red"}})
    told.jira.fail(503, on="GET /rest/api/3/issue/createmeta")
    told.jira.fail(403, on="GET /rest/api/3/issue/createmeta")
    delivery = told.told()
    # The question is refused, so the value is sent as it is written, and this Jira refuses it.
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert "customfield_10010: Specify a valid 'id' or 'name' for Team" in delivery.note


@BOTH
def test_a_check_of_a_fitting_configuration(story: Callable[..., Story], where: Any) -> None:
    told = story(
        **where,
        **OPTIONAL,
        custom=EVERY,
        settings={"fields": VALUES | {"customfield_404": "x"}, "components": ["SOC"], "security": "SOC only"},
    )
    kind = "Jira Data Center" if told.jira.datacenter else "Jira Cloud"
    check = told.check()
    assert check == Check(
        False,
        f"{kind}: Incident in project SEC: fields: customfield_404 is not on its screen, or does not exist: "
        "it would be left out",
    )


@BOTH
def test_a_check_names_every_mistake(story: Callable[..., Story], where: Any) -> None:
    many = tuple(Field(f"customfield_{n}", f"Field {n}") for n in range(20_000, 20_230))  # two pages
    told = story(
        **where,
        components=("IR", "SOC"),
        custom=(
            *many,
            replace(TEAM, required=True),
            replace(EVERY[1], required=True, default=True),
            EVERY[5],
        ),
        required=("components", "assignee"),
        users=("lead",),
        priorities=("P1", "P2"),
        settings={
            "fields": {"customfield_5": "tomorrow", "customfield_20229": "{{ host }}"},
            "security": "SOC only",
            "priorities": {"malicious": "P1", "suspicious": "P3"},
        },
    )
    check = told.check()
    kind = "Jira Data Center" if told.jira.datacenter else "Jira Cloud"
    assert (check.ok, check.detail.removeprefix(f"{kind}: Incident in project SEC: ").split("; ")) == (
        False,
        [
            "it must have Components: set components",
            "allowed: IR, SOC",
            "it must have an assignee, and only systems whose owner has one in owners get one",
            "it must have customfield_10010 (Team): set it in fields",
            "allowed: Red, Blue",
            "priorities: there is no P3",
            "allowed: P1, P2",
            "security: security is not on its screen: no issue would be made",
            "fields: customfield_5 (Found): “tomorrow” is not a date such as 2026-11-24",
        ],
    )
    assert {method for method, _ in told.wire.asked} == {"GET"}


@BOTH
def test_a_check_names_unknown_resolutions(story: Callable[..., Story], where: Any) -> None:
    german = {"resolutions": ("Fertig", "Wird nicht erledigt")}
    fits = "huntbridge may create Incident in project SEC"
    told = story(**where, **german)
    kind = "Jira Data Center" if told.jira.datacenter else "Jira Cloud"
    standing = (
        "no resolution stands: name those in respect_resolutions that do, of Fertig, Wird nicht erledigt"
    )
    check = told.check()
    assert (check.ok, check.detail.startswith(f"{kind}: {fits}; {standing}")) == (True, True)
    told = story(**where, **german, settings={"respect_resolutions": ["wird nicht erledigt", "Won't Do"]})
    assert told.check() == Check(
        False,
        f"{kind}: Incident in project SEC: respect_resolutions: there is no Won't Do; "
        "allowed: Fertig, Wird nicht erledigt",
    )
    verdicts = {"wird nicht erledigt": "benign", "Fixed": "true_positive"}
    told = story(**where, **german, settings={"verdicts": verdicts})
    assert told.check() == Check(
        False,
        f"{kind}: Incident in project SEC: verdicts: there is no Fixed; allowed: Fertig, Wird nicht erledigt",
    )
    told = story(**where, **german, settings={"respect_resolutions": []})
    assert "resolution" not in told.check().detail


def test_a_check_names_missing_permissions(story: Callable[..., Story]) -> None:
    told = story(permissions=("BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS"), cloud_id=CLOUD_ID)
    assert told.check() == Check(
        True,
        "Jira Cloud: huntbridge may create Incident in project SEC; "
        "may not reopen an issue (TRANSITION_ISSUES); may not link the platform (LINK_ISSUES); "
        "may not attach the alarms that a message has no room for (CREATE_ATTACHMENTS); "
        "messages can link an issue once site is set: https://acme.atlassian.net",
    )
    site = story(cloud_id=CLOUD_ID, settings={"site": "https://acme.atlassian.net"})
    assert site.check() == Check(True, "Jira Cloud: huntbridge may create Incident in project SEC")
