"""How many alarms a second are told if the platform answers after 200 ms and every alarm is enriched."""

from __future__ import annotations

from bench import client
from bench.figures import Figures
from bench.processes import helper, wait_for
from bench.serve import BODY, serving
from bench.sink import arrivals
from bench.slow_platform import FOUND

_WITHIN = 60.0  # seconds for all messages


def measure(quick: bool) -> Figures:
    """Alarms a second from the first webhook to the last message, and the share that was enriched."""
    count, warm = (150, 10) if quick else (600, 30)
    with (
        helper("bench.slow_platform", "--evidences", str(count + warm)) as platform,
        helper("bench.sink", FOUND) as sink,
        serving([f"{sink}/services/T/B/one"], platform=platform) as serve,
    ):
        client.send(client.Load(serve.webhooks, BODY, warm, first=count + 1))
        serve.wait_until_idle(30)
        sent = client.send(client.Load(serve.webhooks, BODY, count))
        if bad := client.refused(sent):
            raise RuntimeError(f"{bad} webhooks were refused")
        ids = {one.id for one in sent}

        def told() -> dict[str, tuple[float, bool]]:
            return {id: (note.at, note.marked) for note in arrivals(sink) for id in note.ids if id in ids}

        wait_for(lambda: len(told()) == count, _WITHIN, every=0.5)
        found = told()
        enriched = [at for at, marked in found.values() if marked]
        if not enriched:
            raise RuntimeError("no alarm was enriched")
        began = min(one.due for one in sent)
        return {
            "enriched": len(found) / (max(at for at, _ in found.values()) - began),
            "enriched_share": len(enriched) / count * 100,
        }
