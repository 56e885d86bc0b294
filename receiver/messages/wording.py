"""Small parts of sentences: lists, sizes, durations."""

from __future__ import annotations

MAX_MEGABYTES = 2**40  # a larger size is a mistake of the platform and is not shown


def disk_size(megabytes: int | None) -> str:
    """Such as "8 GB"; empty if the size is not known."""
    if not megabytes or megabytes > MAX_MEGABYTES:
        return ""
    return f"{megabytes / 1024:,.4g} GB" if megabytes >= 1024 else f"{megabytes} MB"


def joined(what: str, where: str) -> str:
    return f"{what} {where}".rstrip()


def semicolons(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def commas(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def with_id(name: str, id: str) -> str:
    """Such as "prod (111122223333)"; only one of them if the other is empty."""
    return f"{name} ({id})" if name and id else name or id


def sentences(*parts: str) -> str:
    return " ".join(filter(None, parts))


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
