"""Checks whether the host of a webhook answers. More cannot be checked without posting to the webhook."""

from __future__ import annotations

from receiver.destinations.contract import Check
from shared.http.client import Http
from shared.http.errors import NetworkError


def check_host(http: Http, origin: str, receiver: str) -> Check:
    """`receiver`: its name in a sentence, such as Teams."""
    try:
        http.request("GET", f"{origin}/")
    except NetworkError as error:
        return Check(False, f"{receiver} cannot be reached: {error}")
    only_a_message = f"whether {receiver} takes it, only a message can tell"
    return Check(True, f"{origin} answers and the URL has the right form; {only_a_message}")
