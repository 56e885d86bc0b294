"""Turns what an endpoint read into the JSON of its answer."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter


@cache
def _adapter(answer: Any) -> TypeAdapter[Any]:
    return TypeAdapter(answer)


def as_json(answer: Any, value: object) -> str:
    """`value` as JSON text in ASCII, so that half a surrogate pair from a captured disk cannot break it."""
    dumped = _adapter(answer).dump_python(value, mode="json", by_alias=False)
    return json.dumps(dumped, ensure_ascii=True, allow_nan=False)
