"""A storm against a real `huntbridge serve`, at the pace of a real channel: `make storm`.

Five thousand webhooks go in within a minute, about machines of their own, some of them malicious. What comes
out is counted where it lies: at the simulated Slack, and in the ledger once `serve` was stopped. Ends with 1
where a webhook was refused, a malicious alarm waited behind the rest, or an alarm is neither told, nor
gathered for a digest, nor on its way. It speaks to this machine alone.
"""

from __future__ import annotations

import json
import random
import re
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
MALICIOUS = 40
PACE = 2.0  # messages a second that the channel takes
ROUTED_WITHIN = 180.0  # seconds after the last webhook
# The alarms that must be in a digest so many seconds after that: those whose turn would come too late.
GATHERED, GATHERED_WITHIN = int(WEBHOOKS - DIGEST_AFTER * PACE * 1.5), 120.0
AHEAD = MALICIOUS / PACE + 15  # seconds after that in which all that is malicious must be told
TOKEN = "storm-webhook-token"
_EVIDENCE = re.compile(r"evidence (\d+)")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="huntbridge-storm-") as made, ExitStack() as stack:
        folder, slack = Path(made), Slack(rate=PACE * 1.5, burst=6)  # Slack lets short bursts through
        url = stack.enter_context(serving(app_of(slack)))
        environ = _environment(folder, url + slack.path)
        serve = Serve(environ, folder, free_port())
        stack.callback(serve.end)
        serve.start()
        serve.wait_until_up()
        evidences = list(range(1, WEBHOOKS + 1))
        random.Random(5_000).shuffle(evidences)  # those up to MALICIOUS are malicious, wherever they come
        accepted, seconds = _send(serve.url, evidences)
        routed = _wait_for(lambda: _waiting(serve, "events") == 0, ROUTED_WITHIN)
        waited = _wait_for(lambda: _malicious_told(slack) == MALICIOUS, AHEAD)
        told = _malicious_told(slack)
        gathered = _wait_for(lambda: _waiting(serve, "deliveries") <= WEBHOOKS - GATHERED, GATHERED_WITHIN)
        stopped, code = serve.stop()
        states = _states(load(environ["HUNTBRIDGE_CONFIG"], environ), folder, environ, accepted)
    found = {
        "accepted": len(accepted),
        "seconds": round(seconds, 1),
        "routed after": round(routed, 1),
        "malicious told": f"{told} of {MALICIOUS}, {waited:.1f} s after that",
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


def _send(url: str, evidences: list[int]) -> tuple[list[str], float]:
    """The ids of the events that were accepted, and the seconds that it took."""
    accepted: list[str] = []
    todo, lock, began = iter(evidences), threading.Lock(), time.monotonic()

    def send() -> None:
        with requests.Session() as session:
            while True:
                with lock:
                    evidence = next(todo, None)
                if evidence is None:
                    return
                answer = session.post(url, json=_body(evidence), timeout=30)
                if answer.status_code == 202:
                    accepted.append(answer.json()["id"])

    threads = [threading.Thread(target=send) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return accepted, time.monotonic() - began


def _body(evidence: int) -> dict[str, str]:
    kind, what = (
        ("high_severity_alarm", "3 high severity alarms")
        if evidence <= MALICIOUS
        else ("suspicious_severity_event", "2 suspicious severity events")
    )
    text = f"{what} detected in project id 3 evidence id {evidence}."
    return {"token": TOKEN, "event": kind, "title": "ALARM", "message": text}


def _malicious_told(slack: Slack) -> int:
    texts = [json.dumps(message.body) for message in list(slack.messages)]
    return len({int(found) for text in texts for found in _EVIDENCE.findall(text) if int(found) <= MALICIOUS})


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
