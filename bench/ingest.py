"""How many webhooks a second are accepted while the workers are busy, and what is delivered meanwhile."""

from __future__ import annotations

from bench import client, wrk
from bench.figures import Figures
from bench.processes import helper
from bench.serve import BODY, serving
from bench.sink import arrivals

_BACKLOG = 500  # alarms that keep the workers busy from the beginning


def measure(quick: bool) -> Figures:
    seconds = 3.0 if quick else 5.0
    figures: Figures = {}
    for connections in (1, 8):
        with helper("bench.sink") as sink, serving([f"{sink}/services/T/B/one"]) as serve:
            client.send(client.Load(serve.webhooks, BODY, _BACKLOG))
            taken = wrk.load(serve.webhooks, BODY, connections=connections, seconds=seconds, first=1_000_000)
            meanwhile = sum(taken.began <= arrival.at <= taken.ended for arrival in arrivals(sink))
            if taken.refused:
                raise RuntimeError(f"{taken.refused} webhooks were refused")
            figures[f"ingest_{connections}"] = taken.per_second
            figures[f"delivered_meanwhile_{connections}"] = meanwhile / (taken.ended - taken.began)
    return figures
