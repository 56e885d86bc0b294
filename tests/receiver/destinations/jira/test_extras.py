"""The link to the platform and the file with the alarms, as stories against a simulated Jira."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from shared.models.evidence import Finding
from shared.models.severity import Severity
from tests.receiver.destinations.jira.site import once
from tests.receiver.destinations.jira.stories import BOTH, FINDINGS, Story

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
    assert len(issue.attachments) == 2  # the text shows all alarms


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
