"""Jira as stories: what people did with an issue, which alarm came then, and how both stand afterwards.

Each story is played against the simulated Cloud and the simulated Data Center; every request that goes to the
Cloud is one that Jira's own description allows.
"""

from __future__ import annotations

import csv
import io
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from demo.jira.fields import Field
from demo.jira.records import Status, Transition
from demo.jira.simulation import Jira
from receiver.destinations.contract import Check
from shared.models.alarms import Alarm
from shared.models.evidence import Finding
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.queues.worker import work
from tests.receiver.jira_site import CLOUD_ID, SPECIFICATION, once, staged, violations

DAY = 86_400
GERMAN = (
    Status("Zu erledigen", "new"),
    Status("Done", "indeterminate"),  # a name that says something else than its category
    Status("Erledigt", "done"),
)
WAYS = (
    Transition("5", "Abschliessen", "*", "Erledigt"),
    Transition("6", "Weiter", "Erledigt", "Done"),
    Transition("7", "Nochmal", "Erledigt", "Zu erledigen"),
)
FINDINGS = tuple(
    Finding(f"Malicious File Detected: family_{n}", 60 - n, Severity.MALICIOUS, ("T1496",), f"/srv/{n}.php")
    for n in range(12)
)
INFO = b'{"event": "processing_finished", "message": "No alarms in project id 3 evidence id 4"}'


@dataclass
class Enriched:
    """What an enricher finds out beside what the stage's own does."""

    stage: Any
    more: dict[str, Any] = field(default_factory=dict)

    def enrich(self, event: Any) -> Alarm:
        link = f"https://cado.example/projects/3?evidence={event.evidence_id}"
        return replace(self.stage.enricher_before.enrich(event), link=link, **self.more)


@dataclass
class Story:
    stage: Any
    jira: Jira
    wire: Any
    enriched: Enriched

    def alarm(self, number: int = 5) -> str:
        return self.stage.receive(
            b'{"event": "high_severity_alarm", "message": "%d high severity alarms in project id 3 '
            b'evidence id 4"}' % number
        )

    def told(self, number: int = 5) -> Any:
        """An alarm comes, and everything is done. How its delivery ended."""
        id = self.alarm(number)
        self.stage.run_all()
        return self.delivery(id)

    def delivery(self, id: str) -> Any:
        return self.stage.runtime.ledger.deliveries.get(id, "tickets")

    def check(self) -> Check:
        return self.stage.tools["tickets"].check()


@pytest.fixture
def story(make_stage) -> Any:
    """Makes a story; the keywords are those of `staged` and of the simulated Jira."""
    made: list[Story] = []

    def make(**settings: Any) -> Story:
        stage, jira, wire = staged(make_stage, **settings)
        stage.enricher_before = stage.enricher
        enriched = stage.enricher = Enriched(stage)
        stage.work = stage.worker()
        made.append(Story(stage, jira, wire, enriched))
        return made[-1]

    yield make
    if SPECIFICATION.exists():
        for story in made:
            if not story.jira.datacenter:
                assert list(violations(story.wire.requests)) == []


BOTH = pytest.mark.parametrize(
    "where",
    [{}, {"cloud_id": CLOUD_ID}, {"datacenter": True}, {"datacenter": True, "path": "/jira"}],
    ids=["cloud", "gateway", "data center", "context path"],
)


@BOTH
def test_a_case_is_an_issue_with_a_link_into_the_platform(story: Callable[..., Story], where: Any) -> None:
    told = story(**where)
    delivery = told.told()
    assert (delivery.state, delivery.ref, delivery.note) == ("delivered", "SEC-1", "")
    issue = told.jira.issues["SEC-1"]
    (link,) = issue.remote_links.values()
    assert link["application"]["name"] == "huntbridge"
    assert link["object"] == {
        "url": "https://cado.example/projects/3?evidence=4",
        "title": "Open in the platform",
    }
    assert told.told(6).ref == "SEC-1"
    assert (len(issue.comments), len(issue.remote_links)) == (1, 1)


