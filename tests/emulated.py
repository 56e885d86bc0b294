"""The stack without an account: what `make build` built runs under Lambda's runtime interface emulator, moto
plays AWS, and small stand-ins play API Gateway and the event source mappings of SQS.

Names, timeouts and limits are read from template.yaml, so that it is the template that is tried. Everything
listens on 127.0.0.1 and every wait is bounded.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import requests
import yaml
from flask import Flask, Response, request

from demo.serving import serving
from shared.aws.dynamodb import table_definition
from shared.queues.ports import QUEUES

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / ".aws-sam/build-x86_64"
CLIENT = ROOT / ".cache/lambda-client"  # beside the function's packages, as in Lambda's own image
_SAM = "lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"
EMULATOR = next(iter((ROOT / ".venv-aws").glob(_SAM)), None)
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION}
START, ANSWER = 30.0, 60.0  # seconds


class FunctionError(Exception):
    """The function raised, or did not end in time."""


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Such an environment without anything of AWS that this machine has set."""
    return {name: value for name, value in environ.items() if not name.startswith(("AWS_", "HUNTBRIDGE_"))}


# The template


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as what stands behind the tag."""


def _short_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _short_form)


@cache
def template() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), _Loader)
    return found


def properties(resource: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Resources"][resource]["Properties"]
    return found


def scheduled(resource: str, hunt: str = "", at: str = "") -> dict[str, Any]:
    """What EventBridge Scheduler sends for a schedule of the template."""
    text = properties(resource)["Target"]["Input"]
    filled = text.replace("${HuntName}", hunt).replace("<aws.scheduler.scheduled-time>", at)
    found: dict[str, Any] = json.loads(filled)
    return found


# Functions


class Function:
    """One Lambda function: as many environments as it may have at once, each in an emulator of its own."""

    def __init__(
        self,
        stack: ExitStack,
        room: str,
        environ: Mapping[str, str],
        folder: Path,
        *,
        environments: int,
        timeout: int = 0,
    ) -> None:
        """`timeout` (seconds) is the template's where it is not given."""
        resource = f"{room.title()}Function"
        self.log = folder / f"{room}-{uuid.uuid4().hex[:6]}.log"
        self._free: queue.Queue[str] = queue.Queue()
        self._timeout = timeout or properties(resource)["Timeout"]
        for _ in range(environments):
            self._free.put(
                stack.enter_context(
                    _environment(
                        BUILT / resource,
                        properties(resource)["Handler"],
                        {"AWS_LAMBDA_FUNCTION_NAME": f"huntbridge-{room}", **environ},
                        self._timeout,
                        self.log,
                    )
                )
            )

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Raises FunctionError."""
        url = self._free.get(timeout=ANSWER)
        try:
            answer = requests.post(url, json=event, timeout=self._timeout + ANSWER)
        finally:
            self._free.put(url)
        try:
            found = answer.json()
        except ValueError:
            raise FunctionError(answer.text) from None
        if answer.status_code != 200 or (isinstance(found, dict) and "errorType" in found):
            raise FunctionError(str(found))
        return found


@contextmanager
def _environment(
    code: Path, handler: str, environ: Mapping[str, str], timeout: int, log: Path
) -> Iterator[str]:
    address, api = f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}"
    command = [str(EMULATOR), "--runtime-interface-emulator-address", address, "--runtime-api-address", api]
    # -S: no package of this machine may stand in for one that was forgotten.
    command += [str(target_python()), "-S", "-m", "awslambdaric", handler]
    with log.open("ab") as log_file:
        process = subprocess.Popen(
            command,
            cwd=code,
            env={
                "PATH": "/usr/bin:/bin",
                "LAMBDA_TASK_ROOT": str(code),
                "PYTHONPATH": f"{code}:{CLIENT}",
                "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                "AWS_DEFAULT_REGION": REGION,
                **environ,
            },
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await_port(address, process, log)
        yield f"http://{address}/2015-03-31/functions/function/invocations"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


@cache
def target_python() -> str | None:
    """The Python that the functions run on, as the build finds it; None where it is not here."""
    found: str | None = runpy.run_path(str(ROOT / "deploy/build.py"))["target_executable"]()
    return found


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _await_port(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    host, _, port = address.partition(":")
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"the emulator did not start:\n{log.read_text()[-2000:]}")


# API Gateway


def api_event(
    version: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A request as API Gateway hands it to a function: 2.0 is an HTTP API, 1.0 a REST API with a stage v1."""
    headers = dict(headers or {})
    packed = {"body": base64.b64encode(body).decode() if body else None, "isBase64Encoded": bool(body)}
    if version == "2.0":
        return {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {name.lower(): value for name, value in headers.items()},
            "requestContext": {
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "",
                }
            },
            **packed,
        }
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"path": f"/v1{path}", "stage": "v1", "identity": {"sourceIp": "127.0.0.1"}},
        **packed,
    }


