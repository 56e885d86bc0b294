"""Reads a configuration file that is kept in AWS: an object of S3, or a parameter of Parameter Store."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError

from shared.aws.clients import Clients
from shared.aws.errors import AwsError, understood


class FileError(Exception):
    """The file cannot be read. The message says why and is safe to show."""


_REASONS = {
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such object in the bucket",
    "ParameterNotFound": "there is no such parameter",
    "PermanentRedirect": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
    # S3 also answers this for a missing object if the role may not list the bucket.
    "AccessDenied": "access denied: the role needs s3:GetObject on it, if it is there at all",
}


def read_config(path: str, clients: Clients, *, limit: int) -> bytes:
    """The content of `s3://bucket/key` or `ssm:/name`. Of an object it returns at most `limit` + 1 bytes:
    more than `limit` means that the object is too large. Raises FileError."""
    try:
        if path.startswith("s3://"):
            return _read_object(path.removeprefix("s3://"), clients, limit)
        name = path.removeprefix("ssm:")
        answer = clients.call("ssm", "get_parameter", Name=name, WithDecryption=True)
        with understood("Parameter Store"):
            return str(answer["Parameter"]["Value"]).encode()
    except AwsError as error:
        raise FileError(_REASONS.get(error.code, str(error))) from error


def _read_object(path: str, clients: Clients, limit: int) -> bytes:
    bucket, _, key = path.partition("/")
    if not bucket or not key:
        raise FileError("this is not the path of an object; write s3://bucket/key")
    answer = clients.call("s3", "get_object", Bucket=bucket, Key=key)
    with understood("S3"):
        body = answer["Body"]
    try:
        raw: bytes = body.read(limit + 1)
    except BotoCoreError as error:
        raise FileError(f"S3 broke off while it was read ({type(error).__name__})") from error
    finally:
        body.close()
    return raw