@BOTH
def test_an_issue_that_was_closed_lately_is_reopened(story: Callable[..., Story], where: Any) -> None:
    told = story(**where, statuses=GERMAN, transitions=WAYS)
    told.told()
    told.jira.close("SEC-1", "Erledigt")
    told.stage.forward(6 * DAY)
    delivery = told.told(6)
    assert (delivery.ref, delivery.note) == ("SEC-1", "SEC-1 was closed and is open again")
    issue = told.jira.issues["SEC-1"]
    # To a new status, although the transition to a status in progress comes first. No field was changed.
    assert (issue.status, issue.transitions, len(issue.comments)) == ("Zu erledigen", ["7"], 1)
    assert told.told(7).note == ""
    assert (issue.transitions, len(issue.comments), len(told.jira.issues)) == (["7"], 2, 1)


@BOTH
def test_an_issue_that_was_closed_long_ago_is_replaced_by_one_that_names_it(
    story: Callable[..., Story], where: Any
) -> None:
    told = story(**where)
    told.told()
    told.jira.close("SEC-1")
    told.stage.forward(8 * DAY)
    delivery = told.told(6)
    assert (delivery.ref, delivery.note) == (
        "SEC-2",
        "SEC-1 was closed 8 days ago, so a new issue was made",
    )
    first, second = told.jira.issues.values()
    assert (told.jira.status_of("SEC-1"), first.comments, first.transitions) == ("done", [], [])
    assert second.links == {("Relates", "SEC-1")}
    assert "Earlier issue of this case: SEC" in json.dumps(second.fields["description"])
    assert told.told(7).ref == "SEC-2"
    assert (len(second.comments), len(told.jira.issues)) == (1, 2)


@pytest.mark.parametrize("resolution", ["Won't Do", "won\u2019t do", "Duplicate"])
@pytest.mark.parametrize("days", [1, 100])
def test_an_issue_with_a_respected_resolution_stays_closed(
    story: Callable[..., Story], resolution: str, days: int
) -> None:
    told = story()
    told.told()
    told.jira.close("SEC-1", resolution)
    told.stage.forward(days * DAY)
    delivery = told.told(6)
    assert (delivery.ref, delivery.note) == ("SEC-1", f"SEC-1 stays closed as {resolution}")
    issue = told.jira.issues["SEC-1"]
    assert (told.jira.status_of("SEC-1"), issue.transitions, len(issue.comments)) == ("done", [], 1)
    assert len(told.jira.issues) == 1


def test_respected_resolutions_and_the_time_to_reopen_are_configurable(
    story: Callable[..., Story],
) -> None:
    told = story(settings={"respect_resolutions": ["Erledigt"], "reopen_within": 60})
    told.told()
    told.jira.close("SEC-1", "Won't Do")
    told.stage.forward(59)
    assert told.told(6).note == "SEC-1 was closed and is open again"
    told.jira.close("SEC-1", "Erledigt")
    assert told.told(7).note == "SEC-1 stays closed as Erledigt"
    told.jira.close("SEC-1", "Won't Do")
    told.stage.forward(61)
    assert told.told(8).ref == "SEC-2"


@BOTH
def test_an_event_that_is_no_alarm_reopens_nothing(story: Callable[..., Story], where: Any) -> None:
    told = story(**where)
    told.told()
    told.jira.close("SEC-1")
    told.stage.receive(INFO)
    told.stage.run_all()
    issue = told.jira.issues["SEC-1"]
    assert (told.jira.status_of("SEC-1"), len(issue.comments), len(told.jira.issues)) == ("done", 1, 1)


