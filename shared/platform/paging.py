"""How the platform's browse calls are read page by page: by the number of the page, or by a cursor.

`ask` sends one request with the given parameters of the page, and returns the whole answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from shared.platform.errors import Refused
from shared.platform.wire import PagedJson, as_list, parse, unwrap

PER_PAGE = 100
_SMALL_PAGE = 10  # the default of other lists, if ours is refused: the largest size is not public
_MOST_PAGES = 2_000  # of one list

Ask = Callable[[Mapping[str, Any]], Any]


def by_page(ask: Ask) -> Iterator[Any]:
    """The items of all pages. Both parameters are always sent, since some calls require them."""
    size, previous = PER_PAGE, None
    for page in count(1):
        try:
            answer = ask({"page": page, "per_page": size})
        except Refused as error:
            if page > 1 or size == _SMALL_PAGE or error.status not in (400, 422):
                raise
            size = _SMALL_PAGE
            answer = ask({"page": page, "per_page": size})
        items = as_list(unwrap(answer))
        if items == previous:
            return  # the platform ignores the number of the page
        yield from items
        pages = _pages(answer, size)
        if (pages is None and not items) or (pages is not None and page >= pages):
            return
        _check(page)
        previous = items


def by_cursor(ask: Ask) -> Iterator[Any]:
    """The items of all pages, until the platform names no further cursor, or one that it has named before."""
    seen: set[str] = set()
    cursor: dict[str, str] = {}
    for page in count(1):
        answer = ask({"per_page": PER_PAGE, **cursor})
        yield from as_list(unwrap(answer))
        following = parse(PagedJson, answer).next_token
        if not following or following in seen:
            return
        _check(page)
        seen.add(following)
        cursor = {"cursor": following}


def _pages(answer: Any, size: int) -> int | None:
    """How many pages there are, by everything that the platform says about it; None if it says nothing."""
    paged = parse(PagedJson, answer)
    if paged.total_pages is None:
        return None
    records, size = paged.total_records or 0, paged.per_page or size
    return max(paged.total_pages, -(-records // size))


def _check(page: int) -> None:
    if page == _MOST_PAGES:
        raise Refused(f"The platform's list has more than {_MOST_PAGES} pages, more than can be read.")
