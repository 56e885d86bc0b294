"""Finds the system that a person names by its key, its instance id, its name, or the beginning of one."""

from __future__ import annotations

from cli.exit_codes import Misused
from shared.models.systems import is_key
from shared.storage.queries.queries import Queries
from shared.text import one_line

MOST = 20_000  # known systems that are searched
_AT_ONCE = 200
_SHOWN = 10  # candidates in an error message


def system_key(queries: Queries, given: str, *, beginnings: bool = True) -> str:
    """The `System.key` of the system that `given` names. Raises Misused if several are meant, or none.
    `beginnings`: whether the beginning of a name or an id is enough."""
    if is_key(given):
        return given
    exact: set[str] = set()
    beginning: dict[str, str] = {}
    page, looked_at = "", 0
    while looked_at < MOST:
        rows = queries.coverage.systems(limit=_AT_ONCE, page=page)
        for row in rows.rows:
            names = (row.system.instance, row.name.lower() or row.system.name.lower())
            if given == names[0] or given.lower() == names[1]:
                exact.add(row.system_key)
            elif beginnings and any(name.startswith(given.lower()) for name in names):
                beginning[row.system_key] = row.name or row.system.title
        looked_at += len(rows.rows)
        page = rows.next
        if not page:
            break
    matches = exact or set(beginning)
    if len(matches) == 1:
        return matches.pop()
    if matches:
        shown = "".join(f"\n  {one_line(key, 200)}" for key in sorted(matches)[:_SHOWN])
        more = "\n  and more" if len(matches) > _SHOWN else ""
        raise Misused(f"{given!r} names several systems; write one of these keys:{shown}{more}")
    raise Misused(
        f"no hunt captured a system {given!r}; `huntbridge coverage` lists the known systems, and a key such "
        "as prod/us-east-1/i-0123456789abcdef0 works for any system"
    )
