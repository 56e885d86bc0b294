"""The pointers of the store in DynamoDB: what they cost, when they expire, and writers that overtake each
other between any two of their calls."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.stub import Stubber

from shared.aws.clients import Clients
from shared.aws.dynamodb import DynamoStore, table_definition
from shared.aws.errors import AwsError
from shared.storage import indexes
from shared.storage.ports import Key, Record, StoreError

pytestmark = pytest.mark.slow

NOW = 1_790_000_000.25
DAY = 86_400


class Wall:
    seconds = NOW

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(autouse=True)
def things(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents of this kind, which is kept for 180 days, name their own entries."""
    monkeypatch.setitem(indexes._FUNCTIONS, "whole-alarm", lambda g, n, body: map(tuple, body["in"]))


@pytest.fixture
def table(clients) -> str:
    name = f"ledger-{uuid.uuid4()}"
    definition = table_definition()
    del definition["TimeToLiveSpecification"]
    clients.call("dynamodb", "create_table", TableName=name, **definition)
    return name


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def store(clients, table, wall) -> DynamoStore:
    return DynamoStore(clients, table, wall)


def thing(*indexes: str, of: Key | None = None, position: str = "1", **more: Any) -> dict[str, Any]:
    return {"in": [[index, of[1] if of else position] for index in indexes], **more}


A = ("whole-alarm", "a", "-")


def pointers(clients: Clients, table: str) -> dict[str, dict[str, Any]]:
    """The pointers that are in the table, by index and position."""
    items = clients.call("dynamodb", "scan", TableName=table, ConsistentRead=True)["Items"]
    return {
        f"{item['pk']['S'].removeprefix('index#')} {item['sk']['S']}": item
        for item in items
        if item["pk"]["S"].startswith("index#")
    }


# What it costs


def calls(asked: list[tuple[str, Any]], do: Callable[[], object]) -> list[str]:
    asked.clear()
    do()
    return [operation for operation, _ in asked]


def test_a_kind_without_indexes_costs_what_it_did(store, asked):
    key = ("case", "c", "slack")
    assert calls(asked, lambda: store.put(*key, {"n": 1}, expect=0)) == ["update_item"]
    assert calls(asked, lambda: store.put(*key, {"n": 2}, expect=1)) == ["update_item"]
    assert calls(asked, lambda: store.put(*key, {"n": 3})) == ["update_item"]
    assert calls(asked, lambda: store.update(*key, lambda body: ({"n": 4}, None))) == [
        "get_item",
        "update_item",
    ]
    assert calls(asked, lambda: store.delete(*key)) == ["delete_item"]


def test_what_a_kind_with_indexes_costs(store, asked):
    assert calls(asked, lambda: store.put(*A, thing("x", "y"), expect=0)) == [
        "batch_write_item",
        "update_item",
    ]
    assert calls(asked, lambda: store.update(*A, lambda body: ({**(body or {}), "n": 1}, None))) == [
        "get_item",
        "update_item",
    ]
    assert calls(asked, lambda: store.put(*A, thing("x", "y", n=2))) == ["get_item", "update_item"]
    assert calls(asked, lambda: store.update(*A, lambda body: (thing("y", "z"), None))) == [
        "get_item",
        "batch_get_item",  # of what is outdated
        "batch_write_item",
        "update_item",
        "delete_item",
    ]
    (written,) = (request["RequestItems"] for operation, request in asked if operation == "batch_write_item")
    ((put,),) = written.values()  # only what is new
    assert put["PutRequest"]["Item"]["pk"] == {"S": "index#z"}
    assert calls(asked, lambda: store.put(*A, {"in": []}, expect=4)) == [
        "get_item",
        "batch_get_item",
        "update_item",
        "delete_item",
        "delete_item",
    ]
    assert calls(asked, lambda: store.put(*A, {"in": []}, expect=4)) == ["get_item"]
    store.put(*A, thing("x"))
    assert calls(asked, lambda: store.delete(*A)) == ["delete_item"]


