"""A handler called as Lambda calls it, in this process, with moto as AWS: for what needs no emulator."""

from __future__ import annotations

import logging
import os
from types import ModuleType
from typing import Any

import pytest

from tests.emulated import REGION, Resources, clean, record_of


class Context:
    """Lambda's word on an invocation. `seconds` is what is left; each look at it costs `per_look`."""

    function_name = "huntbridge-function"

    def __init__(self, seconds: float = 300.0, per_look: float = 0.0) -> None:
        self._left, self._per_look = seconds, per_look

    def get_remaining_time_in_millis(self) -> int:
        left, self._left = self._left, self._left - self._per_look
        return int(left * 1000)


class Invoked:
    """One runtime environment of a function."""

    def __init__(self, module: ModuleType, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module, self.resources, self._monkeypatch = module, resources, monkeypatch
        self.restart()

    def restart(self, **environ: str) -> None:
        """A new environment, as Lambda makes one whenever it likes."""
        for name in os.environ.keys() - clean(os.environ).keys():
            self._monkeypatch.delenv(name)
        none = "/nonexistent"
        for name, value in {
            **self.resources.environ,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": none,
            "AWS_SHARED_CREDENTIALS_FILE": none,
            **environ,
        }.items():
            self._monkeypatch.setenv(name, value)
        for found in vars(self.module).values():
            if hasattr(found, "cache_clear"):
                found.cache_clear()
        # pytest's own handlers stay.
        self._monkeypatch.setattr("shared.hosting.log.setup", lambda *_, **__: None)

    def __call__(self, event: dict[str, Any], context: Context | None = None) -> Any:
        return self.module.handler(event, context or Context())

    def receive(self, queue: str, *, limit: int = 10) -> list[dict[str, Any]]:
        """What SQS would invoke the function with next."""
        messages = self.resources.client("sqs").receive_message(
            QueueUrl=self.resources.url(queue),
            MaxNumberOfMessages=limit,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return [record_of(message, self.resources.arns[queue]) for message in messages.get("Messages", [])]

    def work(self, queue: str, context: Context | None = None, *, limit: int = 10) -> list[str]:
        """One batch of the queue; returns the bodies of what the function reported as failed."""
        records = self.receive(queue, limit=limit)
        if not records:
            return []
        answer = self({"Records": records}, context)
        assert set(answer) == {"batchItemFailures"}
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        sqs = self.resources.client("sqs")
        for record in records:
            if record["messageId"] not in failed:
                sqs.delete_message(QueueUrl=self.resources.url(queue), ReceiptHandle=record["receiptHandle"])
        return [record["body"] for record in records if record["messageId"] in failed]


logging.getLogger("werkzeug").setLevel(logging.ERROR)
__all__ = ["REGION", "Context", "Invoked"]
