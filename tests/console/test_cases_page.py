from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from console.views.cases import case_list
from receiver.events.history import History
from shared.models.captures import Capture, CaptureState
from shared.models.cases import CaseState
from shared.models.hunts import Hunt
from shared.storage import audit
from tests.console.filled import SETTINGS, House
from tests.console.reading import read

KEY = "system/i-0aaaaaaaaaaaaaa04/1"


@pytest.fixture
def house(make_console):
    return House(make_console(**SETTINGS))


def case_of(house, key=KEY):
    case = house.runtime.ledger.cases.get(key)
    assert case is not None
    return case


def decide(house, role="responder", key=KEY, **fields):
    return house.console.post(f"/cases/{key}", role=role, data=fields)


def test_without_cases_it_says_when_one_opens(house):
    page = read(house.console.get("/cases"))
    assert page.title == "No case is open"
    assert "A case opens when a capture has alarms." in page.text


def test_the_list_is_worst_first(house):
    house.alarm(5, malicious=0)
    house.alarm(4)
    page = read(house.console.get("/cases"))
    assert page.title == "2 cases not closed, 2 not taken"
    first, second = page.rows()
    assert first.startswith("5 malicious 1 suspicious web-04")
    assert second.startswith("1 suspicious web-05")
    assert "SEC-412" in first
    assert f"/cases/{KEY}" in page.links()
    assert "https://jira.acme.example/browse/SEC-412" in page.links()


def test_the_filter_is_in_the_address(house):
    house.alarm(5, malicious=0)
    house.alarm(4)
    (row,) = read(house.console.get("/cases?severity=suspicious")).rows()
    assert "web-05" in row
    decide(house, do="take")
    assert [row[:1] for row in read(house.console.get("/cases?state=open")).rows()] == ["1"]
    (row,) = read(house.console.get("/cases?taken_by=Mara+Lindqvist")).rows()
    assert "web-04" in row
    page = read(house.console.get("/cases?state=mine"))
    assert page.title == "The cases that you have taken"
    assert len(page.rows()) == 1
    page = read(house.console.get("/cases?severity=info"))
    assert "No case matches the filter" in page.text
    page = read(house.console.get("/cases?system=prod/us-east-1/i-0aaaaaaaaaaaaaa05"))
    assert page.title == "Cases of web-05"
    # A value that means nothing is left out.
    assert len(read(house.console.get("/cases?state=x&severity=y&page=")).rows()) == 2


def names(page):
    return [next(word for word in row.split() if word.startswith("web-")) for row in page.rows()]


def test_the_tabs_say_how_many_cases_they_have(house):
    for evidence in (4, 5, 6):
        house.alarm(evidence)
    decide(house, do="take")
    decide(house, key=KEY.replace("04", "05"), do="close", verdict="benign", why="x")
    page = read(house.console.get("/cases?state=taken"))
    assert page.title == "1 case taken"
    assert names(page) == ["web-04"]
    assert "Not closed 2 Open 1 Taken 1 Mine Closed All" in page.text
    page = read(house.console.get("/cases?state=all"))
    assert page.title == "All cases"
    assert names(page) == ["web-04", "web-06", "web-05"]  # the closed one last
    assert "closed 0 s ago" in page.rows()[2]
    assert names(read(house.console.get("/cases?state=all&taken_by=nobody"))) == ["web-06"]


def test_a_text_finds_names_ids_and_findings(house):
    house.alarm(4)
    house.alarm(5)
    for text in ("web-05", "I-0AAAAAAAAAAAAAA05", "system/ i-0aaaaaaaaaaaaaa05", "php_backdoor web-05"):
        assert names(read(house.console.get("/cases", query_string={"q": text}))) == ["web-05"], text
    for text in ("T1505.003", "/var/www/x.php"):
        assert len(read(house.console.get("/cases", query_string={"q": text})).rows()) == 2, text
    page = read(house.console.get("/cases?q=nowhere&state=all"))
    assert "No case matches the filter" in page.text
    assert "/cases?state=closed&q=nowhere" in page.links()  # the other tabs keep the filter


