"""A storm against a real `huntbridge serve`, at the pace of a real channel: `make storm`.

Five thousand webhooks go in within a minute, about machines of their own, some of them malicious. Their order
comes from a seed. What comes out is counted where it lies: at the simulated Slack, and in the ledger once
`serve` was stopped. Ends with 1 where a webhook was refused, a malicious alarm waited behind the rest, an
alarm is neither told, nor gathered for a digest, nor on its way, or a message came twice. It speaks to this
machine alone.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import requests
import yaml

from demo.base import app_of
from demo.serving import serving
from demo.slack.simulation import Slack
from receiver.deliveries.digest import DIGEST_AFTER
from shared.config.config import Config
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.deliveries import DeliveryState
from tests.chaos.run import environment, free_port
from tests.chaos.serve import Serve

WEBHOOKS, WITHIN, SENDERS = 5_000, 60.0, 8
RATE = 100.0  # webhooks a second
MALICIOUS = 40
PACE = 2.0  # messages a second that the channel takes
ROUTED_WITHIN = 180.0  # seconds after the last webhook
# The alarms that must be in a digest so many seconds after that: those whose turn would come too late.
GATHERED, GATHERED_WITHIN = int(WEBHOOKS - DIGEST_AFTER * PACE * 1.5), 120.0
AHEAD = 15.0  # seconds after that in which all that is malicious must be told
SLOWEST = 10.0  # seconds from a malicious webhook to its message, at the 99th percentile
TOKEN = "storm-webhook-token"
_EVIDENCE = re.compile(r"evidence (\d+)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--seed", type=int, help="of the order of the webhooks; by default a new one each time"
    )
    seed = parser.parse_args().seed
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    print(f"seed {seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="huntbridge-storm-") as made, ExitStack() as stack:
        folder, slack = Path(made), Slack(rate=PACE * 1.5, burst=6)  # Slack lets short bursts through
        url = stack.enter_context(serving(app_of(slack)))
        environ = _environment(folder, url + slack.path)
        serve = Serve(environ, folder, free_port())
        stack.callback(serve.end)
        serve.start()
        serve.wait_until_up()
        evidences = list(range(1, WEBHOOKS + 1))
        random.Random(seed).shuffle(evidences)  # those up to MALICIOUS are malicious, wherever they come
        accepted, due, seconds = _send(serve.url, evidences)
        routed = _wait_for(lambda: _waiting(serve, "events") == 0, ROUTED_WITHIN)
        waited = _wait_for(lambda: _malicious_told(slack) == MALICIOUS, AHEAD)
        told = _malicious_told(slack)
        latencies = _latencies(slack, due)
        gathered = _wait_for(lambda: _waiting(serve, "deliveries") <= WEBHOOKS - GATHERED, GATHERED_WITHIN)
        stopped, code = serve.stop()
        states = _states(load(environ["HUNTBRIDGE_CONFIG"], environ), folder, environ, accepted)
    middle = statistics.median(latencies or [math.inf])
    slowest = statistics.quantiles(latencies, n=100)[-1] if len(latencies) > 1 else math.inf
    repeated = _repeated(slack)
    found = {
        "seed": seed,
        "accepted": len(accepted),
        "seconds": round(seconds, 1),
        "routed after": round(routed, 1),
        "malicious told": f"{told} of {MALICIOUS}, {waited:.1f} s after that",
        "malicious webhook to message": f"p50 {middle:.1f} s, p99 {slowest:.1f} s",
        "messages that came twice": repeated,
        "gathered after": round(gathered, 1),
        "refused by Slack": len(slack.refused),
        "states": dict(states),
        "SIGTERM": f"{stopped:.1f} s, exit code {code}",
    }
    print(json.dumps(found, indent=2))
    wrong = [
        f"{WEBHOOKS - len(accepted)} webhooks were refused" if len(accepted) < WEBHOOKS else "",
        f"they took {seconds:.0f} s" if seconds > WITHIN else "",
        f"{MALICIOUS - told} malicious alarms wait behind the rest" if told < MALICIOUS else "",
        f"malicious alarms took {slowest:.1f} s" if slowest > SLOWEST else "",
        f"{repeated} messages came twice" if repeated else "",
        "alarms are lost" if states.total() != WEBHOOKS or states.keys() - _KEPT else "",
        "nothing was gathered for a digest"
        if states[DeliveryState.IN_DIGEST] + states[_TOLD_IN_DIGEST] < GATHERED
        else "",
    ]
    print("\n".join(filter(None, wrong)))
    return 1 if any(wrong) else 0


_TOLD_IN_DIGEST = "in a digest"  # the note of such a delivery; the first digest may get its turn soon
_KEPT = {"delivered", DeliveryState.IN_DIGEST, _TOLD_IN_DIGEST, "pending", "sending"}


def _environment(folder: Path, webhook_url: str) -> dict[str, str]:
    config = {
        # Nobody listens there: what cannot be asked is a gap, and holds nothing up.
        "platform": {"url": "http://127.0.0.1:9", "api_key": "env:CADO_API_KEY"},
        "webhook": {"tokens": ["env:WEBHOOK_TOKEN"]},
        "destinations": {"soc": {"type": "slack", "webhook_url": "env:SLACK_WEBHOOK_URL", "pace": PACE}},
        "default": ["soc"],
    }
    secrets = {"CADO_API_KEY": "storm-key", "WEBHOOK_TOKEN": TOKEN, "SLACK_WEBHOOK_URL": webhook_url}
    path = folder / "huntbridge.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return environment(folder, path) | secrets


def _send(url: str, evidences: list[int]) -> tuple[list[str], dict[int, float], float]:
    """The ids of the events that were accepted, when each webhook was due (Unix seconds), and the seconds
    that all took."""
    accepted: list[str] = []
    began = time.time()
    due = {evidence: began + number / RATE for number, evidence in enumerate(evidences)}
    todo, lock = iter(evidences), threading.Lock()

    def send() -> None:
        with requests.Session() as session:
            while True:
                with lock:
                    evidence = next(todo, None)
                if evidence is None:
                    return
                time.sleep(max(0.0, due[evidence] - time.time()))
                answer = session.post(url, json=_body(evidence), timeout=30)
                if answer.status_code == 202:
                    accepted.append(answer.json()["id"])

    threads = [threading.Thread(target=send) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return accepted, due, time.time() - began


def _body(evidence: int) -> dict[str, str]:
    kind, what = (
        ("high_severity_alarm", "3 high severity alarms")
        if evidence <= MALICIOUS
        else ("suspicious_severity_event", "2 suspicious severity events")
    )
    text = f"{what} detected in project id 3 evidence id {evidence}."
    return {"token": TOKEN, "event": kind, "title": "ALARM", "message": text}


def _malicious_told(slack: Slack) -> int:
    return len({evidence for evidence, _ in _told(slack) if evidence <= MALICIOUS})


def _told(slack: Slack) -> list[tuple[int, float]]:
    """The evidence that each message names, and when Slack accepted it (Unix seconds)."""
    return [
        (int(found), message.at.timestamp())
        for message in list(slack.messages)
        for found in set(_EVIDENCE.findall(json.dumps(message.body)))
    ]


def _latencies(slack: Slack, due: dict[int, float]) -> list[float]:
    """Seconds from each malicious webhook to the first message about it, in order."""
    first: dict[int, float] = {}
    for evidence, at in _told(slack):
        first.setdefault(evidence, at)
    return sorted(at - due[evidence] for evidence, at in first.items() if evidence <= MALICIOUS)


def _repeated(slack: Slack) -> int:
    return sum(count - 1 for count in Counter(evidence for evidence, _ in _told(slack)).values())


def _waiting(serve: Serve, queue: str) -> int:
    health = requests.get(serve.url.replace("/webhooks/cado", "/health"), timeout=10).json()
    return int(health[queue]["waiting"])


def _wait_for(condition: Callable[[], bool], within: float) -> float:
    """The seconds that it took; `within` where it did not come to pass."""
    began = time.monotonic()
    while not condition() and time.monotonic() < began + within:
        time.sleep(0.2)
    return min(time.monotonic() - began, within)


def _states(config: Config, folder: Path, environ: dict[str, str], accepted: list[str]) -> Counter[str]:
    """What has become of the delivery of each accepted event; of one that was not begun, whether it waits."""
    made = runtime.local(config, folder / "data", environ)
    deliveries = [made.ledger.deliveries.get(id, "soc") for id in accepted]
    begun = [
        _TOLD_IN_DIGEST if delivery.note == _TOLD_IN_DIGEST else delivery.state
        for delivery in deliveries
        if delivery.first_at
    ]
    waiting = made.deliveries.depth().living + made.events.depth().living
    absent = len(deliveries) - len(begun)
    states: Counter[str] = Counter(begun)
    states["pending"] += min(absent, waiting)
    return states


if __name__ == "__main__":
    sys.exit(main())
