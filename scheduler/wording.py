"""Puts lists of ids, regions and accounts into words, for reasons and problems that people read."""

from __future__ import annotations

from collections.abc import Collection

_SHOWN = 4
_IDS_SHOWN = 20


def alternatives(values: Collection[str]) -> str:
    """Such as `a, b or c`. If there are more than four values, the first four and the number of the
    others."""
    shown = list(values)
    if len(shown) > _SHOWN:
        return f"{', '.join(shown[:_SHOWN])} and {len(shown) - _SHOWN} more"
    return " or ".join(shown) if len(shown) < 3 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def some_of(ids: Collection[str]) -> str:
    """The first 20 ids and the number of the others."""
    more = len(ids) - _IDS_SHOWN
    return ", ".join(list(ids)[:_IDS_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def account_in_words(account: str) -> str:
    """The account by its name in the configuration; the empty name is this machine's own account."""
    return f"account {account}" if account else "this machine's own account"
