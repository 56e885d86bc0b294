"""What only the store in DynamoDB does: retention, large documents, pages, and its failures."""

from __future__ import annotations

import json
import random
import re
import uuid
from functools import partial
from typing import Any

import pytest
from botocore.stub import Stubber

from shared.aws.clients import Clients
from shared.aws.dynamodb import DynamoStore, table_definition
from shared.storage.kinds import DEFAULT_DAYS
from shared.storage.ports import Record, StoreError, TooLarge
from shared.storage.renewal import renew_case

NOW = 1_790_000_000.25
DAY = 86_400


@pytest.fixture
def table(clients) -> str:
    name = f"ledger-{uuid.uuid4()}"
    definition = table_definition()
    ttl = definition.pop("TimeToLiveSpecification")
    clients.call("dynamodb", "create_table", TableName=name, **definition)
    clients.call("dynamodb", "update_time_to_live", TableName=name, TimeToLiveSpecification=ttl)
    return name


@pytest.fixture
def store(clients, table) -> DynamoStore:
    return DynamoStore(clients, table, lambda: NOW)


def noise(size: int) -> str:
    return random.Random(size).randbytes(size // 2).hex()


def item(clients: Clients, table: str, kind: str, group: str, name: str) -> dict[str, Any]:
    key = {"pk": {"S": f"{kind}#{group}"}, "sk": {"S": name}}
    stored: dict[str, Any] = clients.call("dynamodb", "get_item", TableName=table, Key=key)["Item"]
    return stored


def test_a_document_is_one_item(clients, table, store):
    store.put("hunt", "weekly", "weekly@2026-11-22", {"state": "running"})
    stored = item(clients, table, "hunt", "weekly", "weekly@2026-11-22")
    assert len(stored.pop("write")["S"]) == 16
    assert stored == {
        "pk": {"S": "hunt#weekly"},
        "sk": {"S": "weekly@2026-11-22"},
        "version": {"N": "1"},
        "body": {"S": '{"state":"running"}'},
        "expires": {"N": str(1_790_000_000 + 400 * DAY)},
    }


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        ("hunt", 400),
        ("capture", 400),
        ("event", 180),
        ("project-event", 400),
        ("delivery", 180),
        ("case", 400),
        ("alarm-run", None),
        ("note", None),
        ("open-hunt", None),
        ("clock", None),
        ("project", None),
        ("a kind that is not listed", None),
    ],
)
def test_how_long_a_kind_is_kept(clients, table, store, kind, days):
    store.put(kind, "", "a", {})
    kept = item(clients, table, kind, "", "a").get("expires")
    assert kept == (None if days is None else {"N": str(int(NOW) + days * DAY)})


def test_the_configuration_says_how_long_and_a_renewed_case_expires_later(clients, table):
    for now, days in ((NOW, 100), (NOW + 30 * DAY, 130)):
        store = DynamoStore(clients, table, partial(float, now), {**DEFAULT_DAYS, "cases": 100})
        if now == NOW:
            store.put("case-file", "c", "-", {})
            store.put("case", "c", "soc", {"ref": "1.2"})
        renew_case(store, "c")
        for kind, name in (("case-file", "-"), ("case", "soc")):
            expires = item(clients, table, kind, "c", name)["expires"]
            assert expires == {"N": str(int(NOW) + days * DAY)}
    assert not store.tidy(delete=True)


def test_a_long_document_is_packed(clients, table, store):
    body = {"text": "the same again and again, " * 1_000}
    store.put("event", "e", "a", body)
    packed = item(clients, table, "event", "e", "a")["body"]["B"]
    assert len(packed) < len(json.dumps(body)) / 20
    assert store.get("event", "e", "a") == Record("e", "a", 1, body)


def all_items(clients: Clients, table: str) -> list[dict[str, Any]]:
    stored: list[dict[str, Any]] = clients.call("dynamodb", "scan", TableName=table)["Items"]
    return stored


@pytest.mark.slow
def test_a_document_that_is_larger_than_an_item_may_be_is_split(clients, table, store):
    long, longer = {"text": noise(1_500_000)}, {"text": noise(2_200_000)}
    assert store.put("event", "e", "a", long)
    assert store.get("event", "e", "a") == Record("e", "a", 1, long)
    parts = [part for part in all_items(clients, table) if part["pk"]["S"].startswith("part#")]
    assert len(parts) > 1
    assert {part["expires"]["N"] for part in parts} == {str(int(NOW) + 180 * DAY)}  # with the document
    # Each version has its own parts, and the parts of the previous version are deleted.
    assert store.put("event", "e", "a", longer, expect=1)
    assert store.get("event", "e", "a") == Record("e", "a", 2, longer)
    assert not store.put("event", "e", "a", long, expect=1)
    assert store.put("event", "e", "a", {"now": "short"})
    assert store.get("event", "e", "a") == Record("e", "a", 3, {"now": "short"})
    assert len(all_items(clients, table)) == 1
    store.put("event", "e", "a", long)
    store.delete("event", "e", "a")
    assert all_items(clients, table) == []