def test_what_a_page_costs(store, asked):
    for number in range(30):
        store.put("whole-alarm", "g", f"{number}", thing("x", position=f"{number:03}"))
    assert calls(asked, lambda: store.page("x", limit=1)) == ["query", "batch_get_item"]
    assert calls(asked, lambda: store.page("x", limit=100)) == ["query", "batch_get_item"]
    assert calls(asked, lambda: store.page("none", limit=9)) == ["query"]
    assert calls(asked, lambda: store.page_of_group("whole-alarm", "g", limit=9)) == ["query"]
    assert calls(asked, lambda: store.count("x")) == ["query", "query"]
    assert calls(asked, lambda: store.count("x", prefix="01")) == ["query", "batch_get_item"]
    assert calls(asked, lambda: store.every("whole-alarm", limit=9)) == ["scan"]
    records = list(store.scan("whole-alarm", "g"))
    assert calls(asked, lambda: store.reindex("whole-alarm", records)) == ["batch_write_item"] * 2


# How long pointers are kept


def test_pointers_expire_after_their_document(clients, table, store, wall):
    def kept(name: str) -> tuple[float, float]:
        key = {"pk": {"S": "whole-alarm#a"}, "sk": {"S": "-"}}
        document = clients.call("dynamodb", "get_item", TableName=table, Key=key)["Item"]
        return tuple(
            (int(item["expires"]["N"]) - wall.seconds) / DAY
            for item in (document, pointers(clients, table)[name])
        )

    store.put(*A, thing("x"))
    assert kept("x 1") == pytest.approx((180, 210), abs=0.01)
    for number in range(30):  # whenever the document is written, its pointer outlives it
        wall.seconds += random.Random(number).choice([1, 3, 20, 29, 31, 170]) * DAY
        store.update(*A, lambda body, number=number: (body | {"n": number}, None))
        document, pointer = kept("x 1")
        assert pointer >= document


def test_pointers_of_what_is_kept_for_ever_do_not_expire(clients, table, store, monkeypatch):
    monkeypatch.setitem(indexes._FUNCTIONS, "project", lambda g, n, body: [("x", "1")])
    store.put("project", "", "1", {})
    assert "expires" not in pointers(clients, table)["x 1"]


def test_a_document_that_expired_is_skipped(clients, table, store):
    for number in range(6):
        store.put("whole-alarm", "g", f"{number}", thing("x", position=f"{number}"))
    for number in (1, 3, 4, 5):  # as DynamoDB's time to live deletes it
        key = {"pk": {"S": "whole-alarm#g"}, "sk": {"S": f"{number}"}}
        clients.call("dynamodb", "delete_item", TableName=table, Key=key)
    first = store.page("x", limit=3)
    assert first.records == ()
    second = store.page("x", limit=3, after=first.after)
    assert [record.name for record in second.records] == ["2", "0"]
    assert store.count("x") == 2
    store.put("whole-alarm", "g", "5", thing("x", position="5"), expect=0)
    assert store.page("x", limit=1).records == (Record("g", "5", 1, thing("x", position="5")),)


# Writers that overtake each other


class Slow:
    """Clients that do something else before their call of this number."""

    def __init__(self, clients: Clients, at: int, do: Callable[[], None]) -> None:
        self.region, self._call, self._at, self._do, self.made = clients.region, clients.call, at, do, 0

    def call(self, service: str, operation: str, **request: Any) -> Any:
        if self.made == self._at:
            self._do()
        self.made += 1
        return self._call(service, operation, **request)


Write = Callable[[DynamoStore, Key], object]


def x_to_y(store: DynamoStore, of: Key) -> None:
    store.update(*of, lambda body: (thing("y", of=of), None))


def y_to_x(store: DynamoStore, of: Key) -> None:
    store.put(*of, thing("x", of=of))


def to_z(store: DynamoStore, of: Key) -> None:
    store.put(*of, thing("z", "x", of=of))


def away(store: DynamoStore, of: Key) -> None:
    store.delete(*of)


def anew(store: DynamoStore, of: Key) -> None:
    store.put(*of, thing("x", "z", of=of), expect=0)


def expecting(store: DynamoStore, of: Key) -> None:
    store.put(*of, thing("y", "z", of=of), expect=1)


WRITES: list[Write] = [x_to_y, y_to_x, to_z, away, anew, expecting]


