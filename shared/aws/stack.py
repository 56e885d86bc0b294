"""What template.yaml tells its functions in their environment, and everybody in its outputs: names in, the
queues out.

Light on purpose: the web room starts with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.aws.clients import Clients
from shared.aws.errors import AwsError, understood
from shared.aws.sqs import SqsQueue
from shared.queues.ports import QUEUES, QueueError
from shared.secrets import SecretRef

TABLE, WEBHOOK_TOKENS = "HUNTBRIDGE_TABLE", "HUNTBRIDGE_WEBHOOK_TOKENS"
CONFIG = "ConfigLocation"  # an output
SLACK_SIGNING_SECRETS = "HUNTBRIDGE_SLACK_SIGNING_SECRETS"


def queue_variables(queue: str) -> tuple[str, str]:
    """The variables with the URLs of a queue and of the one for its dead items."""
    return f"HUNTBRIDGE_{queue.upper()}", f"HUNTBRIDGE_{queue.upper()}_DLQ"


def missing(environ: Mapping[str, str], *more: str) -> str:
    """What is not set, in one sentence; empty where nothing is missing."""
    return _missing(environ, *more, *(name for queue in QUEUES for name in queue_variables(queue)))


def _missing(environ: Mapping[str, str], *needed: str) -> str:
    names = [name for name in needed if not environ.get(name)]
    if not names:
        return ""
    return f"not set: {', '.join(names)}; template.yaml sets what names the table and the queues"


def queues(clients: Clients, environ: Mapping[str, str]) -> dict[str, SqsQueue]:
    """Every queue by its name. Raises QueueError where a variable is missing."""
    if said := missing(environ):
        raise QueueError(said)
    return {name: queue(clients, name, environ) for name in QUEUES}


def queue(clients: Clients, name: str, environ: Mapping[str, str]) -> SqsQueue:
    """Raises QueueError where a variable is missing."""
    variables = queue_variables(name)
    if said := _missing(environ, *variables):
        raise QueueError(said)
    return SqsQueue(clients, name, *(environ[variable] for variable in variables))


def refs(environ: Mapping[str, str], variable: str) -> list[SecretRef]:
    """The references of secrets that a variable holds, with commas between them."""
    texts = environ.get(variable, "").split(",")
    return [SecretRef.parse(text.strip()) for text in texts if text.strip()]


def outputs(clients: Clients, stack: str) -> dict[str, str]:
    """The outputs of a stack by their names. Raises AwsError."""
    try:
        answer = clients.call("cloudformation", "describe_stacks", StackName=stack)
    except AwsError as error:
        if error.code == "ValidationError":
            raise AwsError(f"there is no stack {stack} in {clients.region}") from error
        raise
    with understood("CloudFormation"):
        return {one["OutputKey"]: one["OutputValue"] for one in answer["Stacks"][0].get("Outputs", ())}


def variables(outputs: Mapping[str, str]) -> dict[str, str]:
    """What the functions of a stack are told of its table and queues, by its outputs. Raises KeyError."""
    found = {TABLE: outputs["LedgerTable"]}
    for name in QUEUES:
        living, dead = queue_variables(name)
        found |= {living: outputs[f"{name.title()}Queue"], dead: outputs[f"{name.title()}DeadQueue"]}
    return found


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
