"""The demo's pages: what they show, that hostile text stays text, and what each button does."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
import requests
from flask import Flask, request

from demo.platform.records import Occurrence
from demo.serving import serving
from demo.slack.simulation import Slack
from demo.web.jira_pages import browse_page
from demo.web.platform_pages import own_page
from demo.web.shell import HEADERS, PER_PAGE, Home, static_files
from receiver.destinations.contract import Option, TermsForm
from receiver.destinations.slack.terms_dialog import dialog
from shared.models.decisions import Verdict
from tests.console.previews.payloads import golden
from tests.console.previews.seen import Seen
from tests.demo.web.world_of_one import Pages

GOLDEN = golden()
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> {{ 7 * 7 }} {% raw %}"
AT = "2026-11-22T02:00:00+00:00"
HUNT: dict[str, Any] = {
    "hunt": {"name": f"weekly {HOSTILE}", "project_id": 12, "scheduled_at": AT, "state": "running"},
    "captures": [
        {
            "instance": "i-0123456789abcdef0",
            "name": HOSTILE,
            "place": "us-east-1",
            "state": "failed",
            "malicious": 0,
            "suspicious": 0,
            "reason": f"The snapshot failed, and the reason is a long one that nobody cuts off: {HOSTILE}",
        },
        {
            "instance": "i-1",
            "name": "web-01",
            "place": "us-east-1",
            "state": "processed",
            "malicious": 7,
            "suspicious": 8,
            "reason": "",
        },
    ],
    "summary": {"events": 2, "lost": 0, "repeated": 0, "seconds": 9.5},
}
PAGES = ("/", "/slack", "/teams", "/jira", "/pagerduty", "/jsm", "/platform")


def payload(name: str) -> Any:
    return GOLDEN[name][1]


def sendable(name: str) -> dict[str, Any]:
    return {key: value for key, value in payload(name).items() if key != "channel"}


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def full(pages: Pages) -> Pages:
    """Every tool has the hostile message and the rich one."""
    pages.state |= deepcopy(HUNT)
    for name in ("hostile", "rich"):
        ts = pages.post_in_slack(sendable(f"slack/{name}.bot.json"))
        pages.post_in_slack(sendable(f"slack/{name}.reply.json"), thread_ts=ts)
        pages.post_in_teams(payload(f"teams/{name}.json"))
        key = pages.open_issue(payload(f"jira/{name}.cloud.json"))
        pages.comment(key, payload(f"jira/{name}.cloud.json")["fields"]["description"])
        pages.page(payload(f"pagerduty/{name}.json"), payload(f"jsm/{name}.json"))
    return pages


@pytest.mark.parametrize("path", [*PAGES, "/static/demo.css", "/static/previews.css", "/nothing"])
def test_every_answer_has_the_headers_that_guard_it(pages: Pages, path: str) -> None:
    answer = pages.client.get(path)
    if path != "/nothing":
        assert answer.status_code == 200
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "unsafe" not in answer.headers.get("Content-Security-Policy", "")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_refreshes_without_a_script_until_its_reader_stops_it(pages: Pages, path: str) -> None:
    assert pages.client.get(path).headers["Refresh"] == "3"
    assert "Refresh" not in pages.client.get(f"{path}?still").headers
    assert "<script" not in pages.get(path)


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_page_says_what_comes(pages: Pages, path: str) -> None:
    text = Seen(pages.get(path)).text
    assert "yet" in text or "The first hunt begins in a moment" in text


def whole_site(pages: Pages) -> dict[str, Seen]:
    """Every page that can be reached from the first one, by its path."""
    seen: dict[str, Seen] = {}
    paths = ["/"]
    while paths:
        path = paths.pop()
        if path in seen or path.startswith(("/console", "/platform/projects")):
            continue
        seen[path] = Seen(pages.get(path))
        links = [link.partition("#")[0] for link in seen[path].links if link.startswith("/")]
        paths += [link for link in links if "still" not in link]
    return seen


def test_the_first_page_says_how_commands_work_on_the_demo(pages: Pages) -> None:
    assert "<code>. /tmp/huntbridge-demo-1/environment</code>" in pages.client.get("/").get_data(as_text=True)


def test_hostile_text_forms_no_markup_on_any_page(full: Pages) -> None:
    site = whole_site(full)
    assert len(site) > 12
    for path, seen in site.items():
        assert seen.open == [], path
        assert not seen.names & {"script", "iframe", "object", "embed", "base", "style"}, path
        assert {a["src"] for tag, a in seen.tags if tag == "img"} == {"/static/icon.svg"}, path
        for tag, attributes in seen.tags:
            assert not [name for name in attributes if name.startswith("on") or name == "style"], path
            if tag == "a":
                assert re.match(r"/|#|\?|http://127\.0\.0\.1", attributes["href"] or ""), path
    assert HOSTILE in site["/"].text
    assert "that nobody cuts off" in site["/"].text


def test_slack_shows_the_newest_message_first_and_a_thread_beside_its_message(full: Pages) -> None:
    channel = full.get("/slack")
    rich, hostile = (
        payload(f"slack/{name}.bot.json")["blocks"][0]["text"]["text"] for name in ("rich", "hostile")
    )
    text = Seen(channel).text
    assert text.index(rich) < text.index(hostile)
    assert "Security groups" not in text
    (newest, *_) = re.findall(r'href="(/slack/[0-9.]+)"', channel)
    message = full.get(newest)
    assert "Thread: 1 reply, newest first" in Seen(message).text
    (reply,) = set(re.findall(r'href="(/slack/[0-9.]+)"', message)) - {newest}
    assert "Security groups" in Seen(full.get(reply)).text  # the facts are in the thread's first reply


def test_an_incident_and_an_alert_have_a_page_with_what_happened_to_them(pages: Pages) -> None:
    pages.page(payload("pagerduty/rich.json"), payload("jsm/rich.json"))
    pages.page(payload("pagerduty/acknowledged.json"), payload("jsm/rich.json"))
    title = payload("jsm/rich.json")["message"]
    for path, stands in (("/pagerduty", "acknowledged"), ("/jsm", "open")):
        rows = Seen(pages.get(path)).text
        assert title in rows
        assert stands in rows
        one = Seen(pages.get(f"{path}/1")).text
        assert "entries in its log, newest first" in one
        assert "i-0123456789abcdef0" in one
        assert pages.client.get(f"{path}/99").status_code == 404


def test_many_messages_are_paged(pages: Pages) -> None:
    for number in range(PER_PAGE * 2 + 1):
        pages.post_in_slack({"text": f"message number {number}."})
    first, last = pages.get("/slack"), pages.get("/slack?page=3")
    assert first.count("<article") == PER_PAGE
    assert "message number 16." in first
    assert "Page 1 of 3" in first
    assert "message number 0." in last
    assert last.count("<article") == 1
    for page, shown in (
        ("99", "message number 0."),
        ("x", "message number 16."),
        ("-1", "message number 16."),
    ):
        assert shown in pages.get(f"/slack?page={page}")


def test_an_edit_of_a_message_is_shown(pages: Pages) -> None:
    ts = pages.post_in_slack({"text": "before"})
    headers = {"Authorization": f"Bearer {pages.slack.token}"}
    edit = {"channel": "C0123456789", "ts": ts, "text": "after"}
    assert pages.slack.app.test_client().post("/api/chat.update", json=edit, headers=headers).get_json()["ok"]
    text = Seen(pages.get("/slack")).text
    assert "edited" in text
    assert "after" in text
    assert "before" not in text


def test_the_button_in_slack_sends_the_click(full: Pages) -> None:
    ts = full.slack.posts[0].ts
    (form,) = re.findall(
        rf'<form method="post" action="/slack/{ts}/click">.*?</form>', full.get(f"/slack/{ts}")
    )[:1]
    assert 'name="action" value="acknowledge"' in form
    answer = full.client.post(f"/slack/{ts}/click", data={"action": "acknowledge", "from": "message"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/slack/{ts}")
    assert full.clicks == [(ts, "acknowledge", "")]
    assert "The click was sent." in full.get("/slack")
    assert full.client.post(f"/slack/{ts}/click", data={"action": "nothing"}).status_code == 404


def test_a_person_closes_an_issue_in_jira_and_opens_it_again(full: Pages) -> None:
    assert "Close: Won't Do" in Seen(full.get("/jira/SEC-1")).text
    answer = full.client.post("/jira/SEC-1/status", data={"resolution": "Won't Do"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jira/SEC-1")
    assert (full.jira.status_of("SEC-1"), full.jira.issues["SEC-1"].resolution) == ("done", "Won't Do")
    text = Seen(full.get("/jira/SEC-1")).text
    assert "SEC-1 is closed as Won't Do." in text
    assert "Close: Done" not in text
    full.client.post("/jira/SEC-1/status", data={"resolution": ""})
    assert full.jira.status_of("SEC-1") == "new"
    assert full.client.post("/jira/SEC-1/status", data={"resolution": "<b>"}).status_code == 400
    assert full.client.post("/jira/SEC-99/status", data={"resolution": "Done"}).status_code == 404


def test_the_menu_in_slack_sends_the_choice(full: Pages) -> None:
    ts = full.slack.posts[0].ts
    for path in ("/slack", f"/slack/{ts}"):
        assert {f"/slack/{ts}?menu=close", f"/slack/{ts}?menu=mute"} <= Seen(full.get(path)).links
    page = full.client.get(f"/slack/{ts}?menu=close")
    assert "Refresh" not in page.headers  # somebody is choosing
    forms = re.findall(rf'<form[^>]* action="/slack/{ts}/click">.*?</form>', page.get_data(as_text=True))
    form = next(form for form in forms if 'name="choice"' in form)
    assert 'name="action" value="close"' in form
    for verdict in ("true_positive", "benign", "false_positive"):
        assert f'value="{verdict}"' in form
    assert "Close this case?" in Seen(form).text
    assert "Close the case" in Seen(form).text
    chosen = {"action": "close", "choice": "benign"}
    answer = full.client.post(f"/slack/{ts}/click", data=chosen)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/slack")
    assert full.clicks == [(ts, "close", "benign")]
    assert full.client.post(f"/slack/{ts}/click", data={**chosen, "choice": "x"}).status_code == 404


def test_the_menu_that_mutes_offers_its_lengths_and_can_be_left(full: Pages) -> None:
    ts = full.slack.posts[0].ts
    text = Seen(full.get(f"/slack/{ts}?menu=mute")).text
    for said in ("Mute the findings of this case?", "1 day", "7 days", "Until the next hunt", "Cancel"):
        assert said in text
    assert full.client.post(f"/slack/{ts}/left").headers["Location"] == f"/slack/{ts}"
    assert full.clicks == []
    assert full.client.get(f"/slack/{ts}?menu=nothing").headers["Refresh"] == "3"


VERDICT = TermsForm(
    "case/1",
    "slack-1",
    Verdict.BENIGN,
    scopes=(Option("system", "On this system"), Option("everywhere", HOSTILE)),
    days=(Option("7", "For 7 days"), Option("90", "For 90 days")),
    usual_days="90",
    malicious=(Option("0" * 16, f"Miner {HOSTILE}"), Option("1" * 16, "Rootkit")),
)


def test_a_dialog_lies_over_the_page_until_it_is_submitted(full: Pages) -> None:
    full.slack.dialogs.open({"trigger_id": full.slack.dialogs.trigger("U012AB3CD"), "view": dialog(VERDICT)})
    for path in ("/slack", f"/slack/{full.slack.posts[0].ts}"):
        page = full.client.get(path)
        assert "Refresh" not in page.headers
        seen = Seen(page.get_data(as_text=True))
        assert {"role": "dialog", "aria-modal": "true", "aria-labelledby": "over-title"} in [
            attributes for _, attributes in seen.tags
        ]
        for said in ("Closed: benign", "For 90 days", "‹script›alert(1)", "Rootkit", "Save", "Keep it so"):
            assert said in seen.text
        assert "script" not in seen.names
    chosen = {"scope": "everywhere", "days": "7", "why": "Backup", "malicious": ["0" * 16, "1" * 16]}
    (action,) = re.findall(r'action="(/slack/dialogs/V[0-9]+\?back=/slack)"', full.get("/slack"))
    assert full.client.post(action, data={**chosen, "days": "8"}).status_code == 400
    assert full.client.post(action, data={**chosen, "why": ""}).status_code == 303
    assert "Slack wants an answer in each field that is not optional." in full.get("/slack")
    answer = full.client.post(action, data=chosen)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/slack")
    assert full.submitted == [chosen]
    assert full.client.get("/slack").headers["Refresh"] == "3"
    assert full.client.post(action, data=chosen).status_code == 404


def test_a_dialog_can_be_closed_without_an_answer(pages: Pages) -> None:
    pages.slack.dialogs.open(
        {"trigger_id": pages.slack.dialogs.trigger("U012AB3CD"), "view": dialog(VERDICT)}
    )
    answer = pages.client.post("/slack/dialogs/V00000001/close?back=//evil.example")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/slack")
    assert pages.slack.dialogs.shown() is None
    assert pages.submitted == []


@pytest.mark.parametrize(
    "path", ["/switches/Jira", "/hunt", "/webhook", "/slack/1.1/click", "/slack/dialogs/V1"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_of_another_site_changes_nothing(pages: Pages, path: str, headers: dict[str, str]) -> None:
    data = {"outage": "cut", "action": "acknowledge"}
    assert pages.client.post(path, data=data, headers=headers).status_code == 403
    assert (pages.jira.outage, pages.hunts, pages.clicks) == ("", 0, [])
    assert pages.client.get(path).status_code in (404, 405)


def test_another_name_for_this_machine_is_refused(pages: Pages) -> None:
    assert pages.client.get("/", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("outage", "said"), [("unavailable", "answers 503"), ("cut", "cuts every connection")]
)
def test_a_tool_is_broken_and_mended(pages: Pages, outage: str, said: str) -> None:
    assert pages.client.post("/switches/Jira", data={"outage": outage}).status_code == 303
    assert f"✕ {said}" in pages.get("/")
    assert pages.jira.app.test_client().get("/rest/api/3/myself").status_code == 503
    assert pages.client.post("/switches/Jira", data={"outage": ""}).status_code == 303
    assert "✕" not in pages.get("/")
    assert pages.jira.app.test_client().get("/rest/api/3/myself").status_code == 401
    assert pages.client.post("/switches/Jira", data={"outage": "other"}).status_code == 400
    assert pages.client.post("/switches/Other", data={"outage": "cut"}).status_code == 404


def test_a_cut_connection_has_no_answer() -> None:
    slack = Slack()
    slack.outage = "cut"
    with serving(slack.app) as url, pytest.raises(requests.ConnectionError):
        requests.post(f"{url}/api/auth.test", timeout=10)
    assert slack.refused[0].why == "the connection was cut"


def test_another_hunt_and_the_last_webhook_again(pages: Pages) -> None:
    pages.client.post("/hunt")
    assert pages.hunts == 1
    assert "Another hunt starts." in pages.get("/")
    pages.client.post("/webhook")
    assert "There is no such webhook to send again." in pages.get("/")


def test_a_webhook_is_sent_again_as_it_was(pages: Pages) -> None:
    received = []
    receiver = Flask("receiver")

    @receiver.post("/webhook")
    def webhook() -> tuple[str, int]:
        received.append(request.get_json())
        return "", 202

    with serving(receiver) as url:
        hooks = pages.platform.webhooks
        hook = hooks.add("n", "processing_failed", {"message": "$Event"}, "custom", f"{url}/webhook")
        hooks.fire(hook, Occurrence("processing_failed", "title", f"first {HOSTILE}"))
        hooks.fire(hook, Occurrence("processing_failed", "title", "second"))
        shown = Seen(pages.get("/platform")).text
        assert shown.index("second") < shown.index(f"first {HOSTILE}")
        pages.client.post("/platform/webhooks/again", data={"number": "0"})
        pages.client.post("/webhook")
    assert [body["message"] for body in received[2:]] == [f"first {HOSTILE}", "second"]
    assert len(hooks.sent) == 2
    assert "huntbridge answered 202" in pages.get("/")


def test_the_console_is_one_click_away(pages: Pages) -> None:
    pages.client.set_cookie("huntbridge-9999", "session")
    answer = pages.client.get("/console")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "http://127.0.0.1:9999/sign-in/link?token=once",
    )
    assert pages.client.get("/console/deliveries").status_code == 303
    assert pages.client.get("/console/cases/system/i-1/1").status_code == 303
    assert pages.client.get("/console/elsewhere").status_code == 404
    cookies = {"huntbridge-9999": "session"}
    assert pages.opened == [(cookies, ""), (cookies, "deliveries"), (cookies, "cases/system/i-1/1")]
    assert 'href="/console"' in pages.get("/jira")


def test_the_first_page_says_how_the_hunt_is(pages: Pages) -> None:
    pages.state |= deepcopy(HUNT)
    assert "<h1>The hunt has ended: 1 of 2 machines captured, 1 failed, 1 with alarms</h1>" in pages.get("/")
    pages.state["captures"][0]["state"] = "running"
    assert "<h1>The hunt is running: 1 of 2 machines captured</h1>" in pages.get("/")


def test_the_links_of_messages_lead_to_the_demos_pages_while_these_are_served(full: Pages) -> None:
    project = full.platform.world.open_project("weekly", "A hunt", 0.0)
    for home, status in ((Home("http://127.0.0.1:8080"), 302), (Home(), 200)):
        servers = Flask("tools")
        for pages in (browse_page(full.jira, home), own_page(full.platform, home), static_files(home)):
            servers.register_blueprint(pages)
        client = servers.test_client()
        issue, platform = client.get("/browse/SEC-1"), client.get(f"/projects/{project.id}")
        assert (issue.status_code, platform.status_code) == (status, status)
        if home.url:
            assert issue.headers["Location"] == "http://127.0.0.1:8080/jira/SEC-1"
            assert platform.headers["Location"] == f"http://127.0.0.1:8080/platform/projects/{project.id}"
        else:
            assert "<nav" not in issue.get_data(as_text=True)
            assert client.get("/browse/SEC-99").status_code == 404
            assert client.get("/projects/999").status_code == 404