def test_the_age_is_a_filter(house):
    house.alarm(4)
    house.pass_time(2 * 86_400)
    house.alarm(5)
    assert names(read(house.console.get("/cases?age=day"))) == ["web-05"]
    assert names(read(house.console.get("/cases?age=week"))) == ["web-04"]
    assert read(house.console.get("/cases?age=older")).rows() == []


def test_a_filter_says_how_far_it_has_read(house, monkeypatch):
    monkeypatch.setattr("shared.storage.queries.reading.STEP", 2)
    monkeypatch.setattr("console.views.cases.MOST_LOOKED_AT", 4)
    for evidence in range(10, 16):
        house.alarm(evidence)
    page = read(house.console.get("/cases?q=web-15"))
    assert page.rows() == []
    assert "No case on this page matches the filter" in page.text
    assert "This page has looked at up to 4 cases; the next page goes on behind them." in page.text
    (following,) = [link for link in page.links() if "page=" in link]
    assert names(read(house.console.get(following))) == ["web-15"]


def test_several_cases_are_closed_with_one_verdict(house):
    other, closed = house.alarm(5), house.alarm(6)
    house.alarm(4)
    decide(house, "administrator", key=closed, do="close", verdict="benign", why="x")
    form = read(house.console.get("/cases", role="responder")).form("Close the selected cases")
    assert [value for name, value in form.fields if name == "case"] == [KEY, other]
    several = {"do": "close", "case": [KEY, other, closed], "verdict": "benign", "why": "the same deploy"}
    assert house.console.post("/cases", role="responder", data=several).status_code == 303
    text = read(house.console.get("/cases", role="responder")).text
    assert "You have closed 2 cases as benign." in text
    assert "Mara Lindqvist has closed this as benign" in text
    for key in (KEY, other):
        assert case_of(house, key).closure.why == "the same deploy"
        timeline = house.runtime.queries.cases.timeline(key).rows
        assert len([row for row in timeline if row.audit and row.audit.action == audit.CASE_CLOSE]) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"verdict": "benign", "why": " "}, "The reason is missing: say why the cases are closed."),
        ({"why": "x"}, "The verdict is missing: choose one of the three."),
        ({"verdict": "benign", "why": "x"}, "No case was selected, so nothing was changed."),
    ],
)
def test_several_cases_are_not_closed_without_verdict_reason_and_case(house, fields, said):
    house.alarm(4)
    selected = {} if "selected" in said else {"case": KEY}
    house.console.post("/cases", role="responder", data={"do": "close"} | selected | fields)
    assert said in read(house.console.get("/cases", role="responder")).text
    assert case_of(house).closure is None


def test_a_viewer_closes_nothing(house):
    house.alarm(4)
    form = {"do": "close", "case": KEY, "verdict": "benign", "why": "x"}
    assert house.console.post("/cases", role="viewer", data=form).status_code == 403
    assert case_of(house).closure is None


def test_pages_follow_each_other_by_a_token(house, monkeypatch):
    monkeypatch.setattr("console.pages.cases.case_list", partial(case_list, limit=5))
    for number in range(10, 18):
        house.alarm(number, malicious=0)
    page = read(house.console.get("/cases"))
    assert len(page.rows()) == 5
    (following,) = [link for link in page.links() if "page=" in link]
    rest = read(house.console.get(following))
    assert len(rest.rows()) == 3
    assert {*page.rows()} & {*rest.rows()} == set()
    assert read(house.console.get("/cases?page=nonsense"), 400).title == "This request cannot be understood"


def test_several_cases_are_taken_by_one_form(house):
    other = house.alarm(5)
    house.alarm(4)
    decide(house, "administrator", key=other, do="take")
    page = read(house.console.get("/cases", role="responder"))
    assert "Take" in page.form("Take").buttons
    answer = house.console.post("/cases", role="responder", data={"do": "take", "case": [KEY, other, "x"]})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/cases")
    page = read(house.console.get("/cases", role="responder"))
    assert "You have taken 1 case." in page.text
    assert f"{other[0].upper()}{other[1:]}: Mara Lindqvist has taken this already" in page.text
    assert case_of(house).state is CaseState.ACKNOWLEDGED


