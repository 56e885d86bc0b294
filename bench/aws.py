"""How long the built functions take in Lambda's runtime emulator, and what alarms and captures cost on AWS.

moto plays AWS. Alarms go through API Gateway's stand-in, both functions and both queues to a sink; a hunt
goes through the scheduler's function, with a platform that answers after 200 ms. The durations are those that
the emulator reports, the requests to AWS are counted. The dollars are a calculation from both and
`prices.json`: no bill was read.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.figures import Figures
from bench.processes import helper, wait_for
from bench.serve import NOWHERE
from bench.sink import arrivals
from bench.systems import KEY, targets
from demo.serving import serving
from tests import emulated
from tests.moto_server import moto_server

PRICES = Path(__file__).with_name("prices.json")
TOKEN = "bench-webhook-token-of-32-letters"
_REPORT = re.compile(r"Billed Duration: (\d+) ms")
# Lambda gives a whole core to a function of this size, and a smaller one its share.
_WHOLE_CORE_MB = 1_769
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
_WITHIN = 120.0  # seconds
_WARM = 8  # alarms, before those that are measured


def missing() -> str:
    return emulated.missing()


@dataclass(frozen=True)
class Spent:
    seconds: Mapping[str, float]  # billed, by function
    invocations: int
    calls: Mapping[str, int]  # requests by `service:Action`

    def since(self, before: Spent) -> Spent:
        calls = {call: count - before.calls.get(call, 0) for call, count in self.calls.items()}
        seconds = {room: taken - before.seconds.get(room, 0) for room, taken in self.seconds.items()}
        return Spent(seconds, self.invocations - before.invocations, calls)


def memory_mb() -> int:
    """Of each function, as the template says."""
    return int(emulated.template()["Globals"]["Function"]["MemorySize"])


def slower(memory_mb: int) -> float:
    """How many times longer a function of this size takes than one with a whole core, if all is processor
    time."""
    return max(1.0, _WHOLE_CORE_MB / memory_mb)


def dollars(spent: Spent, memory_mb: int, *, web: int) -> float:
    """What this costs on AWS, at most: as if the durations, measured with a whole core, were all processor
    time, of which a function gets a share by its memory. A write counts as one of 1 KB, a transaction as two
    writes. `web`: requests through API Gateway."""
    price: dict[str, float] = {
        entry["id"]: entry["usd"] for entry in json.loads(PRICES.read_text())["prices"]
    }
    kinds: Counter[str] = Counter()
    for call, count in spent.calls.items():
        if call.startswith("sqs:"):
            kinds["sqs"] += count
        elif call.endswith(_WRITES):
            kinds["dynamodb_write"] += count * (2 if "Transact" in call else 1)
        else:
            kinds["dynamodb_read"] += count
    kinds |= {"lambda_request": spent.invocations, "http_api": web}
    gb_seconds = sum(spent.seconds.values()) * slower(memory_mb) * memory_mb / 1024
    return gb_seconds * price["lambda_gb_second"] + sum(price[id] * n for id, n in kinds.items()) / 1e6


def measure(quick: bool) -> Figures:
    """How long both functions take from the start of a fresh environment to their first answer."""
    with moto_server() as moto, helper("bench.sink") as sink, tempfile.TemporaryDirectory() as folder:
        resources = _resources(moto, f"{sink}/services/T/B/one", NOWHERE, 0)
        figures: Figures = {}
        for room in ("edge", "receiver"):
            with ExitStack() as stack:
                began = time.perf_counter()
                function = emulated.Function(stack, room, resources.environ, Path(folder), environments=1)
                if room == "edge":
                    _webhook(function, 1)
                else:
                    function.invoke({"Records": _records(resources)})
                figures[f"cold_start_{room}"] = (time.perf_counter() - began) * 1000
        return figures


def _records(resources: emulated.Resources) -> list[dict[str, object]]:
    """What SQS would invoke the receiver with: the event of the webhook before."""
    found = resources.client("sqs").receive_message(
        QueueUrl=resources.url("events"),
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        WaitTimeSeconds=5,
    )
    return [emulated.record_of(message, resources.arns["events"]) for message in found["Messages"]]


def measure_once(quick: bool) -> Figures:
    """What 1,000 alarms and 1,000 systems cost."""
    count = 6 if quick else 30
    with moto_server() as moto, helper("bench.sink") as sink:
        alarms = _alarms(moto, sink, count)
        systems = _hunt(moto, sink, count)
    return {
        "lambda_ms_web": alarms.seconds["edge"] / count * 1000,
        "lambda_ms_queue": alarms.seconds["receiver"] / count * 1000,
        "usd_per_1000_alarms": dollars(alarms, memory_mb(), web=count) / count * 1000,
        "usd_per_1000_systems": dollars(systems, memory_mb(), web=0) / count * 1000,
    }


def _alarms(moto: str, sink: str, count: int) -> Spent:
    with _stack(_resources(moto, f"{sink}/services/T/B/one", NOWHERE, 0), 0) as (stack, watch):
        for number in range(_WARM):  # the first one of an environment reads the configuration
            _webhook(stack.edge, 1_000_000 + number)
        wait_for(lambda: len(arrivals(sink)) == _WARM, _WITHIN, every=0.3)
        before = _spent(stack, watch)
        for number in range(count):
            _webhook(stack.edge, number)
        if not wait_for(lambda: len(arrivals(sink)) == count + _WARM, _WITHIN, every=0.3):
            raise RuntimeError(f"the alarms were not told:\n{stack.log()[-2000:]}")
        wait_for(lambda: not stack.resources.depth("deliveries"), 30, every=0.3)
        return _spent(stack, watch).since(before)


def _webhook(function: emulated.Function, number: int) -> None:
    text = f"2 suspicious severity events detected in project id 3 evidence id {number + 1}."
    body = {"token": TOKEN, "event": "suspicious_severity_event", "title": "ALARM", "message": text}
    event = emulated.api_event(
        "2.0",
        "POST",
        "/webhooks/cado",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    answer = function.invoke(event)
    if answer["statusCode"] != 202:
        raise RuntimeError(f"a webhook was refused: {answer}")


def _hunt(moto: str, sink: str, systems: int) -> Spent:
    with (
        helper("bench.slow_platform", "--systems", str(systems)) as platform,
        _stack(_resources(moto, f"{sink}/services/T/B/one", platform, systems), 2) as (stack, watch),
    ):
        stack.scheduler.invoke(emulated.scheduled("HuntSchedules", "big", "2026-11-22T02:00:00Z"))
        asked = f"{platform}/bench/asked"
        if not wait_for(lambda: requests.get(asked, timeout=30).json() == systems, _WITHIN, every=0.3):
            raise RuntimeError(f"the systems were not asked for:\n{stack.log()[-2000:]}")
        wait_for(lambda: not stack.resources.depth("captures"), 30, every=0.3)
        return _spent(stack, watch)


def _resources(moto: str, sink: str, platform: str, systems: int) -> emulated.Resources:
    resources = emulated.Resources(moto)
    secrets = resources.secret("bench", soc=sink, key=KEY)
    hunts = {"big": {"schedule": "cron(0 2 ? * SUN *)", "targets": targets(systems, mixed=False)}}
    resources.configure(
        {
            "platform": {"url": platform, "api_key": f"{secrets}#key"},
            "destinations": {"soc": {"type": "slack", "webhook_url": f"{secrets}#soc", "pace": 10_000}},
            "default": ["soc"],
            "delivery": {"group_wait": 0, "group_wait_malicious": 0},
            **({"hunts": hunts} if systems else {}),
        }
    )
    tokens = resources.secret("webhook", current=TOKEN)
    resources.environ["HUNTBRIDGE_WEBHOOK_TOKENS"] = f"{tokens}#current"
    return resources


@contextmanager
def _stack(resources: emulated.Resources, captures: int) -> Iterator[tuple[emulated.Stack, emulated.Watch]]:
    """`captures`: environments of the scheduler's function."""
    watch = emulated.Watch(resources.endpoint)
    with serving(watch.app) as watched, tempfile.TemporaryDirectory(prefix="huntbridge-bench-") as folder:
        resources.environ["AWS_ENDPOINT_URL"] = watched
        with emulated.Stack(resources, Path(folder), captures=captures) as stack:
            yield stack, watch


def _spent(stack: emulated.Stack, watch: emulated.Watch) -> Spent:
    """What was used since the stack started."""
    functions = {"edge": stack.edge, "receiver": stack.receiver}
    if "captures" in stack.sources:
        functions["scheduler"] = stack.scheduler
    taken = {
        room: [int(found) / 1000 for found in _REPORT.findall(function.log.read_text(encoding="utf-8"))]
        for room, function in functions.items()
    }
    invocations = sum(map(len, taken.values()))
    calls: Counter[str] = Counter()
    for (_, action, _), count in watch.calls.items():
        if action.startswith(("sqs:", "dynamodb:")):
            calls[action] += count
    # An event source receives each batch and deletes it. That is not what the functions ask for.
    calls["sqs:EventSource"] = 2 * (invocations - len(taken["edge"]))
    return Spent({room: sum(each) for room, each in taken.items()}, invocations, calls)
