"""Finds the table and the queues of a deployed stack: by the environment variables that template.yaml sets
for its functions, or by the stack's outputs.

This module imports little, because the web function starts with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.aws.clients import Clients
from shared.aws.errors import AwsError, understood
from shared.aws.names import SLACK_SIGNING_SECRETS as SLACK_SIGNING_SECRETS
from shared.aws.names import TABLE as TABLE
from shared.aws.names import WEBHOOK_TOKENS as WEBHOOK_TOKENS
from shared.aws.sqs import SqsQueue
from shared.queues.ports import QUEUES, QueueError
from shared.secrets import SecretRef

CONFIG = "ConfigLocation"  # an output


def queue_variables(queue: str) -> tuple[str, str]:
    """The names of the variables with the URLs of a queue and of its dead letter queue."""
    return f"HUNTBRIDGE_{queue.upper()}", f"HUNTBRIDGE_{queue.upper()}_DLQ"


def missing(environ: Mapping[str, str], *more: str) -> str:
    """A sentence that names the variables that are not set; empty if all are set."""
    return _missing(environ, *more, *(name for queue in QUEUES for name in queue_variables(queue)))


def _missing(environ: Mapping[str, str], *needed: str) -> str:
    names = [name for name in needed if not environ.get(name)]
    if not names:
        return ""
    return f"not set: {', '.join(names)}; template.yaml sets what names the table and the queues"


def queues(clients: Clients, environ: Mapping[str, str]) -> dict[str, SqsQueue]:
    """Every queue by its name. Raises QueueError if a variable is missing."""
    if problem := missing(environ):
        raise QueueError(problem)
    return {name: queue(clients, name, environ) for name in QUEUES}


def queue(clients: Clients, name: str, environ: Mapping[str, str]) -> SqsQueue:
    """Raises QueueError if a variable is missing."""
    variables = queue_variables(name)
    if problem := _missing(environ, *variables):
        raise QueueError(problem)
    return SqsQueue(clients, name, *(environ[variable] for variable in variables))


def refs(environ: Mapping[str, str], variable: str) -> list[SecretRef]:
    """The references to secrets in a variable, where commas separate them."""
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
        listed = answer["Stacks"][0].get("Outputs", ())
        return {output["OutputKey"]: output["OutputValue"] for output in listed}


def variables(outputs: Mapping[str, str]) -> dict[str, str]:
    """The variables that the functions of a stack have for its table and queues, made from its outputs.
    Raises KeyError if an output is missing."""
    values = {TABLE: outputs["LedgerTable"]}
    for name in QUEUES:
        living, dead = queue_variables(name)
        values |= {living: outputs[f"{name.title()}Queue"], dead: outputs[f"{name.title()}DeadQueue"]}
    return values


def identity(clients: Clients) -> str:
    """The ARN of the IAM identity that makes the calls, or a text that says why it is unknown."""
    try:
        return str(clients.call("sts", "get_caller_identity")["Arn"])
    except AwsError as error:
        return f"an IAM identity that is not known ({error})"


def is_from(arn: str, queue: str, environ: Mapping[str, str]) -> bool:
    """Whether this ARN of an event source belongs to this queue."""
    url = environ.get(queue_variables(queue)[0], "")
    return bool(url) and arn.rpartition(":")[2] == url.rpartition("/")[2]