def test_nothing_selected(house):
    house.console.post("/cases", data={"do": "take"})
    assert "No case was selected" in read(house.console.get("/cases")).text


def test_a_case_says_what_where_and_how_bad(house):
    house.alarm(4)
    page = read(house.console.get(f"/cases/{KEY}"))
    assert page.title == "5 malicious, 1 suspicious on web-04"
    assert page.rows() == [
        "3 × malicious Malicious File Detected: php_backdoor /var/www/x.php T1505.003 Web Shell "
        "– 10:42 10:42",
        "1 × suspicious Malicious File Detected: php_backdoor again /var/log/x T1059.004 Unix Shell "
        "– 10:42 10:42",
    ]
    assert "https://attack.mitre.org/techniques/T1505/003/" in page.links()
    assert "https://cado.acme.example/projects/3" in page.links()
    assert "Delivered to soc" in page.text
    assert "Delivered to tickets: SEC-412" in page.text
    assert [label for label in page.texts("label") if label in ("Slack, soc", "Jira, tickets")] != []
    assert "huntbridge cases show" in page.text


def test_a_finding_says_in_which_hunts_it_was_seen(house):
    """Four weekly hunts: the last but one had no capture, and only the last brought php_backdoor."""
    house.alarm(4)
    alarm = case_of(house).alarm
    ledger, history = house.runtime.ledger, History(house.runtime.store, house.runtime.ledger)
    states = [CaptureState.PROCESSED, CaptureState.PROCESSED, CaptureState.FAILED, CaptureState.PROCESSED]
    for number, state in enumerate(states):
        at = house.console.moment - timedelta(weeks=3 - number)
        hunt = Hunt("weekly", at)
        capture = ledger.captures.plan(Capture(hunt.id, alarm.system))
        found = alarm.findings if number == 3 else alarm.findings[1:] if number == 1 else ()
        ledger.captures.update(capture, state=state, ended_at=at, suspicious=len(found))
        if found:
            event = replace(alarm.event, id=f"e{number}", received_at=at)
            history.compare(replace(alarm, event=event, hunt=hunt, findings=found))
    page = read(house.console.get(f"/cases/{KEY}"))
    assert page.rows() == [
        "3 × malicious Malicious File Detected: php_backdoor /var/www/x.php T1505.003 Web Shell "
        "new seen in 1 of the last 4 hunts, 1 without a capture 10:42 10:42",
        "1 × suspicious Malicious File Detected: php_backdoor again /var/log/x T1059.004 Unix Shell "
        "seen in 2 of the last 4 hunts, 1 without a capture 15 Nov, 10:42 10:42",
    ]
    drawn = [element.attributes.get("class", "") for element in page.elements if element.tag == "rect"]
    assert [fill for fill in drawn if fill.startswith("f-")] == [
        *("f-line", "f-line", "f-fault", "f-mal"),
        *("f-line", "f-sus", "f-fault", "f-sus"),
    ]


def test_an_unknown_case(house):
    page = read(house.console.get("/cases/project/9/x"), 404)
    assert "There is no case project/9/x." in page.text


