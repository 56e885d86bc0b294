"""What template.yaml tells its functions in their environment: names in, the queues out.

Light on purpose: the web room starts with it. No client is made here.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.aws.clients import AwsError, Clients
from shared.aws.sqs import SqsQueue
from shared.queues import QUEUES, QueueError

TABLE, WEBHOOK_TOKENS = "HUNTBRIDGE_TABLE", "HUNTBRIDGE_WEBHOOK_TOKENS"
SLACK_SIGNING_SECRETS = "HUNTBRIDGE_SLACK_SIGNING_SECRETS"


def queue_variables(queue: str) -> tuple[str, str]:
    """The variables with the URLs of a queue and of the one for its dead items."""
    return f"HUNTBRIDGE_{queue.upper()}", f"HUNTBRIDGE_{queue.upper()}_DLQ"


def missing(environ: Mapping[str, str], *more: str) -> str:
    """What is not set, in one sentence; empty where nothing is missing."""
    needed = [*more, *(name for queue in QUEUES for name in queue_variables(queue))]
    names = [name for name in needed if not environ.get(name)]
    if not names:
        return ""
    return f"not set: {', '.join(names)}; template.yaml sets what names the table and the queues"


def queues(clients: Clients, environ: Mapping[str, str]) -> dict[str, SqsQueue]:
    """Every queue by its name. Raises QueueError where a variable is missing."""
    if said := missing(environ):
        raise QueueError(said)
    return {
        queue: SqsQueue(clients, queue, *(environ[name] for name in queue_variables(queue)))
        for queue in QUEUES
    }


def identity(clients: Clients) -> str:
    """The ARN of the IAM identity that calls are made as, or in words why it is not known."""
    try:
        return str(clients.call("sts", "get_caller_identity")["Arn"])
    except AwsError as error:
        return f"an IAM identity that is not known ({error})"


def is_from(arn: str, queue: str, environ: Mapping[str, str]) -> bool:
    """Whether the ARN of an event source is that of this queue."""
    url = environ.get(queue_variables(queue)[0], "")
    return bool(url) and arn.rpartition(":")[2] == url.rpartition("/")[2]