def gateway(function: Function, versions: Sequence[str] = ("2.0", "1.0")) -> Flask:
    """An app whose requests go to the function, in turn as the one and the other kind of API sends them."""
    app, turn = Flask("tests.gateway"), iter(range(10**9))

    @app.route("/<path:path>", methods=["GET", "POST"])
    def call(path: str) -> Response:
        version = versions[next(turn) % len(versions)]
        event = api_event(version, request.method, f"/{path}", request.get_data(), {**dict(request.headers)})
        try:
            found = function.invoke(event)
        except FunctionError:
            return Response('{"message":"Internal Server Error"}', status=502)
        body = base64.b64decode(found["body"]) if found.get("isBase64Encoded") else found["body"]
        return Response(body, status=found["statusCode"])

    return app


# SQS


class EventSource(threading.Thread):
    """An event source mapping with ReportBatchItemFailures: what is not reported is taken off the queue, and
    what a function that failed was given stays hidden until the queue shows it again."""

    def __init__(self, sqs: Any, url: str, arn: str, function: Function, batch: int) -> None:
        super().__init__(daemon=True)
        self._sqs, self._url, self._arn, self._function, self._batch = sqs, url, arn, function, batch
        self.stopped = threading.Event()
        self.errors: list[str] = []

    def run(self) -> None:
        while not self.stopped.is_set():
            if not self.poll():
                self.stopped.wait(0.1)

    def poll(self) -> int:
        """One batch; returns how many there were."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._batch,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return 0
        try:
            found = self._function.invoke(
                {"Records": [record_of(message, self._arn) for message in messages]}
            )
        except FunctionError as error:
            self.errors.append(str(error))
            return len(messages)
        failed = {failure["itemIdentifier"] for failure in found["batchItemFailures"]}
        assert failed <= {message["MessageId"] for message in messages}
        for message in messages:
            if message["MessageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)


def record_of(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"stringValue": attribute["StringValue"], "dataType": attribute["DataType"]}
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }


# Who asked AWS for what


class Watch:
    """Stands before moto and counts which function asked for what: (room, action, resource)."""

    def __init__(self, endpoint: str) -> None:
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.app = Flask("tests.watch")
        methods = ["GET", "POST", "PUT", "DELETE", "HEAD"]

        @self.app.route("/", defaults={"path": ""}, methods=methods)
        @self.app.route("/<path:path>", methods=methods)
        def forward(path: str) -> Response:
            body = request.get_data()
            self._note(body)
            headers = {name: value for name, value in request.headers.items() if name != "Host"}
            answer = requests.request(
                request.method, f"{endpoint}{request.full_path}", data=body, headers=headers, timeout=ANSWER
            )
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name.lower() == "content-type" or name.lower().startswith("x-amz")
            }
            return Response(answer.content, status=answer.status_code, headers=kept)

    def _note(self, body: bytes) -> None:
        found = re.search(r"Credential=([\w-]+)/\d+/[\w-]+/(\w+)/", request.headers.get("Authorization", ""))
        assert found, "a call without a signature"
        room, service = found.groups()
        target = request.headers.get("X-Amz-Target", "")
        asked: dict[str, str] = json.loads(body) if target else {}
        action = target.rpartition(".")[2] or request.form.get("Action", "")
        if service == "s3":
            action = {"GET": "GetObject"}[request.method]
        url = asked.get("QueueUrl", "").rpartition("/")[2].partition("-")[2]
        self.calls[room, f"{service}:{action}", "".join(map(str.title, url.split("-")))] += 1


def allowed(room: str) -> set[tuple[str, str]]:
    """(action, resource) of a function's role in the template, as far as it does not depend on a condition
    that this stack does not meet; the resource only for queues."""
    (policy,) = properties(f"{room.title()}Role")["Policies"]
    found = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        if isinstance(statement, list):  # !If: a stack with secrets, and without a VPC or a key
            condition, statement = statement[0], statement[1]
            if condition in ("InVpc", "HasKey"):
                continue
        actions, resources = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            for resource in resources if isinstance(resources, list) else [resources]:
                queue_name = str(resource).removesuffix(".Arn") if action.startswith("sqs:") else ""
                found.add((action, queue_name))
    return found


# What the stack owns


class Resources:
    """The queues, the table, the bucket and the secrets of one stack, in moto."""

    def __init__(self, endpoint: str, **queue_settings: int) -> None:
        """`queue_settings`: visibility and max_receive_count, where not the template's."""
        self.endpoint, self.name = endpoint, f"hb{uuid.uuid4().hex[:8]}"
        self.environ = {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint, "HUNTBRIDGE_TABLE": self.name}
        self.arns: dict[str, str] = {}
        definition = table_definition()
        del definition["TimeToLiveSpecification"]  # no word of create_table
        self.client("dynamodb").create_table(TableName=self.name, **definition)
        for name in QUEUES:
            self._make_queue(name, queue_settings)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def url(self, queue_name: str) -> str:
        return self.environ[f"HUNTBRIDGE_{queue_name.upper()}"]

    def configure(self, config: Mapping[str, Any]) -> None:
        s3 = self.client("s3")
        if "HUNTBRIDGE_CONFIG" not in self.environ:
            s3.create_bucket(Bucket=self.name)
        s3.put_object(Bucket=self.name, Key="huntbridge.yaml", Body=yaml.safe_dump(dict(config)).encode())
        self.environ["HUNTBRIDGE_CONFIG"] = f"s3://{self.name}/huntbridge.yaml"

    def secret(self, name: str, **values: str) -> str:
        """The reference without a key."""
        self.client("secretsmanager").create_secret(
            Name=f"{self.name}/{name}", SecretString=json.dumps(values)
        )
        return f"aws-secretsmanager:{self.name}/{name}"

    def depth(self, queue_name: str, *, dead: bool = False) -> int:
        url = self.environ[f"HUNTBRIDGE_{queue_name.upper()}" + "_DLQ" * dead]
        found = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return sum(int(value) for name, value in found.items() if name.startswith("ApproximateNumberOf"))

    def _make_queue(self, name: str, settings: Mapping[str, int]) -> None:
        sqs, wanted = self.client("sqs"), properties(name.title())
        limit = settings.get("max_receive_count", wanted["RedrivePolicy"]["maxReceiveCount"])
        dead_url = sqs.create_queue(QueueName=f"{self.name}-{name}-dead")["QueueUrl"]
        dead_arn = f"arn:aws:sqs:{REGION}:123456789012:{self.name}-{name}-dead"
        url = sqs.create_queue(
            QueueName=f"{self.name}-{name}",
            Attributes={
                "VisibilityTimeout": str(settings.get("visibility", wanted["VisibilityTimeout"])),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": limit}),
            },
        )["QueueUrl"]
        self.environ[f"HUNTBRIDGE_{name.upper()}"] = url
        self.environ[f"HUNTBRIDGE_{name.upper()}_DLQ"] = dead_url
        self.arns[name] = f"arn:aws:sqs:{REGION}:123456789012:{self.name}-{name}"


