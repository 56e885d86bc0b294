"""The dashboard and the alarms of the stack name only figures that the functions, the filters of their logs,
or AWS itself write.

The three functions run here, with moto as AWS, through a day with a hunt, alarms and failures.
"""

from __future__ import annotations

import json
import logging
import re
from contextlib import ExitStack, redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import cache
from io import StringIO
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from demo.base import app_of
from demo.platform.simulation import Platform
from demo.serving import serving
from demo.slack.simulation import Slack
from receiver import edge, handler
from scheduler import handler as scheduler_handler
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.hosting.log import _Json
from shared.hosting.metrics import NAMESPACE, cloudwatch_name
from shared.metrics.definitions import ALL
from shared.models.coverage import Listing
from tests.aws_function import Context, Invoked
from tests.emulated import Resources, api_event, properties, scheduled, template
from tests.moto_server import moto_server
from tests.scheduler.staging import BAD, KEY, QUIET

SUNDAY = "2026-11-22T02:00:00Z"
NOBODY = "http://127.0.0.1:9/x"  # nothing listens there
# The figures of AWS and their dimensions, from the page about monitoring of each service.
OF_AWS = {
    "AWS/SQS": ({"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}, {"QueueName"}),
    "AWS/Lambda": ({"Invocations", "Errors", "Throttles", "Duration"}, {"FunctionName"}),
    "AWS/ApiGateway": ({"Count", "4xx", "5xx", "4XXError", "5XXError"}, {"ApiId", "ApiName"}),
}


class Figure(NamedTuple):
    """One metric in the namespace huntbridge, as one function writes it."""

    function: str
    name: str
    dimensions: frozenset[str]


class Stage:
    """One stack: a destination that works slowly, one that does not, a platform and a hunt."""

    def __init__(self, open_: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.resources = Resources(open_.enter_context(moto_server()))
        self.platform = Platform((QUIET, BAD), {KEY: "Lead Analyst"})
        platform_url = open_.enter_context(serving(self.platform.app))
        slack = Slack(rate=1000, burst=1000)
        slack_url = open_.enter_context(serving(app_of(slack)))
        made = self.resources.secret(
            "a", key=KEY, soc=slack_url + slack.path, office=NOBODY, token="a-good-token"
        )
        self.resources.environ["HUNTBRIDGE_WEBHOOK_TOKENS"] = f"{made}#token"
        self.resources.configure(
            {
                "platform": {"url": platform_url, "api_key": f"{made}#key"},
                "hunts": {
                    "weekly": {
                        "targets": [{"instance": m.instance_id, "region": m.region} for m in (QUIET, BAD)]
                    }
                },
                "destinations": {
                    "soc": {"type": "slack", "webhook_url": f"{made}#soc", "pace": 0.01},
                    "office": {"type": "teams", "webhook_url": f"{made}#office"},
                },
                "default": ["soc", "office"],
            }
        )
        self._monkeypatch = monkeypatch
        self.edge = self._function(edge)
        self.receiver = self._function(handler)
        self.scheduler = self._function(scheduler_handler)

    def _function(self, module: ModuleType) -> Invoked:
        return Invoked(module, self.resources, self._monkeypatch)

    def webhook(self, project: int, token: str = "a-good-token") -> int:
        body = {
            "token": token,
            "event": "processing_with_alarms",
            "message": f"5 alarms in project {project}",
        }
        event = api_event("2.0", "POST", "/webhooks/cado", json.dumps(body).encode())
        return int(self.edge(event, named("edge"))["statusCode"])

    def work(self, queue: str) -> None:
        """A few batches of the queue: some items make others."""
        function, room = (self.scheduler, "scheduler") if queue == "captures" else (self.receiver, "receiver")
        for _ in range(3):
            function.work(queue, named(room))

    def live_through_a_day(self) -> None:
        assert (self.webhook(7), self.webhook(8), self.webhook(9, token="wrong")) == (202, 202, 401)
        self.work("events")
        self.work("deliveries")
        self.scheduler(scheduled("HuntSchedules", "weekly", SUNDAY), named("scheduler"))
        self.work("captures")
        self.platform.settle()
        environ = self.resources.environ
        made = runtime.aws(load(None, environ), environ)
        made.ledger.listings.save(Listing(datetime.now(UTC), listed=3, unselected_total=1))
        kept = scheduler_handler._reloading().get()
        with self._monkeypatch.context() as later:
            later.setattr(kept, "now", lambda: datetime.now(UTC) + timedelta(minutes=5))
            self.scheduler(scheduled("FollowTimer"), named("scheduler"))
        self.lose_the_table()

    def lose_the_table(self) -> None:
        assert self.webhook(10) == 202
        for function in (self.receiver, self.scheduler):
            function.restart(HUNTBRIDGE_TABLE="nowhere")
        self.work("events")
        just_now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:00Z}"
        self.scheduler(scheduled("HuntSchedules", "weekly", just_now), named("scheduler"))
        self.work("captures")
        self.scheduler(scheduled("FollowTimer"), named("scheduler"))


def named(room: str) -> Context:
    context = Context()
    context.function_name = room
    return context


class Written(NamedTuple):
    figures: set[Figure]
    logs: list[dict[str, Any]]


class _Kept(logging.Handler):
    """Keeps the lines as the functions write them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Json(""))
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture(scope="module")
def written() -> Written:
    """What the functions wrote on a day on which everything happened."""
    text, log = StringIO(), _Kept()
    with ExitStack() as open_, pytest.MonkeyPatch.context() as monkeypatch:
        stage = Stage(open_, monkeypatch)
        logging.getLogger().addHandler(log)
        open_.callback(logging.getLogger().removeHandler, log)
        with redirect_stdout(text):
            stage.live_through_a_day()
    figures = set()
    for line in map(json.loads, text.getvalue().splitlines()):
        for metric in line["_aws"]["CloudWatchMetrics"]:
            assert metric["Namespace"] == NAMESPACE
            [dimensions] = metric["Dimensions"]
            figures |= {
                Figure(line["Function"], one["Name"], frozenset(dimensions)) for one in metric["Metrics"]
            }
    return Written(figures, log.lines)


# What the template names

_ROOMS = {"${Edge}": "edge", "${ReceiverFunction}": "receiver", "${SchedulerFunction}": "scheduler"}
_SEARCH = re.compile(
    r"""SEARCH\('\{huntbridge,([\w,]+)\} MetricName="(\w+)" Function="(\$\{\w+\})"', '\w+', 300\)"""
)


@cache
def body() -> list[list[Any]]:
    """The metrics of all widgets of the dashboard; a figure's names are repeated where it has dots."""
    text = properties("Dashboard")["DashboardBody"][0].replace("${Forbidden}", "")
    metrics = [
        one for widget in json.loads(text)["widgets"] for one in widget["properties"].get("metrics", ())
    ]
    for before, metric in pairwise(metrics):
        metric[:] = [before[n] if part == "." else part for n, part in enumerate(metric)]
    return metrics


def alarms() -> dict[str, dict[str, Any]]:
    resources = template()["Resources"]
    return {
        name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"
    }


def on_the_dashboard() -> set[Figure]:
    found = set()
    for metric in body():
        if isinstance(metric[0], dict):
            search = _SEARCH.fullmatch(metric[0]["expression"])
            assert search, metric
            found.add(Figure(_ROOMS[search[3]], search[2], frozenset(search[1].split(","))))
        elif metric[0] == NAMESPACE:
            assert metric[2] == "Function", metric
            found.add(Figure(_ROOMS[metric[3]], metric[1], frozenset({"Function"})))
    return found


def watched() -> set[Figure]:
    """What the alarms watch of what the functions write."""
    return {
        Figure(_ROOMS[f"${{{one['Dimensions'][0]['Value']}}}"], one["MetricName"], frozenset({"Function"}))
        for one in alarms().values()
        if one["Namespace"] == NAMESPACE and "Dimensions" in one
    }


@pytest.mark.slow
def test_the_dashboard_names_only_what_the_functions_write(written: Written) -> None:
    assert on_the_dashboard() - written.figures == set()
    assert len(on_the_dashboard()) > 25


@pytest.mark.slow
def test_the_alarms_watch_only_what_the_functions_write(written: Written) -> None:
    assert watched() - written.figures == set()
    assert {figure.name for figure in watched()} == {
        *("OldestEventsSeconds", "OldestDeliveriesSeconds", "TimerFailures", "DaysSinceHuntFinished")
    }


@pytest.mark.slow
def test_the_functions_write_no_figure_that_is_not_documented(written: Written) -> None:
    known = {cloudwatch_name(metric): {_camel(label.name) for label in metric.labels} for metric in ALL}
    for figure in written.figures:
        if figure.name in known:
            assert figure.dimensions == {"Function", *known[figure.name]}
        else:
            assert figure in watched() | on_the_dashboard(), figure


def test_what_is_asked_of_aws_has_its_names() -> None:
    asked = [
        (one["Namespace"], one["MetricName"], one["Dimensions"][0]["Name"])
        for one in alarms().values()
        if one["Namespace"] != NAMESPACE
    ]
    asked += [
        (metric[0], metric[1], metric[2])
        for metric in body()
        if isinstance(metric[0], str) and metric[0] != NAMESPACE
    ]
    given = properties("Dashboard")["DashboardBody"][1]
    assert len(asked) > 30
    for namespace, name, dimension in asked:
        names, dimensions = OF_AWS[namespace]
        assert set(_choices(name, given)) <= names
        assert set(_choices(dimension, given)) <= dimensions


def _choices(value: Any, given: dict[str, Any]) -> list[str]:
    """The values that a text or an `!If` may have."""
    if isinstance(value, list):
        return [str(one) for one in value[1:]]
    return _choices(given[value[2:-1]], given) if value.startswith("${") else [value]


@pytest.mark.slow
def test_the_filters_of_logs_match_lines_that_are_written(written: Written) -> None:
    filters = {name: properties(name) for name in ("RefusedFilter", "ThrottledFilter", "ForbiddenFilter")}
    refused = [line for line in written.logs if line["message"] == "webhook refused"]
    assert [line["status"] for line in refused] == [401]
    assert '$.message = "webhook refused" && ($.status = 401 ' in filters["RefusedFilter"]["FilterPattern"]
    for stage in ("HttpStage", "RestApi"):
        settings = properties(stage).get("AccessLogSettings") or properties(stage)["AccessLogSetting"]
        keys = set(re.findall(r'"(\w+)"\s*:', json.dumps(settings["Format"]).replace("\\", "")))
        for name in ("ThrottledFilter", "ForbiddenFilter"):
            assert set(re.findall(r"\$\.(\w+)", filters[name]["FilterPattern"])) <= keys
    counted = {one["MetricTransformations"][0]["MetricName"] for one in filters.values()}
    assert counted == {one["MetricName"] for one in alarms().values() if "Dimensions" not in one}


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
