"""People have the system of a case captured again in the console and by its API."""

from __future__ import annotations

import jsonschema
import pytest

from scheduler.worker import captures_handler
from shared.models.inventory import InstanceError
from shared.queues.worker import work
from shared.storage.audit import CAPTURE_AGAIN, newest
from tests.console.conftest import BROWSER
from tests.console.filled import SETTINGS, House
from tests.console.reading import read

KEY = "system/i-0aaaaaaaaaaaaaa04/1"
INSTANCE = "i-0aaaaaaaaaaaaaa04"
ACCOUNTS = {"prod": {"id": "111122223333", "cado_account": "prod"}}
API = "/api/v1/capture-again"


class Silent:
    def instances(self, *_, **__):
        raise InstanceError("EC2 did not answer")


@pytest.fixture
def make(make_console, monkeypatch):
    def house(**settings):
        made = House(make_console(**{**SETTINGS, "accounts": ACCOUNTS, **settings}))
        monkeypatch.setattr(made.runtime, "make_fleet", lambda **_: Silent())
        made.alarm(4)
        return made

    return house


def ask(house, role="responder"):
    return house.console.post(f"/cases/{KEY}", role=role, data={"do": "capture again"}, follow_redirects=True)


def test_the_page_offers_it_and_shows_who_asked(make):
    house = make()
    page = house.console.get(f"/cases/{KEY}", role="responder").get_data(as_text=True)
    assert "Capture again…" in page
    assert "Capture again…" not in house.console.get(f"/cases/{KEY}", role="viewer").get_data(as_text=True)
    answer = read(ask(house))
    assert f"{INSTANCE} will be captured again, in full: run again-" in answer.text
    assert "Asked to be captured again by Mara Lindqvist" in answer.text
    assert work(house.runtime.captures, captures_handler(house.runtime), lease=60) == 1
    (hunt,) = house.runtime.ledger.hunts.unfinished()
    assert hunt.name.startswith("again-")
    assert hunt.trigger.startswith("hunt run by Mara Lindqvist at the console, from 127.0.0.1")
    assert f"run {hunt.id}" in read(house.console.get(f"/cases/{KEY}")).text


def test_several_clicks_in_one_second_are_one_capture_and_one_audit_entry(make):
    house = make()
    for _ in range(3):
        ask(house)
    entries = [entry for entry in newest(house.runtime.store, house.runtime.now()) if entry.about == KEY]
    assert [entry.action for entry in entries] == [CAPTURE_AGAIN]
    assert house.runtime.captures.depth().living == 1


def test_a_refusal_is_said_on_the_page(make):
    house = make(accounts={})
    assert (
        "Nothing is captured again: the configuration has no account prod any more." in read(ask(house)).text
    )
    assert house.runtime.captures.depth().living == 0


def test_without_it_in_the_configuration_the_page_offers_nothing(make):
    house = make(capture_again={"enabled": False})
    assert "Capture again" not in house.console.get(f"/cases/{KEY}").get_data(as_text=True)
    assert "Nothing is captured again: the configuration does not allow it." in read(ask(house)).text


def test_the_api_asks_for_it(make):
    house = make()
    document = house.console.get("/api/v1/openapi.json").json["paths"][API]["post"]
    answer = house.console.post(API, role="responder", query_string={"case": KEY})
    assert answer.status_code == 200
    schema = document["responses"]["200"]["content"]["application/json"]["schema"]
    components = house.console.get("/api/v1/openapi.json").json["components"]
    jsonschema.validate(answer.json, schema | {"components": components})
    assert (answer.json["capture"], answer.json["system"]) == ("full", f"prod/us-east-1/{INSTANCE}")
    house.console.forward(1)
    again = house.console.post(API, role="responder", query_string={"case": KEY})
    assert again.status_code == 409
    assert again.json["detail"].endswith("of the same system, and the configuration allows one in 1d.")


@pytest.mark.parametrize(
    ("role", "headers", "query", "status"),
    [
        ("viewer", BROWSER, {"case": KEY}, 403),
        ("", BROWSER, {"case": KEY}, 401),
        ("responder", {}, {"case": KEY}, 403),
        ("responder", {"Origin": "https://evil.example"}, {"case": KEY}, 403),
        ("responder", BROWSER, {"case": "x"}, 404),
        ("responder", BROWSER, {}, 400),
    ],
)
def test_who_may_not_and_what_is_wrong(make, role, headers, query, status):
    house = make()
    answer = house.console.post(API, role=role, headers=headers, query_string=query)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert house.runtime.captures.depth().living == 0


def test_a_get_does_nothing(make):
    assert make().console.get(API, role="responder", query_string={"case": KEY}).status_code == 405
