"""What the items of the three queues hold, as bytes. Light on purpose: the web room imports it."""

from __future__ import annotations

import base64
import json
from typing import Any

from shared.queues.sizes import fitted_alarm, fitted_event


def webhook(body: bytes, received_at: str) -> bytes:
    """[events]: a webhook, its body byte for byte (the token taken out), not yet looked at."""
    return _pack(webhook=base64.b64encode(body).decode(), received_at=received_at)


def own_event(event: dict[str, Any]) -> bytes:
    """[events]: an event that huntbridge raises itself, cut to what an item may hold."""
    return _pack(event=fitted_event(event))


def click(clicked: dict[str, Any], signed_by: str, at: str) -> bytes:
    """[events]: somebody clicked in Slack. `signed_by` is the reference of the app's signing secret."""
    return _pack(click=clicked, signed_by=signed_by, at=at)


def acknowledgement(case_key: str, taken: dict[str, Any]) -> bytes:
    """[events]: somebody takes a case at the command line."""
    return _pack(acknowledge=case_key, taken=taken)


def reminder(case_key: str, number: int, since: str) -> bytes:
    """[events]: a case is told again that nobody has taken since then, for the `number`th time."""
    return _pack(remind=case_key, number=number, since=since)


def heartbeat(destination: str, since: str) -> bytes:
    """[events]: tell a destination that huntbridge is alive. `since`: since when it was told nothing."""
    return _pack(heartbeat=destination, since=since)


def notice(about: str) -> bytes:
    """[events]: tell how many are dead. `about` is a destination or a queue."""
    return _pack(notice=about)


def start(event: dict[str, Any]) -> bytes:
    """[captures]: start a hunt. `event` is what asks the scheduler for it."""
    return _pack(start=event)


def open_hunt(hunt_id: str, until: float) -> bytes:
    """[captures]: open the hunt's project. `until` (epoch seconds): how long it is worth trying."""
    return _pack(open=hunt_id, until=until)


def capture(hunt_id: str, system: dict[str, Any], until: float) -> bytes:
    """[captures]: ask for one capture."""
    return _pack(capture=hunt_id, system=system, until=until)


def delivery(destination: str, alarm: dict[str, Any]) -> bytes:
    """[deliveries]: one alarm to one destination, cut to what an item may hold."""
    return _pack(destination=destination, alarm=fitted_alarm(alarm))


def digest(destination: str, id: str) -> bytes:
    """[deliveries]: what has been gathered for one destination, in one message."""
    return _pack(destination=destination, digest=id)


def refresh(destination: str, case_key: str) -> bytes:
    """[deliveries]: the case's message is edited to how the case stands."""
    return _pack(destination=destination, refresh=case_key)


def whisper(destination: str, to: dict[str, str], text: str) -> bytes:
    """[deliveries]: a word for one person alone, at once or never. `to`: channel and user."""
    return _pack(destination=destination, whisper=text, to=to)


def unpack(body: bytes) -> dict[str, Any]:
    """Raises ValueError where the body was not made here."""
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("not an item of huntbridge")
    if "webhook" in found:
        found["webhook"] = base64.b64decode(found["webhook"])
    return found


def _pack(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
