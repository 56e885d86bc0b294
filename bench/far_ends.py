"""How fast the bench's own client and sink are, so that they are not what the other figures show."""

from __future__ import annotations

from bench import client, wrk
from bench.figures import Figures
from bench.processes import helper

_BODY = '{"text": "alarm %016x"}'


def measure(quick: bool) -> Figures:
    with helper("bench.sink") as sink:
        taken = wrk.load(f"{sink}/one", _BODY, connections=8, seconds=2, first=10**6)
        sent = client.send(client.Load(f"{sink}/two", _BODY, 3_000 if quick else 10_000))
        seconds = max(one.answered for one in sent) - min(one.due for one in sent)
        return {"sink": taken.per_second, "client": len(sent) / seconds}