@pytest.mark.parametrize(
    ("ways", "permissions", "why"),
    [
        (
            (WAYS[0], Transition("7", "Nochmal", "Erledigt", "Zu erledigen", needs=("customfield_7",))),
            None,
            "the transition Nochmal asks for Customfield_7",
        ),
        (
            (WAYS[0], replace(WAYS[2], needs=("customfield_7",), hidden=True)),
            None,
            "answered 400: “customfield_7: Customfield_7 is required.”",
        ),
        ((WAYS[0],), None, "this account is offered no transition out of it"),
        (
            WAYS,
            ("BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "LINK_ISSUES"),
            "answered 403: “You do not have the permission to transition this issue.”",
        ),
    ],
)
def test_an_issue_that_cannot_be_reopened_still_gets_the_comment(
    story: Callable[..., Story], ways: Any, permissions: Any, why: str
) -> None:
    told = story(statuses=GERMAN, transitions=ways, **({"permissions": permissions} if permissions else {}))
    told.told()
    told.jira.close("SEC-1")
    delivery = told.told(6)
    assert (delivery.state, delivery.ref, delivery.note) == (
        "delivered",
        "SEC-1",
        f"SEC-1 stays closed: {why}",
    )
    assert len(told.jira.issues["SEC-1"].comments) == 1


def test_a_refused_transition_is_followed_by_the_next(story: Callable[..., Story]) -> None:
    told = story(
        statuses=GERMAN, transitions=(*WAYS[:2], replace(WAYS[2], needs=("customfield_7",), hidden=True))
    )
    told.told()
    told.jira.close("SEC-1")
    assert told.told(6).note == "SEC-1 was closed and is open again"
    assert told.jira.issues["SEC-1"].status == "Done"


def together(told: Story, count: int) -> None:
    """Workers that each work a delivery of the case, until all is done."""
    while work(told.stage.runtime.events, told.stage.work.event, lease=60):
        pass
    workers = [told.stage.worker() for _ in range(count)]
    while told.stage.living():
        threads = [
            threading.Thread(
                target=work, args=(told.stage.runtime.deliveries, worker.delivery), kwargs={"lease": 60}
            )
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told.stage.forward(1)


@pytest.mark.parametrize("anywhere", [False, True], ids=["from done alone", "from anywhere"])
@BOTH
def test_of_eight_alarms_at_once_only_one_reopens_the_issue(
    story: Callable[..., Story], where: Any, anywhere: bool
) -> None:
    """Also where the workflow would let the transition be done twice."""
    ways = (WAYS[0], replace(WAYS[2], source="*" if anywhere else "Erledigt"))
    told = story(**where, statuses=GERMAN, transitions=ways)
    told.told()
    told.jira.close("SEC-1")
    ids = [told.alarm(number) for number in range(11, 19)]
    together(told, 8)
    issue = told.jira.issues["SEC-1"]
    assert (issue.transitions, len(issue.comments), len(told.jira.issues)) == (["7"], 8, 1)
    assert {told.delivery(id).ref for id in ids} == {"SEC-1"}


@pytest.mark.parametrize("fate", ["deleted", "closed long ago"])
@BOTH
def test_of_eight_alarms_at_once_only_one_replaces_the_issue(
    story: Callable[..., Story], where: Any, fate: str
) -> None:
    told = story(**where)
    told.told()
    if fate == "deleted":
        told.jira.delete("SEC-1")
    else:
        told.jira.close("SEC-1")
        told.stage.forward(8 * DAY)
    ids = [told.alarm(number) for number in range(11, 19)]
    together(told, 8)
    assert set(told.jira.issues) == {"SEC-2"} | ({"SEC-1"} if fate != "deleted" else set())
    assert len(told.jira.issues["SEC-2"].comments) == 7
    assert {told.delivery(id).ref for id in ids} == {"SEC-2"}
    notes = [told.delivery(id).note for id in ids]
    assert sum("so a new issue was made" in note for note in notes) == 1


@pytest.mark.parametrize("index_delay", [0, 45])
def test_a_new_issue_whose_answer_was_lost_is_found_again(
    story: Callable[..., Story], index_delay: float
) -> None:
    told = story(index_delay=index_delay)
    told.told()
    told.jira.delete("SEC-1")
    told.wire._lose = once(("POST", "issue"))
    ids = [told.alarm(number) for number in (11, 12, 13)]
    told.stage.run_all()
    assert (set(told.jira.issues), len(told.jira.issues["SEC-2"].comments)) == ({"SEC-2"}, 2)
    assert [told.delivery(id).ref for id in ids] == ["SEC-2"] * 3


def test_a_comment_whose_answer_was_lost_is_not_repeated_on_a_reopened_issue(
    story: Callable[..., Story],
) -> None:
    told = story(statuses=GERMAN, transitions=WAYS)
    told.told()
    told.jira.close("SEC-1")
    lost = (("POST", "issue/SEC-1/transitions"), ("POST", "issue/SEC-1/comment"))
    told.wire._lose = once(*lost)
    told.told(6)
    issue = told.jira.issues["SEC-1"]
    assert (issue.transitions, len(issue.comments)) == (["7"], 1)


def test_a_transition_without_an_answer_does_not_make_the_delivery_ambiguous(
    story: Callable[..., Story],
) -> None:
    told = story(statuses=GERMAN, transitions=WAYS)
    told.told()
    told.jira.close("SEC-1")
    told.wire._lose = once(("POST", "issue/SEC-1/transitions"))
    delivery = told.told(6)
    comment = json.dumps(told.jira.issues["SEC-1"].comments)
    assert (delivery.state, delivery.attempts, "may be a repeat" in comment) == ("delivered", 2, False)


def test_an_issue_that_takes_no_more_comments_is_replaced(story: Callable[..., Story]) -> None:
    told = story(max_comments=1)
    deliveries = [told.told(number) for number in (5, 6, 7, 8)]
    assert [delivery.ref for delivery in deliveries] == ["SEC-1", "SEC-1", "SEC-2", "SEC-2"]
    assert deliveries[2].note == "SEC-1 takes no more comments, so a new issue was made"
    assert told.jira.issues["SEC-2"].links == {("Relates", "SEC-1")}


@pytest.mark.parametrize("status", [400, 403, 404, 410])
@pytest.mark.parametrize("closed", [False, True])
@BOTH
def test_the_replacement_of_an_issue_gets_every_later_alarm(
    story: Callable[..., Story], where: Any, closed: bool, status: int
) -> None:
    told = story(**where, transitions=(Transition("21", "Close", "*", "Done"),))
    told.told()
    if closed:
        told.jira.close("SEC-1", "Won't Do")
    told.jira.issues["SEC-1"].closed_to_comments = status
    deliveries = [told.told(number) for number in (6, 7, 8)]
    assert [(delivery.state, delivery.ref) for delivery in deliveries] == [("delivered", "SEC-2")] * 3
    assert "so a new issue was made" in deliveries[0].note
    successor = told.jira.issues["SEC-2"]
    assert (len(told.jira.issues), len(successor.comments)) == (2, 2)
    assert successor.links == {("Relates", "SEC-1")}


@BOTH
def test_a_jira_with_three_bytes_a_character_gets_every_alarm(
    story: Callable[..., Story], where: Any
) -> None:
    told = story(**where, three_bytes=True)
    told.enriched.more = {"findings": (replace(FINDINGS[0], description="Flag \U0001f3f4 of a ship"),)}
    deliveries = [told.told(number) for number in (5, 6)]
    assert [(delivery.state, delivery.ref) for delivery in deliveries] == [("delivered", "SEC-1")] * 2
    assert all("without characters beyond U+FFFF" in delivery.note for delivery in deliveries)
    issue = told.jira.issues["SEC-1"]
    for text in (issue.fields["description"], issue.comments[0]["body"]):
        assert "Flag \ufffd of a ship" in json.dumps(text, ensure_ascii=False)
    sent = [r for r in told.wire.requests if r.what == ("POST", "issue") and "\U0001f3f4" in r.data.decode()]
    assert len(sent) == 1


@BOTH
def test_a_jira_with_four_bytes_a_character_gets_the_text_unchanged(
    story: Callable[..., Story], where: Any
) -> None:
    told = story(**where)
    told.enriched.more = {"findings": (replace(FINDINGS[0], description="Flag \U0001f3f4 of a ship"),)}
    assert told.told().note == ""
    shown = json.dumps(told.jira.issues["SEC-1"].fields["description"], ensure_ascii=False)
    assert "Flag \U0001f3f4 of a ship" in shown


def test_an_issue_that_was_moved_is_followed_to_its_new_key(story: Callable[..., Story]) -> None:
    told = story()
    told.told()
    told.jira.move("SEC-1", "OPS-4")
    assert told.told(6).ref == "OPS-4"
    assert told.told(7).ref == "OPS-4"
    assert [path for _, path in told.wire.asked if path.endswith("comment")] == ["issue/OPS-4/comment"] * 2


def test_an_expired_token_is_named_and_the_alarm_is_kept(story: Callable[..., Story]) -> None:
    told = story()
    told.jira.expires = told.stage.moment.timestamp()
    delivery = told.told()
    assert delivery.state == "dead"
    assert "has it expired?" in delivery.reason
    (dead,) = told.stage.runtime.deliveries.dead_items()
    told.jira.expires = None
    told.stage.runtime.deliveries.revive([dead.id])
    told.stage.run_all()
    assert list(told.jira.issues) == ["SEC-1"]


def test_a_scoped_token_is_refused_by_the_site_itself(story: Callable[..., Story]) -> None:
    told = story(cloud_id=CLOUD_ID, settings={})
    api = told.stage.tools["tickets"]._api
    api._base = "https://acme.atlassian.net"
    delivery = told.told()
    assert delivery.state == "dead"
    assert "At api.atlassian.com it must be a scoped one" in delivery.reason


# Fields

TEAM = Field("customfield_10010", "Team", "option", custom="select", allowed=("Red", "Blue"))
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
    assert [path for _, path in told.wire.asked if "createmeta" in path] == asked  # once, and kept


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
    # Refused, it is sent as it is written, which this Jira does not take.
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert "customfield_10010: Specify a valid 'id' or 'name' for Team" in delivery.note


# The check


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


# The file of the alarms

HOSTILE = (
    Finding('=HYPERLINK("https://evil.example")', 3, Severity.MALICIOUS, ("T1496", "=1"), "@SUM(A1)"),
    Finding(' +1, "quoted"\r\nline\u202e', 2, Severity.SUSPICIOUS, (), "C:\\x\\-1.exe"),
    Finding("\uff1d1 値", 1, Severity.INFO, (), "-/x"),
)


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@BOTH
def test_alarms_are_attached_when_the_message_has_no_room_for_them(
    story: Callable[..., Story], where: Any
) -> None:
    told = story(**where)
    told.enriched.more = {"findings": (*FINDINGS, *HOSTILE)}
    id = told.alarm()
    told.stage.run_all()
    issue = told.jira.issues["SEC-1"]
    ((name, content),) = issue.attachments.items()
    assert (name, told.delivery(id).note) == (f"0/alarms-{id}.csv", "")
    assert content.startswith(b"\xef\xbb\xbfseverity,count,alarm,ATT&CK,path\r\n")
    _, *rows = read(content)
    assert rows[0] == ["malicious", "60", "Malicious File Detected: family_0", "T1496", "/srv/0.php"]
    assert rows[-3:] == [
        ["malicious", "3", '\'=HYPERLINK("hxxps://evil[.]example")', "T1496", "'@SUM(A1)"],
        ["suspicious", "2", '\'+1, "quoted" line', "", "C:\\x\\-1.exe"],
        ["info", "1", "'\uff1d1 値", "", "'-/x"],
    ]
    assert len(rows) == len(FINDINGS) + len(HOSTILE)
    told.told(6)
    assert len(issue.attachments) == 2
    told.enriched.more = {"findings": FINDINGS[:10]}
    told.told(7)
    assert len(issue.attachments) == 2  # all of them are shown


def test_a_file_is_attached_once_although_the_message_is_repeated(story: Callable[..., Story]) -> None:
    told = story(lose=once(("POST", "issue")))
    told.enriched.more = {"findings": FINDINGS}

    def die(method: str, path: str) -> bool:
        if path.endswith("attachments") and len(told.jira.issues["SEC-1"].attachments) == 1:
            told.wire._lose = lambda *_: False
            raise KeyboardInterrupt
        return False

    told.wire._lose = die
    told.alarm()
    with pytest.raises(KeyboardInterrupt):
        told.stage.run()
    told.stage.run_all()
    issue = told.jira.issues["SEC-1"]
    assert (len(issue.attachments), len(issue.remote_links), len(told.jira.issues)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ("remotelink", "the platform is not linked: answered 500: “it is late”"),
        ("attachments", "is not attached: answered 500: “it is late”"),
    ],
)
def test_a_failing_link_or_attachment_does_not_fail_the_delivery(
    story: Callable[..., Story], on: str, words: str
) -> None:
    told = story()
    told.enriched.more = {"findings": FINDINGS}
    told.jira.fail(500, body="it is late", on=f"POST /rest/api/3/issue/SEC-1/{on}")
    delivery = told.told()
    assert (delivery.state, delivery.ref, delivery.attempts) == ("delivered", "SEC-1", 1)
    assert words in delivery.note


@pytest.mark.parametrize("what", ["remotelink", "attachments"])
def test_a_link_or_attachment_without_an_answer_does_not_fail_the_delivery(
    story: Callable[..., Story], what: str
) -> None:
    told = story(lose=once(("POST", f"issue/SEC-1/{what}")))
    told.enriched.more = {"findings": FINDINGS}
    delivery = told.told()
    assert (delivery.state, delivery.attempts) == ("delivered", 1)
    assert "acme.atlassian.net: timeout" in delivery.note


def test_jiras_api_description_refuses_unknown_keys(story: Callable[..., Story]) -> None:
    if not SPECIFICATION.exists():
        pytest.skip(f"{SPECIFICATION.name} does not lie beside the project in shared/contracts")
    told = story()
    told.told()
    created = next(request for request in told.wire.requests if request.what == ("POST", "issue"))
    for wrong in (
        replace(created, data=json.dumps({"fields": {}, "feilds": {}}).encode()),
        replace(created, query=(("nothing", "1"),)),
        replace(created, path="/rest/api/3/isue"),
        replace(created, headers={"Content-Type": "text/plain"}),
        replace(created, data=None),
        replace(
            created,
            path="/rest/api/3/issue/SEC-1/attachments",
            headers={"Content-Type": "multipart/form-data"},
        ),
    ):
        assert list(violations([wrong])) != []


def test_every_request_is_valid_by_jiras_api_description(story: Callable[..., Story]) -> None:
    """One case from its first alarm to its successor; what is not allowed fails every story."""
    told = story(
        cloud_id=CLOUD_ID,
        custom=(TEAM,),
        lose=once(("POST", "issue"), ("POST", "issue/SEC-1/comment")),
        settings={"fields": {"customfield_10010": "red"}, "api": "auto"},
    )
    told.check()
    told.enriched.more = {"findings": FINDINGS}
    told.told()
    told.told(6)
    told.jira.close("SEC-1")
    told.told(7)
    told.jira.close("SEC-1")
    told.stage.forward(8 * DAY)
    told.told(8)
    if not SPECIFICATION.exists():
        pytest.skip(f"{SPECIFICATION.name} does not lie beside the project in shared/contracts")
    asked = {(method, re.sub(r"SEC-\d|1\d{4}", "*", path)) for method, path in told.wire.asked}
    assert asked == {
        ("GET", "serverInfo"),
        ("GET", "myself"),
        ("GET", "mypermissions"),
        ("GET", "resolution/search"),
        ("GET", "issue/createmeta/SEC/issuetypes"),
        ("GET", "issue/createmeta/SEC/issuetypes/*"),
        ("GET", "issue/*"),
        ("GET", "issue/*/comment"),
        ("GET", "issue/*/properties/huntbridge.event"),
        ("GET", "issue/*/transitions"),
        ("POST", "search/jql"),
        ("POST", "issue"),
        ("POST", "issue/*/comment"),
        ("POST", "issue/*/transitions"),
        ("POST", "issue/*/remotelink"),
        ("POST", "issue/*/attachments"),
        ("POST", "issueLink"),
    }
