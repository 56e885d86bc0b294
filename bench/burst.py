"""How many alarms a second get from webhook to message after a burst, and the processor time of each."""

from __future__ import annotations

from contextlib import ExitStack

from bench import client
from bench.figures import Figures
from bench.processes import helper, wait_for
from bench.serve import BODY, serving
from bench.through import arrived

PATHS = ("one", "two", "three")
_WITHIN = 90.0  # seconds for all messages


def measure(quick: bool) -> Figures:
    figures: Figures = {}
    for destinations in (1, 3):
        rate, cpu = _burst(destinations, 300 if quick else 1_000)
        figures[f"burst_{destinations}"] = rate
        if destinations == 1:
            figures["cpu_per_alarm"] = cpu * 1000
    return figures


def _burst(destinations: int, count: int) -> tuple[float, float]:
    """Alarms a second from the first webhook to the last message, and the processor seconds an alarm."""
    with helper("bench.sink") as sink, ExitStack() as stack:
        sinks = [f"{sink}/services/T/B/{path}" for path in PATHS[:destinations]]
        serve = stack.enter_context(serving(sinks))
        client.send(client.Load(serve.webhooks, BODY, 50, first=900_000))
        serve.wait_until_idle(30)
        before = serve.used()
        sent = client.send(client.Load(serve.webhooks, BODY, count))
        if bad := client.refused(sent):
            raise RuntimeError(f"{bad} webhooks were refused")
        wait_for(lambda: len(arrived(sink, sent, destinations)) == count, _WITHIN, every=0.3)
        cpu = serve.used().since(before).cpu
        times = arrived(sink, sent, destinations)
        if len(times) < count:
            raise RuntimeError(f"{count - len(times)} of {count} alarms were not told in time")
        began = min(one.due for one in sent)
        return count / (max(times.values()) - began), cpu / count