@pytest.mark.parametrize("slow", WRITES)
@pytest.mark.parametrize("after", [(), (y_to_x,), (anew,)])
def test_no_document_loses_a_pointer_to_a_slow_writer(clients, store, slow, after):
    """A slow writer is overtaken by others before each of its calls."""
    for overtaking in (x_to_y, to_z, away):
        at, made = 0, 1
        while at < made:
            of = ("whole-alarm", f"{overtaking.__name__}-{at}", "-")
            store.put(*of, thing("x", of=of))

            def overtake(of=of, overtaking=overtaking) -> None:
                for write in (overtaking, *after):
                    write(store, of)

            slow_clients = Slow(clients, at, overtake)
            slow(DynamoStore(cast(Clients, slow_clients), store._table.name, store._now), of)
            record = store.get(*of)
            expected = {index for index, _ in record.body["in"]} if record else set()
            assert {index for index in "xyz" if store.count(index, prefix=of[1])} == expected, of
            at, made = at + 1, slow_clients.made


# What DynamoDB does not do at once


def test_what_is_left_of_a_batch_is_asked_for_again(clients, table, monkeypatch):
    """DynamoDB answers with what it left undone where it throttles, which moto never does."""
    call, asked = clients.call, []
    pauses: list[float] = []

    def lazy(service: str, operation: str, **request: Any) -> Any:
        if not operation.startswith("batch"):
            return call(service, operation, **request)
        asked.append(operation)
        items = request["RequestItems"][table]
        if operation == "batch_write_item":
            call(service, operation, RequestItems={table: items[:10]})
            return {"UnprocessedItems": {table: items[10:]} if items[10:] else {}}
        keys = items["Keys"]
        answer = call(service, operation, RequestItems={table: {**items, "Keys": keys[:12]}})
        return {**answer, "UnprocessedKeys": {table: {**items, "Keys": keys[12:]}} if keys[12:] else {}}

    monkeypatch.setattr(clients, "call", lazy)
    store = DynamoStore(clients, table)
    monkeypatch.setattr(store._table, "_sleep", pauses.append)
    store.put("whole-alarm", "g", "many", {"in": [["x", f"{number:03}"] for number in range(60)]})
    assert asked == ["batch_write_item"] * 7  # 25, 25 and 10 pointers, 10 at a time
    assert len(pointers(clients, table)) == 60
    assert pauses == [0.05, 0.1] * 2
    for number in range(30):
        store.put("whole-alarm", "g", f"{number:03}", thing("y", position=f"{number:03}"))
    asked.clear()
    assert len(store.page("y", limit=100).records) == 30
    assert asked == ["batch_get_item"] * 3


@pytest.mark.parametrize(
    ("operation", "answer", "use"),
    [
        (
            "batch_write_item",
            {
                "UnprocessedItems": {
                    "t": [{"PutRequest": {"Item": {"pk": {"S": "index#x"}, "sk": {"S": "1"}}}}]
                }
            },
            lambda store: store.put(*A, thing("x"), expect=0),
        ),
        (
            "batch_get_item",
            {"Responses": {}, "UnprocessedKeys": {"t": {"Keys": [{"pk": {"S": "a#"}, "sk": {"S": "b"}}]}}},
            lambda store: store.read_many([("a", "", "b")]),
        ),
    ],
)
def test_a_table_that_leaves_everything_undone_is_asked_no_longer_than_some_seconds(
    clients, monkeypatch, operation, answer, use
):
    store = DynamoStore(clients, "t")
    pauses: list[float] = []
    monkeypatch.setattr(store._table, "_sleep", pauses.append)
    with Stubber(clients.get("dynamodb")) as stub:
        for _ in range(7):
            stub.add_response(operation, answer)
        with pytest.raises(StoreError, match=r"^the table t: DynamoDB is throttling requests$"):
            use(store)
    assert sum(pauses) == pytest.approx(3.15)


