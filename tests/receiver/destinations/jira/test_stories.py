"""Stories with Jira: people change an issue, an alarm comes, and both are looked at.

Each story is played against the simulated Cloud and the simulated Data Center; every request that goes to the
Cloud is one that Jira's own description allows.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from demo.jira.records import Transition
from receiver.destinations.jira.destination import JiraDestination
from shared.queues.worker import work
from tests.receiver.destinations.jira.site import CLOUD_ID, once
from tests.receiver.destinations.jira.stories import BOTH, DAY, FINDINGS, GERMAN, INFO, WAYS, Story


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
    """Also where the workflow allows the transition twice."""
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
    sent = [
        request.data.decode()
        for request in told.wire.requests
        if request.data and request.what == ("POST", "issue")
    ]
    assert len([text for text in sent if "\U0001f3f4" in text]) == 1


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
    tickets = told.stage.tools["tickets"]
    assert isinstance(tickets, JiraDestination)
    tickets._api._base = "https://acme.atlassian.net"
    delivery = told.told()
    assert delivery.state == "dead"
    assert "At api.atlassian.com it must be a scoped one" in delivery.reason
