"""How many requests to DynamoDB each screen and each answer of the API costs when nothing was read before.

The addresses come from the application itself, so a new one is counted without a change here, unless it has
a part that ARGUMENTS or QUERIES must know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from console.app import create_app
from console.context import ConsoleContext
from console.views.mute_form import EVENTS
from receiver.destinations.contract import Rejected, Retry
from shared.aws.clients import Clients
from shared.aws.dynamodb import DynamoStore, table_definition
from shared.models.alarms import Alarm
from shared.models.captures import CaptureState
from shared.models.events import Event, EventFacts
from shared.models.hunts import HuntState
from shared.models.severity import Severity
from tests.console.conftest import NOW, Console
from tests.console.filled import SETTINGS, House
from tests.console.filling import add_run, capture
from tests.console.organization import DAY, add_organization
from tests.console.reading import read
from tests.moto_server import moto_server

pytestmark = pytest.mark.slow

MOST = 8
KEY = "system/i-0aaaaaaaaaaaaaa04/1"
SYSTEM = "prod/us-east-1/i-0aaaaaaaaaaaaaa04"
RUN = "weekly@2026-11-29T02:00:00Z"
EVENT = "event"  # replaced by the id of an event
# The parts of addresses, and the parameters without which an address answers 400.
ARGUMENTS = {"key": KEY, "run_id": RUN, "filename": "console.css"}
QUERIES = {
    "/api/v1/case": {"key": KEY},
    "/api/v1/timeline": {"case": KEY},
    "/api/v1/event": {"id": EVENT},
    "/api/v1/hunt": {"id": RUN},
    "/api/v1/captures": {"system": SYSTEM},
}
# Parameters with which an address reads something else than without.
MORE: dict[str, tuple[dict[str, Any], ...]] = {
    "/cases": (
        *({"state": state} for state in ("open", "taken", "mine", "closed", "all")),
        *({"state": state, "q": "nowhere"} for state in ("", "closed", "all")),
        *({"state": state, "q": "web", "age": "day"} for state in ("", "closed", "all")),
        {"system": SYSTEM},
        {"severity": "malicious", "taken_by": "nobody"},
    ),
    "/hunts": ({"hunt": "weekly"},),
    "/rules/mute": ({"case": KEY}, {"event": EVENT}),
    "/coverage": ({"hunt": "weekly"}, {"name": "web"}, {"outcome": "failed"}),
    "/deliveries": (
        *({"state": state} for state in ("delivered", "waiting", "dead")),
        *({"state": state, "destination": "soc"} for state in ("", "delivered", "waiting", "dead")),
        *({"system": SYSTEM, "state": state} for state in ("", "dead")),
        {"system": SYSTEM, "hunt": RUN},
        {"since": "2026-11-28", "until": "2026-11-29"},
    ),
    "/api/v1/cases": (
        *({"state": state, "q": q} for state in ("open", "taken", "closed", "all") for q in ("", "web")),
        {"system": SYSTEM},
    ),
    "/api/v1/events": ({"system": SYSTEM}, {"case": KEY}, {"kind": "recovered"}),
    "/api/v1/deliveries": (
        *({"state": state, "destination": "soc"} for state in ("delivered", "waiting", "dead")),
        {"system": SYSTEM, "hunt": RUN},
    ),
    "/api/v1/hunts": ({"name": "weekly"},),
}


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with moto_server() as url, pytest.MonkeyPatch.context() as environ:
        environ.setenv("AWS_ACCESS_KEY_ID", "testing")
        environ.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        made = Clients({"AWS_REGION": "eu-west-1"}, endpoint_url=url)
        definition = table_definition()
        del definition["TimeToLiveSpecification"]  # no word of create_table
        made.call("dynamodb", "create_table", TableName="console", **definition)
        yield made


@dataclass
class Warm:
    """A house, and how its console forgets what it keeps from one request to the next."""

    house: House
    forget: Callable[[], None]


@pytest.fixture
def warm(make_console, clients):
    """Open, taken and closed cases, waiting and dead deliveries, and hunts that are running and over."""
    console: Console = make_console(**SETTINGS)
    runtime = replace(console.runtime, store=DynamoStore(clients, "console"))
    context = ConsoleContext(runtime, "1.4.0")
    on_aws = Console(runtime, console.sign, create_app(context, console.sign))
    house = House(on_aws)
    house.tools["tickets"].outcomes = [Rejected("no such project"), *[Retry("503", after=86_400)] * 3]
    house.tools["soc"].outcomes = [Retry("503", after=86_400)]
    for evidence in range(4, 12):
        house.alarm(evidence)
    add_run(runtime, [capture(1), capture(2, CaptureState.FAILED, reason="no space")], at=NOW - timedelta(3))
    add_organization(runtime, 650)
    for number in range(500):
        runtime.ledger.fleet.save("empty", f"region-{number}", DAY)
    for name in ("weekly", "daily", "other"):
        run = add_run(
            runtime,
            [capture(1), capture(2, CaptureState.RUNNING), capture(3, CaptureState.FAILED)],
            name=name,
            state=HuntState.RUNNING,
            names=["web-1", "web-2"],
        )
        runtime.ledger.hunts.take_turn(run)
    on_aws.post(f"/cases/{KEY}", data={"do": "take"})
    for number, verdict in ((5, "benign"), (6, "true_positive")):
        key = f"system/i-0aaaaaaaaaaaaaa{number:02}/1"
        on_aws.post(f"/cases/{key}", data={"do": "close", "verdict": verdict, "why": "ours"})
    house.run()
    # As the timer does an hour after an update. Until then, pointers of the earlier version are read too.
    runtime.store.record_indexed(True)
    return Warm(house, context.status.forget)


@pytest.fixture
def requests(clients):
    made: list[str] = []
    dynamodb = clients.get("dynamodb")

    def count(request, **_):
        made.append(str(request.headers["X-Amz-Target"]).partition(".")[2].strip("'"))

    dynamodb.meta.events.register("before-send.dynamodb", count)
    yield made
    dynamodb.meta.events.unregister("before-send.dynamodb", count)


def addresses(console: Console) -> Iterator[str]:
    """Every address that answers a GET, and those of MORE."""
    (event,) = console.runtime.queries.events.list(system=SYSTEM, limit=1).rows
    urls = console.app.url_map.bind("")
    for rule in console.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint.startswith("sign_in."):
            continue
        for form in ("md", "csv", "json") if "form" in rule.arguments else ("",):
            known = ARGUMENTS | {"form": form, "id": event.id}
            path = urls.build(rule.endpoint, {name: known[name] for name in rule.arguments})
            for query in ({}, *MORE.get(path, ())):
                asked = {**QUERIES.get(path, {}), **query}
                asked = {name: event.id if value == EVENT else value for name, value in asked.items()}
                yield f"{path}?{urlencode(asked)}"


def test_every_screen_and_every_answer_costs_few_requests(warm, requests):
    costs: dict[str, list[str]] = {}
    for address in addresses(warm.house.console):
        warm.forget()
        requests.clear()
        answer = warm.house.console.get(address)
        assert answer.status_code == 200, (address, answer.text)
        costs[address] = list(requests)
    assert len(costs) > 60
    too_many = {address: made for address, made in costs.items() if len(made) > MOST}
    assert not too_many, "\n".join(f"{len(made)} {address}: {made}" for address, made in too_many.items())


def test_the_preview_of_a_mute_costs_few_requests(warm, requests):
    ledger = warm.house.runtime.ledger
    for number in range(EVENTS):
        alarm = Alarm(Event(f"e{number}", "admin_login", NOW), Severity.INFO)
        ledger.events.save_whole_alarm(alarm)
        ledger.events.record_routed(alarm.event, Severity.INFO, ["soc"], facts=EventFacts("a login"))
    warm.forget()
    requests.clear()
    mute = {"do": "preview", "event": "admin_login", "until": "2026-12-06", "why": "x"}
    page = read(warm.house.console.post("/rules/mute", data=mute))
    assert f"of the newest {EVENTS} events of the last 30 days." in page.text
    assert "a login" in page.text
    assert len(requests) <= MOST, requests


def test_the_store_has_everything_that_may_cost_requests(warm):
    house = warm.house
    page = read(house.console.get("/"))
    assert "web-07" in page.text
    status = house.console.get("/api/v1/status").json
    counts = status["counts"]
    assert sum(counts["open"].values())
    assert sum(counts["acknowledged"].values())
    assert sum(each["waiting"] for each in status["destinations"].values()) > 1
    assert sum(each["dead"] for each in status["destinations"].values()) == 1
    assert house.console.get("/api/v1/cases?state=closed").json["rows"]
