"""The form of an answer of API v3, and the versions in which the API changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.platform.calls import Page

# The version of the platform that brought each change.
SNAKE_CASE_NAME = (2, 247)
PIPELINE_STATUS = (2, 269)
STATUS_LIMIT = (2, 272)
INVESTIGATION_ID = (2, 273)
ALARM_EVIDENCE_NAME = (2, 281)
PROJECT_IOC = (2, 284)
WEBHOOK_LAST_SENT = (2, 286)
LIST_ALARM_SUMMARY = (2, 294)
WEBHOOK_TIMES_SENT = (2, 304)
MANUALLY_CREATED = (2, 315)
PIPELINE_START_TIME = (2, 323)


@dataclass(frozen=True)
class Answer:
    data: Any = None
    page: Page | None = None
    cursor: dict[str, str] | None = None
    status: int = 200

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"status": "success"}
        if self.data is not None:
            body["data"] = self.data
        if self.page:
            body["pagination"] = {
                "type": "page",
                "total_records": self.page.total,
                "current_page": self.page.number,
                "total_pages": self.page.total_pages,
                "per_page": self.page.size,
            }
        if self.cursor is not None:
            body["pagination"] = {"type": "cursor", **self.cursor}
        return body


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
