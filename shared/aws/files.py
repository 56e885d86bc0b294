"""The configuration file where it is not on a disk: from S3, or from a parameter of Parameter Store.

A path comes in, `s3://bucket/key` or `ssm:/name`, and bytes go out. Nothing is kept and nothing is written.
"""

from __future__ import annotations

from botocore.exceptions import BotoCoreError

from shared.aws.clients import AwsError, Clients, understood


class FileError(Exception):
    """The file cannot be had; the text says why and is safe to show."""


_SAID = {
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such object in the bucket",
    "ParameterNotFound": "there is no such parameter",
    "PermanentRedirect": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
    # S3 answers so for an object that is not there, too, where the role may not list the bucket.
    "AccessDenied": "access denied: the role needs s3:GetObject on it, if it is there at all",
}


def read_config(path: str, clients: Clients, *, limit: int) -> bytes:
    """At most `limit` bytes and one more, by which a caller sees that it is too large. Raises FileError."""
    try:
        if path.startswith("s3://"):
            return _object(path.removeprefix("s3://"), clients, limit)
        name = path.removeprefix("ssm:")
        answer = clients.call("ssm", "get_parameter", Name=name, WithDecryption=True)
        with understood("Parameter Store"):
            return str(answer["Parameter"]["Value"]).encode()
    except AwsError as error:
        raise FileError(_SAID.get(error.code, str(error))) from error


def _object(path: str, clients: Clients, limit: int) -> bytes:
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
