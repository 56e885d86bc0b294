"""The Teams destination: mentions in a card, the URL of the post, and failures of the workflow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from demo.base import app_of
from demo.serving import serving
from demo.teams.simulation import Teams
from receiver.destinations.contract import NEW_CASE, Delivered, Outcome, Rejected
from receiver.destinations.teams.card import payload
from receiver.destinations.teams.destination import TeamsDestination
from receiver.messages.compose import compose
from shared.http.client import Http
from shared.models.alarms import Alarm, Gap
from shared.models.owners import Owner, TeamsUser
from shared.secrets import Secret

JANE = TeamsUser("jane@acme.example", "Jane O’Doe, SOC (nights)")
OBJECT_ID = "00000000-1111-2222-3333-444444444444"


class Channel:
    """A destination and its workflow."""

    def __init__(self, teams: Teams, url: str) -> None:
        self.teams, self.origin = teams, url

    def tell(self, alarm: Alarm, path: str = "") -> Outcome:
        url = Secret(self.origin + (path or self.teams.path))
        return TeamsDestination("office", url, Http()).deliver(compose(alarm), NEW_CASE)


@pytest.fixture
def channel() -> Iterator[Channel]:
    teams = Teams(rate=None)
    with serving(app_of(teams)) as url:
        yield Channel(teams, url)


def card(alarm: Alarm) -> Any:
    return json.loads(payload(compose(alarm)))["attachments"][0]["content"]


@pytest.mark.parametrize("id", [JANE.id, OBJECT_ID, "jane_acme.example#EXT#@corp.onmicrosoft.com"])
@pytest.mark.parametrize("name", ["rich", "hostile", "hunt_finished", "many_findings"])
def test_the_owner_is_mentioned(name: str, id: str, channel: Channel, alarms: dict[str, Alarm]) -> None:
    alarm = replace(alarms[name], owner=Owner(teams=replace(JANE, id=id)))
    assert channel.tell(alarm) == Delivered()
    assert (channel.teams.failed_runs, channel.teams.mentions) == ([], [id])
    body = card(alarm)["body"]
    call = "Owner: <at>Jane O’Doe, SOC (nights)</at>"
    assert body[1] == {"type": "TextBlock", "text": call, "wrap": True}  # with nothing else in it


@pytest.mark.parametrize(
    "owner",
    [
        None,
        Owner(slack="U0123456789"),
        Owner(teams=replace(JANE, id="everyone")),
        Owner(teams=replace(JANE, id="jane@acme.example ")),
        Owner(teams=replace(JANE, name="Jane</at><at>All")),
        Owner(teams=replace(JANE, name="[Jane](https://evil.example)")),
        Owner(teams=replace(JANE, name="**Jane**")),
        Owner(teams=replace(JANE, name="")),
    ],
)
def test_nobody_else_is_mentioned(owner: Owner | None, channel: Channel, alarms: dict[str, Alarm]) -> None:
    alarm = replace(alarms["hostile"], owner=owner)
    assert channel.tell(alarm) == Delivered()
    assert (channel.teams.failed_runs, channel.teams.mentions) == ([], [])
    assert card(alarm)["msteams"] == {"width": "Full"}
    assert '"TextBlock"' not in json.dumps(card(alarm))


@pytest.mark.parametrize("mark", ["\\", '"', '\\"'])
def test_a_card_full_of_quotation_marks_is_posted(
    mark: str, channel: Channel, alarms: dict[str, Alarm]
) -> None:
    """An attacker may choose the names of files on a captured disk. Teams refuses a card that is too long
    only after the 202, and reports that to nobody."""
    rich = alarms["rich"]
    assert rich.instance
    alarm = replace(
        rich,
        event=replace(rich.event, id=mark * 200, text=mark * 1_500, title=""),
        instance=replace(rich.instance, name=mark * 200, tags={f"K{n}": mark * 200 for n in range(10)}),
        findings=tuple(
            replace(rich.findings[1], description=f"{n} {mark * 190}", path=f"/{n}{mark * 190}")
            for n in range(10)
        ),
        gaps=tuple(Gap("Pipelines", mark * 60) for _ in range(20)),
    )
    assert channel.tell(alarm) == Delivered()
    assert channel.teams.failed_runs == []
    assert len(channel.teams.messages) == 1


@pytest.mark.parametrize("name", ["capture_failed", "unknown", "test"])
def test_nobody_is_mentioned_without_an_alarm(name: str, alarms: dict[str, Alarm]) -> None:
    assert "entities" not in card(replace(alarms[name], owner=Owner(teams=JANE)))["msteams"]


def test_the_url_is_used_byte_for_byte(peer: Any, reply: Any, alarms: dict[str, Alarm]) -> None:
    """The signature covers the query as written: `%2F` must not become `/`, nor `/` become `%2F`."""
    path = (
        "/powerautomate/automations/direct/workflows/0123456789abcdef/triggers/manual/paths/invoke"
        "?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=aB-_%2B~.*(x)%3D"
    )
    peer.answers(reply(202))
    assert TeamsDestination("x", Secret(peer.origin + path), Http()).deliver(
        compose(alarms["rich"]), NEW_CASE
    ) == (Delivered())
    assert [request.path for request in peer.requests] == [path]


OFF = "the workflow is deleted, switched off or its URL changed: open it in Teams, and copy the URL again"
AUTH = "the workflow's trigger does not take this URL"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("/workflows/0", "/workflows/1", OFF),  # deleted: 404
        ("api-version=1&", "", OFF),  # not the whole URL: 400
        ("sig=demo", "sig=other", AUTH),  # 401
    ],
)
def test_a_workflow_that_is_switched_off_is_rejected_with_what_to_do(
    old: str, new: str, said: str, channel: Channel, alarms: dict[str, Alarm]
) -> None:
    outcome = channel.tell(alarms["rich"], channel.teams.path.replace(old, new, 1))
    assert isinstance(outcome, Rejected)
    assert said in outcome.reason
    assert channel.teams.messages == []
    assert channel.tell(alarms["rich"]) == Delivered()  # with the new URL