class Stack:
    """The functions and what calls them, while a `with` block lasts."""

    def __init__(
        self, resources: Resources, folder: Path, *, timeout: int = 0, batch: int = 0, captures: int = 2
    ) -> None:
        """`timeout` and `batch`, where not the template's."""
        self.resources, self._folder = resources, folder
        self._timeout, self._batch, self._captures = timeout, batch, captures
        self._open = ExitStack()
        self.sources: dict[str, EventSource] = {}

    def __enter__(self) -> Stack:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self) -> None:
        environ = self.resources.environ

        def function(room: str, environments: int) -> Function:
            own = {**environ, "AWS_ACCESS_KEY_ID": room}
            return Function(
                self._open, room, own, self._folder, environments=environments, timeout=self._timeout
            )

        self.edge = function("edge", 2)
        self.receiver = function("receiver", 3)
        if self._captures:
            self.scheduler = function("scheduler", self._captures)
        self.url = self._open.enter_context(serving(gateway(self.edge)))
        for name in QUEUES:
            if name == "captures" and not self._captures:
                continue
            room = self.scheduler if name == "captures" else self.receiver
            sources = properties("SchedulerFunction" if name == "captures" else "ReceiverFunction")["Events"]
            batch = self._batch or sources[name.title()]["Properties"]["BatchSize"]
            source = EventSource(
                self.resources.client("sqs"),
                self.resources.url(name),
                self.resources.arns[name],
                room,
                batch,
            )
            self.sources[name] = source
            source.start()
            self._open.callback(source.join, ANSWER)
            self._open.callback(source.stopped.set)

    def log(self) -> str:
        return "".join(path.read_text() for path in sorted(self._folder.glob("*.log")))


def missing() -> str:
    """What keeps the emulator from running here; empty where nothing does."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "the emulator runs on Linux x86_64"
    if EMULATOR is None or not CLIENT.is_dir():
        return "there is no emulator: `make test-lambda` brings it"
    if target_python() is None:
        return "the functions run on Python 3.13, and there is none here"
    if not all((BUILT / f"{room}Function").is_dir() for room in ("Scheduler", "Receiver", "Edge")):
        return "nothing was built: `make build ARCH=x86_64`"
    return ""
