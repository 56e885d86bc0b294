"""The configuration from S3 and from a parameter, as `load` reads it."""

from __future__ import annotations

import uuid

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from shared.aws.clients import Clients
from shared.aws.files import FileError, read_config
from shared.config.errors import ConfigError
from shared.hosting.configuration import load

PLATFORM = "platform: {url: https://cado.example, api_key: env:API_KEY}\n"
ENVIRON = {"AWS_REGION": "eu-west-1"}


@pytest.fixture(autouse=True)
def endpoint_of_load(endpoint, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def bucket(clients) -> str:
    name = f"bucket-{uuid.uuid4()}"
    where = {"LocationConstraint": "eu-west-1"}
    clients.call("s3", "create_bucket", Bucket=name, CreateBucketConfiguration=where)
    versions = {"Status": "Enabled"}
    clients.call("s3", "put_bucket_versioning", Bucket=name, VersioningConfiguration=versions)
    return name


def put(clients: Clients, bucket: str, content: bytes) -> str:
    """The path of the object."""
    clients.call("s3", "put_object", Bucket=bucket, Key="conf/huntbridge.yaml", Body=content)
    return f"s3://{bucket}/conf/huntbridge.yaml"


def problems(path: str) -> list[str]:
    """What is wrong, without the path that each line begins with."""
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    assert all(problem.startswith(f"{path}:") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def test_an_object_in_s3_in_its_newest_version(clients, bucket):
    put(clients, bucket, b"platform: {}")
    path = put(clients, bucket, b"\xef\xbb\xbf" + PLATFORM.encode())
    assert load(path, ENVIRON).platform.url == "https://cado.example"
    assert load(None, {**ENVIRON, "HUNTBRIDGE_CONFIG": path}).platform.url == "https://cado.example"


@pytest.mark.parametrize("kind", ["String", "SecureString"])
def test_a_parameter(clients, kind):
    name = f"/huntbridge/{uuid.uuid4()}"
    clients.call("ssm", "put_parameter", Name=name, Value=PLATFORM, Type=kind)
    assert load(f"ssm:{name}", ENVIRON).platform.url == "https://cado.example"


def test_a_mistake_is_named_with_the_path_and_the_line(clients, bucket):
    path = put(clients, bucket, PLATFORM.encode() + b"webhook: {}\nhunt: {}\n")
    assert problems(path) == ["3: hunt: unknown key; did you mean hunts?"]


def test_a_certificate_counts_from_the_working_folder(clients, bucket, tmp_path):
    (tmp_path / "ca.pem").write_text("a certificate")
    path = put(clients, bucket, PLATFORM.replace("}", ", ca_bundle: ca.pem}").encode())
    assert load(path, ENVIRON).platform.ca_bundle == str(tmp_path / "ca.pem")


def test_what_cannot_be_read(clients, bucket):
    def refusal(path: str) -> str:
        with pytest.raises(FileError) as caught:
            read_config(path, clients, limit=100)
        return str(caught.value)

    assert refusal(f"s3://{bucket}/nothing") == "there is no such object in the bucket"
    assert refusal(f"s3://{uuid.uuid4()}/a") == "there is no such bucket"
    assert refusal("ssm:/huntbridge/nothing") == "there is no such parameter"
    for path in ("s3://bucket", "s3://bucket/", "s3:///key"):
        assert refusal(path) == "this is not the path of an object; write s3://bucket/key"
    assert refusal("s3://not a bucket/key") == ("S3 does not allow such a name")


def test_what_is_no_configuration(clients, bucket):
    assert problems(put(clients, bucket, b"x" * (4 * 1024 * 1024 + 1))) == [" the file is larger than 4 MiB"]
    assert problems(put(clients, bucket, b"caf\xe9")) == [" the file is not UTF-8 text"]


@pytest.mark.parametrize(
    ("path", "service", "operation", "code", "said"),
    [
        (
            "s3://bucket/key",
            "s3",
            "get_object",
            "AccessDenied",
            "access denied: the role needs s3:GetObject on it, if it is there at all",
        ),
        ("s3://bucket/key", "s3", "get_object", "PermanentRedirect", "the bucket is in another region"),
        ("s3://bucket/key", "s3", "get_object", "SlowDown", "S3 is throttling requests"),
        (
            "ssm:/name",
            "ssm",
            "get_parameter",
            "AccessDeniedException",
            "access denied by Parameter Store: the role needs ssm:GetParameter",
        ),
        (
            "ssm:/name",
            "ssm",
            "get_parameter",
            "ThrottlingException",
            "Parameter Store is throttling requests",
        ),
    ],
)
def test_what_aws_refuses_in_words(clients, path, service, operation, code, said):
    with Stubber(clients.get(service)) as stub:
        stub.add_client_error(operation, code)
        with pytest.raises(FileError) as caught:
            read_config(path, clients, limit=100)
    assert str(caught.value) == said


@pytest.mark.parametrize("error", [ConnectionClosedError, ReadTimeoutError])
def test_s3_breaks_off(clients, error):
    class Broken:
        def read(self, size: int) -> bytes:
            raise error(endpoint_url="http://127.0.0.1")

        def close(self) -> None:
            pass

    with Stubber(clients.get("s3")) as stub:
        stub.add_response("get_object", {"Body": StreamingBody(Broken(), 10)})
        with pytest.raises(FileError) as caught:
            read_config("s3://bucket/key", clients, limit=100)
    assert str(caught.value) == f"S3 broke off while it was read ({error.__name__})"


def test_where_there_is_no_aws(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert problems("s3://bucket/key") == [" no AWS credentials on this machine"]
