"""Mutes in the console: the list, the form with its preview, and the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from shared.models.mutes import IN_CONFIGURATION, Mute, MuteMatch
from shared.storage import audit
from tests.console.conftest import NOW
from tests.console.filled import HOSTILE, SETTINGS
from tests.console.known_findings import KEY, SYSTEM, House
from tests.console.reading import read

BACKDOOR = "Malicious File Detected: php_backdoor"
CONFIGURED = [
    {"match": {"instance": "old"}, "at": "2026-10-01", "until": "2026-11-01", "by": "Bo", "why": "over"},
    {
        "match": {"instance": "lab-1"},
        "at": "2026-12-01",
        "until": "2026-12-24",
        "by": "Bo",
        "why": "a pentest",
    },
]
WRITTEN = {"instance": SYSTEM, "until": "2026-12-06T18:00", "why": "our own scanner"}


@pytest.fixture
def house(make_console):
    return House(make_console(**SETTINGS, mutes=CONFIGURED))


def stored(house):
    return house.runtime.ledger.mutes.stored()


def send(house, do="preview", role="responder", **form):
    return house.console.post("/rules/mute", role=role, data={"do": do, **form})


def shown(answer):
    """The fields of the form in a page that previews a mute."""
    return dict(read(answer).form("Preview again").fields)


def add(house, **form):
    """Preview the mute, and add it as the page then offers."""
    fields = shown(send(house, **form))
    return send(house, "add", **form, shown=fields["shown"], id=fields["id"])


def rows(house, role="responder"):
    page = house.console.get("/rules", role=role)
    return read(page).rows(1)


def filled(house, **query):
    page = read(house.console.get(f"/rules/mute?{urlencode(query)}", role="responder"))
    texts = {each.attributes.get("name", ""): each.text for each in page.all("textarea")}
    return {name: text for name, text in texts.items() if text}


def test_nothing_is_muted_before_the_preview_was_seen(house):
    house.capture()
    page = read(send(house, **WRITTEN))
    assert "It would have covered 0 events" in page.text, "one of its findings is malicious"
    assert "Of 1 more event, it would have covered some findings." in page.text
    assert stored(house) == []
    page = read(send(house, **WRITTEN, malicious="yes"))
    assert "It would have covered 1 event of 1 event of the last 30 days, on 1 system." in page.text
    assert "1 of them was malicious" in page.text
    event = house.runtime.queries.events.list(kind="processing_with_alarms").rows[0]
    assert f"/events/{event.id}" in page.links()
    assert f"instance {SYSTEM}" in page.text
    assert stored(house) == []
    assert "Nothing was muted This is not what was shown." in read(send(house, "add", **WRITTEN)).text
    assert stored(house) == []


def test_a_mute_is_added_told_and_logged(house):
    house.capture()
    answer = add(house, **WRITTEN, malicious="yes", until_next_hunt="yes", severity=["malicious", "info"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/rules#mutes")
    (mute,) = stored(house)
    assert mute.match == MuteMatch(instance=(SYSTEM,), severity=("malicious", "info"))
    assert (mute.until, mute.at) == (datetime(2026, 12, 6, 18, 0, tzinfo=UTC), house.runtime.now())
    assert (mute.by, mute.why) == ("Mara Lindqvist", "our own scanner")
    assert mute.origin.startswith("the console, from")
    assert mute.malicious
    assert mute.until_next_hunt
    page = read(house.console.get("/rules", role="responder"))
    assert f"Muted until 2026-12-06 18:00 UTC: severity malicious or info, instance {SYSTEM}." in page.text
    entry = house.audit()[0]
    assert (entry.action, entry.by, entry.about) == (audit.MUTE_ADD, "Mara Lindqvist", f"mute {mute.id}")
    assert entry.origin == mute.origin
    house.run()
    assert house.runtime.queries.events.list(kind="muted").rows[0].to


def test_what_is_muted_is_withheld(house):
    house.capture()
    add(house, **WRITTEN, malicious="yes")
    house.run()
    before = house.sent()
    house.capture()
    assert house.sent() == before
    assert " 1 last 0 s ago" in next(row for row in rows(house) if SYSTEM in row)


def test_every_matcher(house):
    lines = {
        "event": "admin_login\r\naudit_event_*\r\n",
        "hunt": "weekly",
        "project": "pen test*",
        "account": "prod",
        "region": "eu-*",
        "instance": " web-1 \nweb-2\n\nweb-1",
        "tags": "Env=test\nEnv=stage\nTeam=a=b",
        "finding": "PUA*",
        "technique": "T1059*",
        "path": "/opt/scan/*",
    }
    add(house, **lines, until="2026-12-06", why="x")
    assert stored(house)[0].match == MuteMatch(
        event=("admin_login", "audit_event_*"),
        hunt=("weekly",),
        project=("pen test*",),
        account=("prod",),
        region=("eu-*",),
        instance=("web-1", "web-2"),
        tags={"Env": ("test", "stage"), "Team": ("a=b",)},
        finding=("PUA*",),
        technique=("T1059*",),
        path=("/opt/scan/*",),
    )
    assert not stored(house)[0].malicious


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"why": " "}, "Nothing was muted The reason is empty: say why."),
        ({"until": ""}, "The end is missing: say until when."),
        ({"until": "soon"}, "The end is no time: write it as 2026-12-31 18:00, in UTC."),
        ({"until": "2026-11-29T10:42"}, "It would end before it begins."),
        ({"until": "2027-02-28"}, "It would last longer than 90 days, which is the most."),
        ({"instance": "*"}, "The mute would cover nearly every alarm:"),
        ({"instance": "", "severity": "malicious"}, "The mute would cover nearly every alarm:"),
        ({"tags": "Env"}, "'Env' is no tag: write it as KEY=VALUE."),
        ({"path": "\n".join(map(str, range(21)))}, "path has 21 lines; 20 are the most"),
        ({"path": "x" * 501}, "line of path is longer than 500 characters"),
    ],
)
def test_what_cannot_be_muted(house, form, said):
    for do in ("preview", "add"):
        answer = send(house, do, **{**WRITTEN, **form})
        assert said in read(answer, 422).text.replace("A line", "line").replace("Path has", "path has")
    assert stored(house) == []


def test_the_form_keeps_what_was_written(house):
    form = {**WRITTEN, "until": "soon", "finding": "a\nb", "severity": "info", "malicious": "yes"}
    page = read(send(house, **form), 422)
    texts = {each.attributes["name"]: each.text for each in page.all("textarea")}
    assert (texts["finding"], texts["why"], texts["instance"]) == ("a\nb", "our own scanner", SYSTEM)
    checked = [each.attributes["value"] for each in page.all("input", type="checkbox", checked="")]
    assert checked == ["info", "yes"]


def test_another_mute_than_the_one_that_was_shown_is_not_added(house):
    fields = shown(send(house, **WRITTEN))
    for other in ({"instance": "web-*"}, {"malicious": "yes"}, {"until_next_hunt": "yes"}):
        form = {**WRITTEN, **other, "shown": fields["shown"], "id": fields["id"]}
        assert "This is not what was shown." in read(send(house, "add", **form)).text
    assert stored(house) == []
    later = {**WRITTEN, "until": "2026-12-07", "why": "another reason"}
    send(house, "add", **later, shown=fields["shown"], id=fields["id"])
    assert [mute.why for mute in stored(house)] == ["another reason"]


def test_a_form_that_is_sent_twice_adds_one_mute(house):
    fields = shown(send(house, **WRITTEN))
    for _ in range(2):
        send(house, "add", **WRITTEN, shown=fields["shown"], id=fields["id"])
    assert [mute.id for mute in stored(house)] == [fields["id"]]
    add(house, **WRITTEN)
    send(house, "add", **WRITTEN, shown=fields["shown"], id="../x")
    assert len({mute.id for mute in stored(house)}) == 3


def test_a_case_and_an_event_fill_the_form(house):
    house.capture()
    case = read(house.console.get(f"/cases/{KEY}", role="responder"))
    assert f"/rules/mute?{urlencode({'case': KEY})}" in case.links()
    of_both = {"instance": SYSTEM, "finding": f"{BACKDOOR}\n{BACKDOOR} again"}
    assert filled(house, case=KEY) == of_both
    event = house.runtime.queries.events.list(kind="processing_with_alarms").rows[0].id
    assert filled(house, event=event) == of_both
    page = read(house.console.get(f"/events/{event}", role="responder"))
    links = [link for link in page.links() if link.startswith("/rules/mute")]
    assert [read(house.console.get(link, role="responder")).title for link in links] == ["Mute alarms"] * 3
    marks = [link.partition("finding=")[2] for link in links[1:]]
    assert [filled(house, event=event, finding=mark) for mark in marks] == [
        {"instance": SYSTEM, "finding": BACKDOOR, "path": "/var/www/x.php"},
        {"instance": SYSTEM, "finding": f"{BACKDOOR} again", "path": "/var/log/x"},
    ]
    assert house.console.get("/rules/mute?event=gone", role="responder").status_code == 404
    assert house.console.get("/rules/mute?case=gone", role="responder").status_code == 404


def test_what_an_attacker_wrote_fills_the_form_without_a_wildcard(make_console):
    text = "/tmp/*\nroot*\r*"
    house = House(make_console(**SETTINGS), text)
    house.capture()
    event = house.runtime.queries.events.list(kind="processing_with_alarms").rows[0].id
    links = read(house.console.get(f"/events/{event}", role="responder")).links()
    mark = next(link for link in links if "finding=" in link).partition("finding=")[2]
    form = filled(house, event=event, finding=mark)
    assert form["path"] == "/tmp/??root???"
    made = {**form, "until": "2026-12-06", "why": "x", "malicious": "yes"}
    assert "It would have covered 0 events" in read(send(house, **made)).text
    assert "Of 1 more event" in read(send(house, **made)).text, "the pattern fits what it was made from"


def test_what_is_never_muted_has_no_link(house):
    house.capture()
    add(house, **WRITTEN)
    house.run()
    own = house.runtime.queries.events.list(kind="muted").rows[0].id
    assert "Mute…" not in house.console.get(f"/events/{own}", role="responder").get_data(as_text=True)
    assert filled(house, event=own) == {}


def test_the_list_says_what_whose_why_until_and_where_it_is_ended(house):
    mute = Mute("m1", MuteMatch(path=("/opt/*",)), NOW + timedelta(days=40), "Ada", "ours", NOW, "a test")
    house.runtime.ledger.mutes.add(replace(mute, malicious=True, until_next_hunt=True))
    house.runtime.ledger.mutes.hit("m1", "e1")
    configured, added = rows(house)
    assert configured.startswith(
        "instance lab-1 malicious findings send messages Bo: a pentest begins 1 Dec, 00:00"
    )
    assert "in the configuration, mutes[1]: remove it there to end it" in configured
    assert "2026-12-24 00:00" in configured
    assert "End" not in configured
    assert added.startswith("path /opt/* malicious findings too Ada: ours since 10:42 m1 2027-01-08 10:42")
    assert "or the next hunt 1 last 0 s ago End… " in added


def test_the_end_of_a_mute(house):
    add(house, **WRITTEN)
    (mute,) = stored(house)
    house.pass_time(60)
    form = read(house.console.get("/rules", role="responder")).form("End this mute")
    assert ("id", mute.id) in form.fields
    sent = house.console.post(form.action, role="responder", data={"id": mute.id, "why": "fixed"})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/rules#mutes")
    assert stored(house) == []
    page = read(house.console.get("/rules", role="responder"))
    assert f"You have ended the mute of instance {SYSTEM}. Such alarms send messages again." in page.text
    entry = house.audit()[0]
    assert (entry.action, entry.by, entry.about) == (audit.MUTE_END, "Mara Lindqvist", f"mute {mute.id}")
    assert entry.after == {"ended_by": "Mara Lindqvist", "why": "fixed"}
    house.console.post(form.action, role="responder", data={"id": mute.id, "why": "twice"})
    page = read(house.console.get("/rules", role="responder"))
    assert f"There is no stored mute {mute.id}. Nothing was changed." in page.text


def test_a_viewer_sees_the_mutes_and_changes_none(house):
    house.capture()
    add(house, **WRITTEN)
    page = house.console.get("/rules", role="viewer").get_data(as_text=True)
    assert SYSTEM in page
    assert "/rules/mute" not in page
    assert "Mute…" not in house.console.get(f"/cases/{KEY}", role="viewer").get_data(as_text=True)
    event = house.runtime.queries.events.list(kind="processing_with_alarms").rows[0].id
    assert "/rules/mute" not in house.console.get(f"/events/{event}", role="viewer").get_data(as_text=True)
    assert house.console.get("/rules/mute", role="viewer").status_code == 403
    assert send(house, "add", role="viewer", **WRITTEN).status_code == 403
    end = house.console.post("/rules/mutes", role="viewer", data={"id": stored(house)[0].id})
    assert end.status_code == 403
    assert len(stored(house)) == 1


def test_a_form_of_another_site_changes_nothing(house):
    fields = shown(send(house, **WRITTEN))
    form = {"do": "add", **WRITTEN, "shown": fields["shown"], "id": fields["id"]}
    for path in ("/rules/mute", "/rules/mutes"):
        answer = house.console.post(path, data=form, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
    assert stored(house) == []
    assert send(house, "everything", **WRITTEN).status_code == 400


def test_hostile_text_appears_only_escaped(make_console):
    house = House(make_console(**SETTINGS), HOSTILE)
    house.capture()
    event = house.runtime.queries.events.list(kind="processing_with_alarms").rows[0].id
    pages = [house.console.get(f"/rules/mute?event={event}", role="responder")]
    text = HOSTILE.replace("\ud83d", "")[:150]
    form = dict.fromkeys(("instance", "finding", "path", "why", "id", "shown"), text)
    pages.append(send(house, **form, until="2026-12-06"))
    pages.append(send(house, **form, until=text))
    add(house, instance="web", path=text, finding=text, why=text, until="2026-12-06")
    pages.append(house.console.get("/rules", role="responder"))
    for answer in pages:
        page = answer.get_data(as_text=True)
        assert "<script>alert" not in page
        assert "<img" not in page


def test_the_api_has_the_mutes(house):
    add(house, **WRITTEN)
    house.runtime.ledger.mutes.hit(stored(house)[0].id, "e1")
    added, configured = house.console.get("/api/v1/mutes", role="viewer").json
    assert (added["what"], added["where"], added["hits"]) == (f"instance {SYSTEM}", "", 1)
    assert added["mute"]["until"] == "2026-12-06T18:00:00Z"
    assert (configured["where"], configured["mute"]["origin"]) == ("mutes[1]", IN_CONFIGURATION)
