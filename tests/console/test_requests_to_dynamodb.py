"""How many requests to DynamoDB a screen costs. The frame around it is read once for all pages of some
seconds, so it is counted with the overview, which shows all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from console.app import create_app
from console.context import ConsoleContext
from receiver.destinations.contract import Rejected, Retry
from shared.aws.clients import Clients
from shared.aws.dynamodb import DynamoStore, table_definition
from tests.console.conftest import Console
from tests.console.filled import SETTINGS, House
from tests.console.reading import read
from tests.moto_server import moto_server

pytestmark = pytest.mark.slow

KEY = "system/i-0aaaaaaaaaaaaaa04/1"
MOST = 8


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


@pytest.fixture
def house(make_console, clients):
    console: Console = make_console(**SETTINGS)
    runtime = replace(console.runtime, store=DynamoStore(clients, "console"))
    app = create_app(ConsoleContext(runtime, "1.4.0"), console.sign)
    on_aws = Console(runtime, console.sign, app)
    house = House(on_aws)
    house.tools["tickets"].outcomes = [Rejected("no such project")]
    house.tools["soc"].outcomes = [Retry("503", after=600)]
    for evidence in range(4, 10):
        house.alarm(evidence)
    house.hunt("weekly")
    on_aws.post(f"/cases/{KEY}", data={"do": "take"})
    house.run()
    return house


@pytest.fixture
def requests(clients):
    made: list[str] = []
    dynamodb = clients.get("dynamodb")

    def count(request, **_):
        made.append(str(request.headers["X-Amz-Target"]))

    dynamodb.meta.events.register("before-send.dynamodb", count)
    yield made
    dynamodb.meta.events.unregister("before-send.dynamodb", count)


def test_a_screen_costs_few_requests(house, requests):
    house.console.get("/settings")
    house.pass_time(10)
    requests.clear()
    page = read(house.console.get("/"))
    assert "6 not closed, worst first" in page.text
    assert "last run" not in page.text
    assert len(requests) <= MOST, requests
    for path in (
        *("/cases", "/cases?state=closed", "/cases?state=taken", "/cases?state=all"),
        *("/cases?state=all&q=nowhere", "/cases?q=web-04&age=day", f"/cases/{KEY}", "/deliveries"),
        *("/rules", f"/events/{house.runtime.queries.events.list().rows[0].id}"),
    ):
        requests.clear()
        read(house.console.get(path))
        assert len(requests) <= MOST, (path, requests)