def test_the_life_of_a_case(house):
    house.alarm(4)
    url = f"/cases/{KEY}"
    page = read(house.console.get(url, role="responder"))
    form = page.form("Take")
    assert house.console.post(form.action, role="responder", data=dict(form.fields)).status_code == 303
    page = read(house.console.get(url, role="responder"))
    assert "You have taken the case." in page.text
    assert "Taken by Mara Lindqvist since 10:42" in page.text

    form = page.form("Give back")
    house.console.post(form.action, role="responder", data=dict(form.fields))
    page = read(house.console.get(url, role="responder"))
    assert "You have given the case back." in page.text
    assert "Taken by nobody" in page.text

    answer = decide(house, do="close", verdict="benign", why="Deploy job, CHG-2041")
    assert answer.headers["Location"] == url
    page = read(house.console.get(url, role="responder"))
    assert "You have closed the case as benign." in page.text
    assert "Closed by Mara Lindqvist" in page.text
    assert "Deploy job, CHG-2041" in page.texts("q")
    assert read(house.console.get("/cases?state=closed")).rows() != []

    decide(house, do="reopen", why="it came back")
    page = read(house.console.get(url, role="responder"))
    assert "You have reopened the case." in page.text
    house.run()
    titles = [message.title for message in house.tools["soc"].sent]
    assert len(titles) == 5  # the alarm and four decisions


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"verdict": "benign", "why": " "}, "The reason is missing: say why the case is closed."),
        ({"verdict": "", "why": "x"}, "The verdict is missing: choose one of the three."),
        ({"verdict": "maybe", "why": "x"}, "The verdict is missing: choose one of the three."),
    ],
)
def test_a_case_is_closed_with_verdict_and_reason(house, fields, said):
    house.alarm(4)
    decide(house, do="close", **fields)
    assert f"{said} Nothing was changed." in read(house.console.get(f"/cases/{KEY}", role="responder")).text
    assert case_of(house).closure is None


def test_an_alarm_is_sent_again_to_another_destination(house):
    house.alarm(4)
    page = read(house.console.get(f"/cases/{KEY}", role="responder"))
    assert [value for name, value in page.form("Send").fields if name == "to"] == ["tickets", "soc", "office"]
    assert "Create Jira issue" not in page.texts("button")  # it has one
    decide(house, do="resend", to="office")
    text = read(house.console.get(f"/cases/{KEY}", role="responder")).text
    assert "The alarm is on its way to office." in text
    assert "Sent again to office by Mara Lindqvist" in text
    house.run()
    (message,) = house.tools["office"].sent
    assert "5 malicious" in message.title
    assert "Delivered to office" in read(house.console.get(f"/cases/{KEY}")).text
    decide(house, do="resend", to="nowhere")
    text = read(house.console.get(f"/cases/{KEY}", role="responder")).text
    assert "No destination was chosen, so nothing is sent. Nothing was changed." in text


def test_an_issue_is_created(make_console):
    house = House(make_console(**SETTINGS | {"default": ["soc"]}))
    house.alarm(4)
    form = read(house.console.get(f"/cases/{KEY}", role="responder")).form("Create Jira issue")
    house.console.post(form.action, role="responder", data=dict(form.fields))
    house.run()
    page = read(house.console.get(f"/cases/{KEY}", role="responder"))
    assert "https://jira.acme.example/browse/SEC-412" in page.links()


def test_who_was_faster_is_named(house):
    house.alarm(4)
    other = house.console.client("responder", "Jonas Weber")
    other.post(f"/cases/{KEY}", data={"do": "take"}, headers={"Sec-Fetch-Site": "same-origin"})
    decide(house, do="take")
    text = read(house.console.get(f"/cases/{KEY}", role="responder")).text
    assert "Jonas Weber has taken this already, at 2026-11-29 10:42 UTC. Nothing was changed." in text


@pytest.mark.parametrize("do", ["take", "release", "close", "reopen", "resend"])
def test_a_viewer_decides_nothing(house, do):
    house.alarm(4)
    answer = decide(house, "viewer", do=do, verdict="benign", why="x", to="office")
    assert answer.status_code == 403
    assert case_of(house).state is CaseState.OPEN
    page = read(house.console.get(f"/cases/{KEY}", role="viewer"))
    assert [form.action for form in page.forms if form.action.startswith("/cases")] == []


def test_the_audit_log_says_who(house):
    house.alarm(4)
    decide(house, do="take")
    (entry,) = [row.audit for row in house.runtime.queries.cases.timeline(KEY).rows if row.audit]
    assert entry.by == "Mara Lindqvist"
    assert entry.origin.startswith("the console, from ")


def test_an_action_that_is_none(house):
    house.alarm(4)
    assert decide(house, do="explode").status_code == 400
    assert decide(house, key="project/9/x", do="take").status_code == 404


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "/\n/evil.example", "evil", "/ä"]
)
def test_a_form_never_leads_to_another_site(house, back):
    house.alarm(4)
    assert decide(house, do="take", back=back).headers["Location"] == f"/cases/{KEY}"
