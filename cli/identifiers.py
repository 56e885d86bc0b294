"""Finds the identifier that a person wrote in full or abbreviated to a unique beginning."""

from __future__ import annotations

from collections.abc import Iterable

from cli.exit_codes import Misused
from shared.text import one_line

MOST = 20  # candidates in an error message


def whole(given: str, known: Iterable[str], what: str) -> str | None:
    """The identifier in `known` that equals `given` or begins with it; None if there is none.

    Raises Misused with the candidates if several begin with it. `what` names them, such as "dead items".
    """
    matches = sorted({identifier for identifier in known if given and identifier.startswith(given)})
    if given in matches:
        return given
    if len(matches) > 1:
        shown = "".join(f"\n  {one_line(match, len(match))}" for match in matches[:MOST])
        more = "\n  and more" if len(matches) > MOST else ""
        raise Misused(f"{given!r} is the beginning of several {what}; write more of it:{shown}{more}")
    return matches[0] if matches else None