@pytest.mark.parametrize(
    ("operation", "action", "use"),
    [
        ("query", "dynamodb:Query", lambda store: store.page("x", limit=9)),
        ("query", "dynamodb:Query", lambda store: store.page_of_group("hunt", "", limit=9)),
        ("query", "dynamodb:Query", lambda store: store.count("x")),
        ("batch_get_item", "dynamodb:BatchGetItem", lambda store: store.read_many([("a", "", "b")])),
        ("batch_write_item", "dynamodb:BatchWriteItem", lambda store: store.put(*A, thing("x"), expect=0)),
        ("scan", "dynamodb:Scan", lambda store: store.every("hunt", limit=9)),
    ],
)
def test_what_dynamodb_refuses_in_words(clients, operation, action, use):
    with Stubber(clients.get("dynamodb")) as stub:
        stub.add_client_error(operation, "AccessDeniedException", http_status_code=400)
        with pytest.raises(StoreError) as caught:
            use(DynamoStore(clients, "t"))
    assert str(caught.value) == f"the table t: access denied by DynamoDB: the role needs {action}"


def test_an_outdated_pointer_that_cannot_be_deleted_is_left(clients, table, store, monkeypatch, caplog):
    store.put(*A, thing("x"))
    call = clients.call

    def refuse(service: str, operation: str, **request: Any) -> Any:
        if operation == "delete_item":
            raise AwsError("DynamoDB did not answer within 5 s")
        return call(service, operation, **request)

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(clients, "call", refuse)
        store.put(*A, thing("y"))
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "an outdated index entry stays in the table"
    ]
    assert set(pointers(clients, table)) == {"x 1", "y 1"}
    assert store.page("x", limit=9).records == ()
    assert store.count("x") == 0
    store.put(*A, thing("x"))
    assert store.count("x") == 1


# The indexes of attention, which an earlier version kept in partitions of their own


def test_pointers_of_an_earlier_version_are_read_until_all_documents_are_indexed(store, clients, table):
    open_cases, waiting = indexes.CASES_OPEN, indexes.DELIVERIES_WAITING
    for number in range(8):
        key = ("whole-alarm", f"{number}", "-")
        store.put(*key, thing(open_cases, position=f"0#{number}"))
        if number % 2:  # as the earlier version has left it
            pointer = pointers(clients, table)[f"attention 2#0#{number}"]
            clients.call(
                "dynamodb", "delete_item", TableName=table, Key={k: pointer[k] for k in ("pk", "sk")}
            )
            earlier = {**pointer, "pk": {"S": f"index#{open_cases}"}, "sk": {"S": f"0#{number}"}}
            clients.call("dynamodb", "put_item", TableName=table, Item=earlier)
    every = [f"0#{number}" for number in range(8)]

    def listed(store: DynamoStore, limit: int, newest_first: bool) -> list[str]:
        found, after = [], ""
        for _ in range(20):
            page = store.page(open_cases, limit=limit, after=after, newest_first=newest_first)
            found += [f"0#{record.group}" for record in page.records]
            if not (after := page.after):
                return found
        raise AssertionError("the pages have no end")

    def places(store: DynamoStore) -> list[str]:
        return [place.position for place in store.attention().of[open_cases]]

    for limit in (1, 2, 3, 7, 8, 100):
        assert listed(store, limit, newest_first=False) == every
        assert listed(store, limit, newest_first=True) == every[::-1]
    assert places(store) == list(store.positions(open_cases)) == every
    assert store.positions(open_cases, since="0#2", until="0#5") == ("0#2", "0#3", "0#4")
    assert (store.count(open_cases), store.count(open_cases, prefix="0#3")) == (8, 1)
    store.put("whole-alarm", "3", "-", thing(waiting, position="1"))
    assert listed(store, 3, newest_first=False) == [place for place in every if place != "0#3"]
    records = store.every("whole-alarm", limit=100).records
    store.reindex("whole-alarm", records)
    store.all_are_indexed()
    for reader in (store, DynamoStore(clients, table)):
        assert places(reader) == listed(reader, 3, newest_first=False)
        assert places(reader) == [place for place in every if place != "0#3"]


def test_the_indexes_of_attention_cost_one_request(store, asked):
    store.put(*A, thing(indexes.CASES_OPEN, indexes.DELIVERIES_DEAD))
    store.all_are_indexed()
    assert calls(asked, store.attention) == ["query"]
    assert calls(asked, lambda: store.positions(indexes.CASES_OPEN)) == ["query"]
