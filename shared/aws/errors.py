"""Every failure of a call to AWS as one plain sentence.

No sentence repeats anything of a request. Of an answer, it repeats only AWS's own error code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)

from shared.aws import deadlines
from shared.aws.names import NO_CREDENTIALS
from shared.text import one_line

DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "KMS.AccessDeniedException",
        "KmsAccessDenied",
        "UnauthorizedOperation",
    }
)
_BAD_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset(
    {
        "KmsThrottled",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class AwsError(Exception):
    """A call to AWS failed. The message says why and is safe to show."""

    def __init__(self, text: str, *, passing: bool = False, answer: Mapping[str, Any] | None = None) -> None:
        """`passing`: the same call may well work later. `answer`: AWS's answer, if there was one."""
        super().__init__(text)
        self.passing, self.answer = passing, answer or {}

    @property
    def code(self) -> str:
        """AWS's error code; empty if AWS did not answer."""
        return _code(self.answer)

    @property
    def refused(self) -> bool:
        """Whether AWS refused this call. False if it refused only the credentials, or only for now."""
        return bool(self.answer) and not self.passing and self.code not in _BAD_CREDENTIALS


@contextmanager
def understood(service: str, kind: Callable[[str], Exception] = AwsError) -> Iterator[None]:
    """A context for code that reads an answer. If the answer has an undocumented form, this raises `kind`.
    The message names at most the missing key."""
    try:
        yield
    except deadlines.ODD as error:
        is_missing_key = isinstance(error, KeyError) and isinstance(error.args[0], str)
        why = f"{one_line(error.args[0], 60)} is missing" if is_missing_key else type(error).__name__
        raise kind(
            f"{service} answered in a form that this version of huntbridge does not know ({why})"
        ) from None


def failure(error: BotoCoreError | ClientError, service: str, action: str, *, timeout: float) -> AwsError:
    """What botocore raised, as an AwsError.

    `service` is the name of the service in the sentence, `action` the permission that the call takes, and
    `timeout` the seconds that one attempt waited for an answer."""
    if isinstance(error, ClientError):
        return _refusal(error, service, action)
    if isinstance(error, NoCredentialsError | ProfileNotFound):
        return AwsError(NO_CREDENTIALS)
    if isinstance(error, PartialCredentialsError):
        return AwsError("the AWS credentials on this machine cannot be used")
    if isinstance(error, CredentialRetrievalError):
        return AwsError("the AWS credentials on this machine cannot be renewed", passing=True)
    if isinstance(error, NoRegionError):
        return AwsError("no AWS region is set (AWS_REGION)")
    if isinstance(error, ParamValidationError):
        return AwsError(f"{service} does not allow such a name")
    if isinstance(error, deadlines.NotUnderstood):
        return AwsError(f"what answered for {service} is not AWS as huntbridge knows it", passing=True)
    if isinstance(error, deadlines.NoTimeLeft):
        return AwsError(f"no time was left to ask {service}", passing=True)
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return AwsError(f"{service} did not answer within {timeout:g} s", passing=True)
    can_pass = isinstance(error, HTTPClientError)
    return AwsError(f"{service} cannot be reached ({type(error).__name__})", passing=can_pass)


def _refusal(error: ClientError, service: str, action: str) -> AwsError:
    answer, code = error.response, _code(error.response)
    passing = code in _THROTTLED
    if code in DENIED:
        explanation = f"{code} {answer['Error'].get('Message', '')}".lower()
        key = " and the use of its KMS key" if "kms" in explanation and "kms:" not in action else ""
        text = f"access denied by {service}: the role needs {action}{key}"
    elif code in _BAD_CREDENTIALS:
        text = f"{service} does not accept the AWS credentials ({code})"
    elif code in _THROTTLED:
        text = f"{service} is throttling requests"
    elif answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        text, passing = f"{service} has a fault of its own ({code})", True
    else:
        text = f"{service} refused ({code})"
    return AwsError(text, passing=passing, answer=answer)


def _code(answer: Mapping[str, Any]) -> str:
    # SQS puts this in front of its older codes, as in its first protocol.
    return str(answer.get("Error", {}).get("Code", "")).removeprefix("AWS.SimpleQueueService.")
