"""The calls of SQS that the queues need, with SQS's errors as errors of a queue."""

from __future__ import annotations

import math
from typing import Any

from shared.aws.clients import Clients
from shared.aws.errors import AwsError, understood
from shared.aws.sqs_messages import MOVED_FROM, message_of
from shared.queues.ports import QueueError

MAX_MESSAGES = 10  # of one call; vendor number: "Amazon SQS message quotas"
_NOT_OURS = ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue")
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


class SqsCalls:
    """The calls for one queue in SQS. Each raises QueueError. `name`: huntbridge's name for the queue."""

    def __init__(self, clients: Clients, name: str, url: str) -> None:
        self._clients, self._name, self._url = clients, name, url

    def send(self, body: bytes, attributes: dict[str, str], *, delay: float = 0) -> None:
        """`delay` in seconds, at most 15 minutes. Raises TooLarge as well."""
        message = message_of(body, attributes, queue=self._name)
        answer = self._call("send_message", DelaySeconds=math.ceil(delay), **message)
        if not answer.get("MessageId"):
            raise QueueError(f"the queue {self._name}: SQS did not say that it has the item")

    def receive(self, limit: int, *, hidden: float, wait: int) -> list[dict[str, Any]]:
        """At most 10 messages, which are then hidden for so many seconds. `wait`: seconds to wait for one."""
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=min(limit, MAX_MESSAGES),
            VisibilityTimeout=math.ceil(hidden),
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp", MOVED_FROM],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def delete(self, receipt: str) -> bool:
        """False if the receipt is no longer good."""
        return self._settle("delete_message", ReceiptHandle=receipt)

    def hide(self, receipt: str, seconds: float) -> bool:
        """False if the receipt is no longer good."""
        return self._settle(
            "change_message_visibility", ReceiptHandle=receipt, VisibilityTimeout=math.ceil(seconds)
        )

    def show(self, receipts: list[str]) -> None:
        """Stop hiding these messages."""
        for start in range(0, len(receipts), MAX_MESSAGES):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[start : start + MAX_MESSAGES])
            ]
            self._call("change_message_visibility_batch", Entries=entries)

    def counts(self) -> tuple[int, int, int]:
        """How many messages are visible, delayed and hidden, approximately."""
        answer = self._call("get_queue_attributes", AttributeNames=list(_COUNTS))
        with understood("SQS", QueueError):
            visible, delayed, hidden = (int(answer["Attributes"][name]) for name in _COUNTS)
        return visible, delayed, hidden

    def _settle(self, operation: str, **request: Any) -> bool:
        try:
            self._clients.call("sqs", operation, QueueUrl=self._url, **request)
        except AwsError as error:
            if error.code in _NOT_OURS:
                return False
            raise self._failure(error) from error
        return True

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return self._clients.call("sqs", operation, QueueUrl=self._url, **request)
        except AwsError as error:
            raise self._failure(error) from error

    def _failure(self, error: AwsError) -> QueueError:
        if error.code in ("NonExistentQueue", "QueueDoesNotExist"):
            return QueueError(f"the queue {self._name} is not there in SQS")
        return QueueError(f"the queue {self._name}: {error}")