@pytest.mark.slow
def test_a_document_that_is_replaced_while_it_is_read_is_read_again(store, monkeypatch):
    store.put("event", "e", "a", {"text": noise(1_500_000)})
    newer, call = {"text": noise(2_200_000)}, store._clients.call
    replaced: list[bool] = []

    def replacing(service, operation, **request):
        if request.get("Key", {}).get("pk", {}).get("S", "").startswith("part#") and not replaced:
            replaced.append(True)
            store.put("event", "e", "a", newer)
        return call(service, operation, **request)

    monkeypatch.setattr(store._clients, "call", replacing)
    (record,) = store.scan("event", "e")
    assert record.body == newer
    replaced.clear()
    assert store.get("event", "e", "a").body == newer


@pytest.mark.slow
def test_a_document_that_is_too_large_is_refused(store):
    with pytest.raises(TooLarge) as caught:
        store.put("event", "e", "a", {"text": noise(80_000_000)})
    assert re.fullmatch(r"the event a takes 4\d,\d+ KB, and at most 35,000 KB are kept", str(caught.value))
    assert store.get("event", "e", "a") is None


def test_a_scan_asks_for_the_next_page_when_it_gets_there(store, asked):
    for number in range(6):
        store.put("capture", "h", f"{number}", {"n": number, "text": noise(500_000)})
    asked.clear()
    records = store.scan("capture", "h")
    assert next(records).body["n"] == 0
    assert len(asked) == 1
    assert [record.body["n"] for record in records] == [1, 2, 3, 4, 5]
    assert len(asked) > 1


def test_every_read_is_consistent(store, asked):
    store.get("hunt", "", "a")
    list(store.scan("hunt", ""))
    assert [(operation, request["ConsistentRead"]) for operation, request in asked] == [
        ("get_item", True),
        ("query", True),
    ]


def test_a_write_whose_answer_was_lost_is_not_taken_for_another_writer(lossy, table, store):
    careful = DynamoStore(lossy("dynamodb", "UpdateItem"), table)
    assert careful.put("case", "c", "slack", {"by": "me"}, expect=0)
    assert store.get("case", "c", "slack") == Record("c", "slack", 1, {"by": "me"})


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("ProvisionedThroughputExceededException", 400, "DynamoDB is throttling requests"),
        ("ThrottlingException", 400, "DynamoDB is throttling requests"),
        ("RequestLimitExceeded", 400, "DynamoDB is throttling requests"),
        ("AccessDeniedException", 400, "access denied by DynamoDB: the role needs {}"),
        (
            "ExpiredTokenException",
            400,
            "DynamoDB does not accept the AWS credentials (ExpiredTokenException)",
        ),
        ("InternalServerError", 500, "DynamoDB has a fault of its own (InternalServerError)"),
        ("ValidationException", 400, "DynamoDB refused (ValidationException)"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "action", "use"),
    [
        ("get_item", "dynamodb:GetItem", lambda store: store.get("hunt", "", "a")),
        ("query", "dynamodb:Query", lambda store: list(store.scan("hunt", ""))),
        ("update_item", "dynamodb:UpdateItem", lambda store: store.put("hunt", "", "a", {}, expect=0)),
        ("update_item", "dynamodb:UpdateItem", lambda store: store.put("case", "", "a", {"x": noise(10**6)})),
        ("delete_item", "dynamodb:DeleteItem", lambda store: store.delete("case", "", "a")),
    ],
)
def test_what_dynamodb_refuses_in_words(clients, operation, action, use, code, status, said):
    with Stubber(clients.get("dynamodb")) as stub:
        stub.add_client_error(operation, code, http_status_code=status)
        with pytest.raises(StoreError) as caught:
            use(DynamoStore(clients, "t"))
    assert str(caught.value) == f"the table t: {said.format(action)}"


def test_a_table_that_is_not_there(clients):
    with pytest.raises(StoreError, match=r"^there is no DynamoDB table nowhere in eu-west-1$"):
        DynamoStore(clients, "nowhere").get("hunt", "", "a")


def test_dynamodb_cannot_be_reached(nobody, silent):
    def refusal(endpoint: str) -> str:
        clients = Clients({"AWS_REGION": "eu-west-1"}, endpoint_url=endpoint, read_timeout=0.1, retries=0)
        with pytest.raises(StoreError) as caught:
            DynamoStore(clients, "t").put("hunt", "", "a", {})
        return str(caught.value)

    assert refusal(nobody) == "the table t: DynamoDB cannot be reached (EndpointConnectionError)"
    assert refusal(silent) == "the table t: DynamoDB did not answer within 0.1 s"


def test_where_there_is_no_region_or_no_credentials(endpoint, monkeypatch):
    with pytest.raises(StoreError, match=r"^the table t: no AWS region is set \(AWS_REGION\)$"):
        DynamoStore(Clients({}, endpoint_url=endpoint), "t").get("hunt", "", "a")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match=r"^the table t: no AWS credentials on this machine$"):
        DynamoStore(Clients({"AWS_REGION": "eu-west-1"}, endpoint_url=endpoint), "t").get("hunt", "", "a")
