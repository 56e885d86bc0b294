"""The screen "Rules" and its tester: whole requests, whole pages."""

from __future__ import annotations

import json

import pytest

from tests.console.filling import HOSTILE

SETTINGS = {
    "accounts": {"prod": {"id": "111122223333"}},
    "hunts": {"weekly": {"targets": [{"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"}]}},
    "destinations": {
        "soc": {"type": "slack", "webhook_url": "env:S"},
        "office": {"type": "teams", "webhook_url": "env:T"},
    },
    "routes": [
        {"match": {"severity": ["malicious"], "tags": {"Env": ["prod"]}}, "to": ["office"], "continue": True},
        {"match": {"hunt": ["weekly*"]}, "to": ["soc"]},
        {"match": {"hunt": ["weekly"], "region": ["us-east-1"]}, "to": ["office"]},
    ],
    "default": ["soc"],
}


@pytest.fixture
def console(make_console):
    return make_console(**SETTINGS)


def tried(console, role="viewer", status=200, **form):
    answer = console.post("/rules", role=role, data=form)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True).partition('aria-label="Result"')[2].partition("</section>")[0]


def test_the_routes_in_order(console):
    page = console.get("/rules").get_data(as_text=True)
    assert "<h1>3 routes lead to 2 destinations; 1 can never match</h1>" in page
    assert "severity is malicious, and tag Env is prod" in page
    assert "hunt is weekly*" in page
    assert "no alarm reaches it: route 2 takes all of them" in page
    assert "no route matched: default" in page


def test_nothing_is_configured(make_console):
    page = make_console().get("/rules").get_data(as_text=True)
    assert "<h1>No destination is configured: no alarm reaches anybody</h1>" in page
    assert "<code>destinations</code>" in page


def test_where_an_alarm_would_go_and_why(console):
    result = tried(console, severity="malicious", hunt="weekly", tags="Env=prod, Team=web")
    assert "Goes to office, soc" in result
    assert "severity is malicious, and tag Env is prod" in result
    assert "then continues" in result
    assert "not looked at, an earlier route decided" in result
    assert "not needed" in result
    result = tried(console, severity="suspicious")
    assert "Goes to soc" in result
    assert "severity is suspicious, not malicious" in result


def test_what_the_platform_sent_is_understood(console):
    body = {"event": "processing_with_alarms", "title": "x", "message": "2 malicious alarms in project 3"}
    result = tried(console, json=json.dumps(body), hunt="weekly")
    assert "Goes to soc" in result
    assert "processing_with_alarms" in result


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"tags": "Env"}, "Tag &#39;Env&#39; is no tag; write it as KEY=VALUE."),
        (
            {"region": "us-esat-1"},
            "There is no region &#39;us-esat-1&#39;; did you mean us-east-1",
        ),
        ({"account": "stage"}, "There is no account &#39;stage&#39;"),
        ({"severity": "bad"}, "There is no severity &#39;bad&#39;"),
        ({"json": '{"a": 1}'}, "Nothing in this says what happened or where"),
    ],
)
def test_what_is_no_alarm_is_refused_with_a_hint(console, form, said):
    result = tried(console, status=422, **form)
    assert "This is no alarm" in result
    assert said in result


def test_the_form_keeps_what_was_written(console):
    answer = console.post("/rules", data={"instance": "web-02", "severity": "info", "json": ""})
    page = answer.get_data(as_text=True)
    assert 'value="web-02"' in page
    assert "<option selected>info</option>" in page


def test_the_tester_needs_a_page_of_the_console(console):
    assert console.post("/rules", data={}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_text_that_is_too_long(console):
    assert console.post("/rules", data={"json": "x" * 70_000}).status_code == 413


def test_hostile_text_appears_only_escaped(console):
    for name in ("instance", "tags", "json", "hunt", "account"):
        form = {name: f"{HOSTILE}={HOSTILE}"}
        page = console.post("/rules", data=form).get_data(as_text=True)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_the_tests_of_the_configuration_those_that_fail_first(make_console):
    tests = [
        {"name": "everything else", "to": ["soc"]},
        {"name": f"malware {HOSTILE}", "severity": "malicious", "tags": {"Env": "prod"}, "to": ["soc"]},
    ]
    page = make_console(**SETTINGS, tests=tests).get("/rules").get_data(as_text=True)
    assert "1 of 2 pass" in page
    assert page.index("expected soc, got office; decided by route 1") < page.index("everything else")
    assert "<script>alert" not in page
    assert "Tests" not in make_console(**SETTINGS).get("/rules").get_data(as_text=True)


def test_the_active_hours_of_a_route(make_console):
    hours = {"days": "Mon-Fri", "hours": "08:00-18:00", "timezone": "Europe/Berlin"}
    night = {"days": "Mon-Sun", "hours": "00:00-00:01"}
    console = make_console(
        **SETTINGS
        | {
            "routes": [
                {"match": {"severity": "malicious"}, "to": "soc", "active": hours, "digest": "per_hunt"},
                {"to": "soc", "active": night, "outside": {"elsewhere": "office"}},
            ]
        }
    )
    page = console.get("/rules").get_data(as_text=True)
    assert "active Mon-Fri 08:00-18:00 Europe/Berlin" in page
    assert "outside these hours alarms that are not malicious are held" in page
    assert "outside these hours alarms go to office" in page
    assert "the suspicious alarms of a hunt are one message when it has ended" in page
    assert ("closed now, until" in page, "Goes to office" in tried(console)) == (True, True)


def test_the_tester_says_until_when_an_alarm_is_held(make_console):
    night = {"days": "Mon-Sun", "hours": "00:00-00:01", "timezone": "Europe/Berlin"}
    console = make_console(**SETTINGS | {"routes": [{"to": "soc", "active": night}]})
    result = tried(console, severity="suspicious")
    assert "Goes to soc" in result
    assert "00:00 Europe/Berlin" in result.partition("soc, held until")[2]
