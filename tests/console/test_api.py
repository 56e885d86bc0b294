from __future__ import annotations

import json

import jsonschema
import pytest

from console.api.endpoints import ENDPOINTS
from receiver.destinations.contract import Rejected
from shared.models.captures import Capture, CaptureState
from shared.models.systems import System
from shared.storage.ports import StoreError
from tests.console.filled import SETTINGS, House

KEY = "system/i-0aaaaaaaaaaaaaa04/1"
SYSTEM = "prod/us-east-1/i-0aaaaaaaaaaaaaa04"


@pytest.fixture
def house(make_console):
    return House(make_console(**SETTINGS))


@pytest.fixture
def filled(house):
    house.tools["soc"].outcomes = [Rejected("no_permission")]
    house.alarm(4)
    house.alarm(5, malicious=0)
    hunt = house.hunt("weekly")
    for number in range(3):
        system = System(f"i-0aaaaaaaaaaaaaa{number:02}", "us-east-1", "prod")
        house.runtime.ledger.captures.plan(Capture(hunt.id, system, CaptureState.PROCESSED))
    house.console.post(f"/cases/{KEY}", data={"do": "take"})
    house.run()
    return house


def get(house, path, role="viewer", **query):
    return house.console.get(f"/api/v1{path}", role=role, query_string=query)


@pytest.fixture
def document(house):
    return get(house, "/openapi.json").json


def required(house):
    """Values for the parameters without which there is no answer."""
    event = house.runtime.queries.events.list(limit=1).rows[0]
    hunt = house.runtime.queries.hunts.runs(limit=1).rows[0]
    return {
        "/case": {"key": KEY},
        "/timeline": {"case": KEY},
        "/event": {"id": event.id},
        "/hunt": {"id": hunt.id},
        "/captures": {"system": SYSTEM},
    }


@pytest.mark.parametrize("path", [endpoint.path for endpoint in ENDPOINTS])
def test_every_answer_is_as_described(filled, path):
    document = get(filled, "/openapi.json").json
    answer = get(filled, path, **required(filled).get(path, {}))
    assert answer.status_code == 200, answer.json
    described = document["paths"][f"/api/v1{path}"]["get"]["responses"]["200"]["content"]
    schema = described["application/json"]["schema"] | {"components": document["components"]}
    jsonschema.validate(answer.json, schema, format_checker=jsonschema.FormatChecker())
    assert answer.json or path in ("/mutes", "/next-runs", "/techniques", "/trends")


def test_the_document_is_openapi(document):
    assert document["openapi"] == "3.1.0"
    for path, item in document["paths"].items():
        (operation,) = item.values()
        assert set(item) == ({"post"} if path in ("/api/v1/capture-again",) else {"get"}), path
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            assert "enum" in schema or "maxLength" in schema or "maximum" in schema, parameter["name"]
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])


def test_nothing_without_a_session(house):
    for path in [endpoint.path for endpoint in ENDPOINTS] + ["/openapi.json"]:
        answer = get(house, path, role="")
        assert answer.status_code == 401
        assert answer.mimetype == "application/problem+json"
        assert answer.json == {"status": 401, "title": "Not signed in", "detail": "Sign in first."}


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("/cases?limit=0", {}, "limit must be a whole number from 1 to 200."),
        ("/cases?limit=1e3", {}, "limit must be a whole number from 1 to 200."),
        ("/cases?limit=٣", {}, "limit must be a whole number from 1 to 200."),
        ("/cases?limit=5&limit=6", {}, "limit is given 2 times; once is right."),
        ("/cases?severity=bad", {}, "severity must be one of: malicious, suspicious, info, unknown."),
        ("/cases?page=%20", {}, "page must be the token `next` of an answer."),
        ("/cases?colour=red", {}, "There is no parameter 'colour' here;"),
        ("/case", {}, "key is missing."),
        ("/case?key=a%00b", {}, "key must have at most 600 characters, and no control characters."),
        ("/events?since=yesterday", {}, "since must be a time such as 2026-11-29T10:42:00Z."),
        ("/events?since=2026-02-30T00:00:00Z", {}, "since must be a time such as 2026-11-29T10:42:00Z."),
        ("/techniques?weeks=54", {}, "weeks must be a whole number from 1 to 53."),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(house, path, query, said):
    answer = get(house, path, **query) if query else house.console.get(f"/api/v1{path}")
    assert answer.status_code == 400
    assert answer.json["detail"].startswith(said)


def test_what_does_not_exist(house):
    for path, query in (("/case", {"key": "x"}), ("/event", {"id": "x"}), ("/hunt", {"id": "x@y"})):
        assert get(house, path, **query).status_code == 404
    assert get(house, "/nothing").status_code == 404
    assert get(house, "/cases", page="zzz").json["detail"] == "page is not the token of a page of this list."
    assert get(house, "/nothing").mimetype == "application/problem+json"


def test_lists_are_in_pages(filled):
    first = get(filled, "/cases", limit="1").json
    second = get(filled, "/cases", limit="1", page=first["next"]).json
    assert [first["rows"][0]["name"], second["rows"][0]["name"]] == ["web-04", "web-05"]
    captures, page = [], ""
    while True:
        answer = get(
            filled, "/hunt", id=filled.runtime.queries.hunts.runs().rows[0].id, limit="1", **page_of(page)
        )
        captures += [capture["system"]["instance"] for capture in answer.json["captures"]]
        page = answer.json["next"]
        if not page:
            break
    assert captures == [f"i-0aaaaaaaaaaaaaa{number:02}" for number in range(3)]


def page_of(token):
    return {"page": token} if token else {}


def test_filters(filled):
    def names(path, **query):
        return [row["name"] for row in get(filled, path, **query).json["rows"]]

    assert names("/cases", state="open") == ["web-05"]
    assert names("/cases", taken_by="Mara Lindqvist") == ["web-04"]
    assert names("/cases", system=SYSTEM) == ["web-04"]
    assert set(names("/events", system=SYSTEM)) == {"web-04"}
    assert names("/events", since="2026-11-30T00:00:00+01:00") == []
    rows = get(filled, "/deliveries", state="dead").json["rows"]
    assert [(row["destination"], row["reason"]) for row in rows] == [("soc", "no_permission")]
    (dead,) = get(filled, "/dead").json
    assert (dead["destination"], dead["reason"], dead["case"]) == ("soc", "no_permission", KEY)


def test_a_ledger_that_does_not_answer(house, monkeypatch):
    def broken(*_, **__):
        raise StoreError("the database is locked")

    for name in ("get", "page", "count", "positions", "attention", "read_many", "scan", "page_of_group"):
        monkeypatch.setattr(house.runtime.store, name, broken)
    for path in ("/", "/cases", f"/cases/{KEY}", "/deliveries"):
        page = house.console.get(path)
        assert page.status_code == 503
        assert "The ledger does not answer" in page.get_data(as_text=True)
        assert "the database is locked" in page.get_data(as_text=True)
    for endpoint in ENDPOINTS:
        if endpoint.path in ("/next-runs", "/dead", "/rules", "/configuration"):
            continue
        answer = get(house, endpoint.path, **{p.name: "x" for p in endpoint.parameters if p.required})
        assert (endpoint.path, answer.status_code) == (endpoint.path, 503)
        assert answer.json["title"] == "The ledger does not answer"
