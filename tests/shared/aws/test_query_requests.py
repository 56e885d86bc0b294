"""What a question costs: at most eight requests to DynamoDB, however many documents the store holds."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.aws.dynamodb import DynamoStore
from shared.aws.dynamodb_index import pointer_key
from shared.models.alarms import Alarm
from shared.models.captures import Capture
from shared.models.cases import Case
from shared.models.codec import dump
from shared.models.coverage import CoveredSystem
from shared.models.decisions import Closure, Verdict
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.events import Event, EventFacts, RoutedEvent
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage import audit, indexes, kinds
from shared.storage.queries.case_filter import CaseFilter, Which
from shared.storage.queries.queries import Queries

pytestmark = pytest.mark.slow

MOST = 8  # requests
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
WEB = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
CASE = f"project/3/{WEB.key}"
HUNT = "weekly@2026-11-22T02:00:00Z"
TO = ("soc", "tickets", "office")

# Questions that go on in a second index where the first one ends, so a few documents may cost more than many.
OF_TWO_INDEXES = ("all cases", "all cases with a text that none has")
# Questions that count what there is, up to a bound.
COUNTS = ("the counts of cases", "the health of destinations", "the coverage")
QUESTIONS: dict[str, Callable[[Queries], Any]] = {
    "open cases": lambda ask: ask.cases.open(),
    "open cases, as many as possible": lambda ask: ask.cases.open(limit=200),
    "open cases of one severity": lambda ask: ask.cases.open(severity=Severity.SUSPICIOUS),
    "open cases of nobody": lambda ask: ask.cases.open(owner=""),
    "open cases of somebody who has none": lambda ask: ask.cases.open(owner="bob", limit=200),
    "closed cases": lambda ask: ask.cases.closed(since=NOW - timedelta(days=30)),
    "cases of a system": lambda ask: ask.cases.of_system(WEB.key),
    "all cases": lambda ask: ask.cases.list(CaseFilter(Which.ALL), limit=200),
    "all cases with a text that none has": lambda ask: ask.cases.list(CaseFilter(Which.ALL, text="none")),
    "taken cases": lambda ask: ask.cases.list(CaseFilter(Which.TAKEN)),
    "the issues of open cases": lambda ask: ask.open_issues.page(TO),
    "one case": lambda ask: ask.cases.get("case-1"),
    "the timeline": lambda ask: ask.cases.timeline(CASE),
    "the counts of cases": lambda ask: ask.cases.counts(),
    "events": lambda ask: ask.events.list(),
    "events, as many as possible": lambda ask: ask.events.list(limit=200),
    "events of a system": lambda ask: ask.events.list(system=WEB.key),
    "events of a hunt and a kind": lambda ask: ask.events.list(hunt=HUNT, kind="recovered"),
    "events of a kind that there is not": lambda ask: ask.events.list(kind="none", limit=200),
    "one event": lambda ask: ask.events.get("e1"),
    "deliveries": lambda ask: ask.deliveries.list(),
    "deliveries, as many as possible": lambda ask: ask.deliveries.list(limit=200),
    "deliveries to a destination": lambda ask: ask.deliveries.list(destination="soc"),
    "deliveries that wait": lambda ask: ask.deliveries.list(state="waiting"),
    "dead deliveries": lambda ask: ask.deliveries.list(state="dead"),
    "deliveries that arrived": lambda ask: ask.deliveries.list(state="delivered", limit=200),
    "deliveries of a system": lambda ask: ask.deliveries.list(system=WEB.key, limit=200),
    "dead deliveries of a hunt": lambda ask: ask.deliveries.list(hunt=HUNT, state="dead"),
    "the health of destinations": lambda ask: ask.deliveries.by_destination(TO),
    "runs": lambda ask: ask.hunts.runs(),
    "runs of one hunt": lambda ask: ask.hunts.runs(name="weekly"),
    "names of hunts": lambda ask: ask.hunts.names(),
    "kinds of alarm of a system": lambda ask: ask.findings.of_system(WEB, ["xmrig"]),
    "captures of a system": lambda ask: ask.captures.of_system(WEB.key),
    "systems": lambda ask: ask.coverage.systems(),
    "systems, as many as possible": lambda ask: ask.coverage.systems(limit=200),
    "the coverage": lambda ask: ask.coverage.summary(),
    "techniques": lambda ask: ask.coverage.techniques(),
    "trends": lambda ask: ask.trends(53),
}


class Table:
    """A table of DynamoDB that is filled at once and then only read. It counts the requests.

    `test_queries.py` asks the same questions of an emulator; this one has room for many documents.
    """

    region = "eu-west-1"

    def __init__(self) -> None:
        self.partitions: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.order: dict[str, list[str]] = {}
        self.calls: list[str] = []
        DynamoStore(self, "table").all_are_indexed()  # type: ignore[arg-type]

    def add(self, kind: str, group: str, name: str, body: dict[str, Any]) -> None:
        """Lay a document out as DynamoStore does."""
        self._put(f"{kind}#{group}", name, {"body": {"S": json.dumps(body)}, "version": {"N": "1"}})
        named = {key: {"S": value} for key, value in (("kind", kind), ("group", group), ("name", name))}
        for entry in indexes.entries(kind, group, name, body):
            place = pointer_key(entry)
            self._put(place["pk"]["S"], place["sk"]["S"], {**named, "version": {"N": "1"}})

    def sort(self) -> None:
        self.order = {pk: sorted(items) for pk, items in self.partitions.items()}

    def ask(self) -> Queries:
        return Queries(DynamoStore(self, "table"), lambda: NOW)  # type: ignore[arg-type]

    def _put(self, pk: str, sk: str, item: dict[str, Any]) -> None:
        self.partitions[pk][sk] = {"pk": {"S": pk}, "sk": {"S": sk}, **item}

    def call(self, service: str, operation: str, **request: Any) -> Any:
        assert service == "dynamodb"
        self.calls.append(operation)
        answer: Any = getattr(self, operation)(**request)
        return answer

    def get_item(self, TableName: str, Key: Any, ConsistentRead: bool) -> Any:
        item = self.partitions.get(Key["pk"]["S"], {}).get(Key["sk"]["S"])
        return {"Item": item} if item else {}

    def batch_get_item(self, RequestItems: Any) -> Any:
        ((table, request),) = RequestItems.items()
        assert 0 < len(request["Keys"]) <= 100
        found = [self.get_item(table, key, True).get("Item") for key in request["Keys"]]
        return {"Responses": {table: [item for item in found if item]}}

    def batch_write_item(self, RequestItems: Any) -> Any:
        ((_, requests),) = RequestItems.items()
        for each in requests:
            item = each["PutRequest"]["Item"]
            self._put(item["pk"]["S"], item["sk"]["S"], item)
        return {}

    def query(
        self,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Any,
        ConsistentRead: bool,
        Limit: int,
        ScanIndexForward: bool = True,
        Select: str = "",
        ExclusiveStartKey: Any = None,
    ) -> Any:
        values = {name: value["S"] for name, value in ExpressionAttributeValues.items()}
        pk = values[":pk"]
        keys = self.order.get(pk, [])
        match KeyConditionExpression.removeprefix("pk = :pk").removeprefix(" AND "):
            case "sk BETWEEN :low AND :high":
                keys = keys[bisect_left(keys, values[":low"]) : bisect_right(keys, values[":high"])]
            case "sk >= :low":
                keys = keys[bisect_left(keys, values[":low"]) :]
            case "sk < :high":
                keys = keys[: bisect_left(keys, values[":high"])]
            case other:
                assert other == ""
        if not ScanIndexForward:
            keys = keys[::-1]
        if ExclusiveStartKey:
            keys = keys[keys.index(ExclusiveStartKey["sk"]["S"]) + 1 :]
        items, size = [], 0
        for sk in keys[:Limit]:
            items.append(self.partitions[pk][sk])
            size += len(json.dumps(items[-1]))
            if size > 1_000_000:  # a page has at most 1 MB
                break
        more = len(items) < len(keys)
        last = {"LastEvaluatedKey": {"pk": {"S": pk}, "sk": {"S": keys[len(items) - 1]}}} if more else {}
        return {"Count": len(items), **({} if Select else {"Items": items}), **last}

    def cost(self, question: str) -> int:
        """How many requests a question makes."""
        self.calls.clear()
        QUESTIONS[question](self.ask())
        return len(self.calls)


def filled(number: int) -> Table:
    """Everything in one system, one case and one hunt, since these are the longest lists."""
    table = Table()
    for each in range(number):
        for kind, group, name, body in documents(each):
            table.add(kind, group, name, body)
    table.sort()
    return table


def documents(each: int) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    at = NOW - timedelta(minutes=each)
    id, severity = f"e{each}", (Severity.MALICIOUS, Severity.SUSPICIOUS)[each % 2]
    facts = EventFacts(system=WEB.key, hunt_id=HUNT)
    event = RoutedEvent(id, "processing_with_alarms", severity, 7, TO, at, case=CASE, facts=facts)
    yield kinds.EVENT, id, "routed", dump(event)
    for to, state in zip(
        TO, (DeliveryState.DELIVERED, DeliveryState.UNSURE, DeliveryState.DEAD), strict=True
    ):
        delivery = Delivery(id, to, state, attempts=1, first_at=at, last_at=at)
        yield kinds.DELIVERY, id, to, dump(delivery)
    alarm = Alarm(Event(id, "processing_with_alarms", at), severity, system=WEB)
    closure = Closure("c", Verdict.BENIGN, "ada", at) if each % 3 == 0 else None
    case = Case(alarm, TO, opened_at=at, system=WEB, closure=closure)
    yield kinds.CASE_FILE, f"case-{each}", "-", dump(case)
    hunt = Hunt("weekly", at)
    yield kinds.HUNT, hunt.name, hunt.id, dump(hunt)
    yield kinds.CAPTURE, hunt.id, WEB.key, dump(Capture(hunt.id, WEB, requested_at=at))
    system = System(f"i-{each:017x}", "us-east-1")
    yield kinds.SYSTEM, "", system.key, dump(CoveredSystem(system, last_captured_at=at))
    entry = audit.Entry(at, audit.ACK, "ada", "Slack", CASE)
    yield kinds.TURN, "", hunt.name, {"hunt_id": hunt.id}
    yield kinds.AUDIT, f"{at:%Y-%m}", f"{at.isoformat()}-{each}", dump(entry)


@pytest.fixture(scope="module")
def tables() -> dict[int, Table]:
    return {number: filled(number) for number in (100, 1_000, 5_000)}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_page_costs_at_most_eight_requests(tables, question):
    for table in tables.values():
        assert 0 < table.cost(question) <= MOST, table.calls


@pytest.mark.parametrize("question", [each for each in QUESTIONS if each not in COUNTS])
def test_more_documents_cost_no_more_requests(tables, question):
    few, many, most = (table.cost(question) for table in tables.values())
    # A hundred fill no page of some lists, and are read in one step where others are searched.
    assert many == most
    assert few <= many or question in OF_TWO_INDEXES


def test_counts_are_bounded_however_much_there_is_to_count():
    table, ids = Table(), [f"event-{'x' * 40}-{number}" for number in range(12_000)]
    at = NOW.isoformat()
    states = {"soc": "unsure", "tickets": "dead", "office": "delivered"}
    times = {"first_at": at, "last_at": at}
    case = {"opened_at": at, "taken": {"by": "ada"}, "alarm": {"severity": "malicious"}}
    for id in ids:
        for to, state in states.items():
            body = {"event_id": id, "destination": to, "state": state, **times}
            table.add(kinds.DELIVERY, id, to, body)
        table.add(kinds.CASE_FILE, f"project/3/{id}", "-", case)
        table.add(kinds.SYSTEM, "", f"prod/us-east-1/{id}", {"last_captured_at": at})
    table.sort()
    for question in COUNTS:
        assert 0 < table.cost(question) <= MOST, question
    ask = table.ask()
    assert ask.cases.counts().total == ask.coverage.summary().captured == 10_000
