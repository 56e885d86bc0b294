"""Identifiers as people write them: whole, or a unique beginning."""

from __future__ import annotations

from collections.abc import Iterable

from cli.exit_codes import Misused
from shared.text import one_line

MOST = 20  # candidates that are shown


def whole(given: str, known: Iterable[str], what: str) -> str | None:
    """The one of `known` that `given` is or begins; None where there is none. Raises Misused, with the
    candidates, where it begins several. `what` is their name, such as "dead items"."""
    found = sorted({one for one in known if given and one.startswith(given)})
    if given in found:
        return given
    if len(found) > 1:
        shown = "".join(f"\n  {one_line(one, len(one))}" for one in found[:MOST])
        more = "\n  and more" if len(found) > MOST else ""
        raise Misused(f"{given!r} is the beginning of several {what}; write more of it:{shown}{more}")
    return found[0] if found else None
