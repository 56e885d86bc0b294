"""Types of fields that the published schema of the `webhook` destination uses, each with its description."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field


def doc(text: str) -> Any:
    return Field(description=text)


Text = Annotated[str, doc("empty where it is not known")]
Id = Annotated[int | None, doc("the platform's id; null where it is not known")]
Count = Annotated[int | None, doc("null where it is not known, which is not 0")]
Time = Annotated[datetime | None, doc("UTC; null where it is not known")]
