"""How long a webhook takes to become a message, at 20, 100 and 300 webhooks a second."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench import client
from bench.client import Sent
from bench.figures import Figures, percentile
from bench.processes import helper, wait_for
from bench.serve import BODY, serving
from bench.sink import arrivals, first_times

RATES = (20, 100, 300)
_AFTER = 8.0  # seconds that the last alarms may take; a rate that is not sustained shows as latency


def measure(quick: bool) -> Figures:
    figures: Figures = {}
    with helper("bench.sink") as sink, serving([f"{sink}/services/T/B/one"]) as serve:
        client.send(client.Load(serve.webhooks, BODY, 50))
        serve.wait_until_idle(30)
        for rate in RATES:
            sent = at_rate(serve.webhooks, BODY, sink, rate, quick)
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                figures[f"through_{rate}_{name}"] = percentile(sent, share) * 1000
            serve.wait_until_idle(60)
    return figures


def at_rate(url: str, body: str, sink: str, rate: int, quick: bool) -> list[float]:
    """Seconds from the time at which each webhook was due until its message had arrived, or until now if it
    has not. Raises RuntimeError if a webhook was refused."""
    count = rate * (3 if quick else 6)
    sent = client.send(client.Load(url, body, count, rate, connections=16, first=rate * 100_000))
    if bad := client.refused(sent):
        raise RuntimeError(f"{bad} webhooks were refused")
    wait_for(lambda: len(arrived(sink, sent)) == count, _AFTER, every=0.5)
    now, at = time.monotonic(), arrived(sink, sent)
    return [at.get(one.id, now) - one.due for one in sent]


def arrived(sink: str, sent: Sequence[Sent], paths: int = 1) -> dict[str, float]:
    """When each of these alarms had arrived at this number of destinations."""
    ids = {one.id for one in sent}
    times = first_times(arrivals(sink), paths)
    return {id: at for id, at in times.items() if id in ids}
