"""Answers that are no answers of AWS, such as a proxy's page: each ends in a sentence, and counts as nothing
that was stored or as a document that is not there."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from shared.aws.clients import Clients
from shared.aws.dynamodb import DynamoStore
from shared.aws.ec2 import Ec2
from shared.aws.errors import AwsError
from shared.aws.files import FileError, read_config
from shared.aws.fleet import AwsFleet
from shared.aws.inspection import AwsInspection
from shared.aws.sqs import SqsQueue
from shared.aws.stack import outputs
from shared.models.inventory import InstanceError
from shared.queues.ports import QueueError
from shared.secrets import Secrets
from shared.storage.ports import StoreError
from tests.shared.http.test_client import Server, serving

EXPECTED = (AwsError, FileError, InstanceError, QueueError, StoreError)
WRONG_TIME = (
    "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><launchTime>%s</launchTime>"
    "</item></instancesSet></item></reservationSet></R>"
)

Ask = Callable[[str], object]


def clients(url: str) -> Clients:
    return Clients({"AWS_REGION": "eu-west-1"}, endpoint_url=url, retries=0)


def queue(url: str) -> SqsQueue:
    return SqsQueue(clients(url), "events", f"{url}/1/q", f"{url}/1/dead")


def ec2(url: str) -> Ec2:
    return Ec2(lambda _: None, Secrets({}), endpoint_url=url, retries=0)


def fleet(url: str) -> AwsFleet:
    return AwsFleet(lambda _: None, Secrets({}), endpoint_url=url, retries=0)


def inspection(url: str) -> AwsInspection:
    return AwsInspection(lambda _: None, Secrets({}), endpoint_url=url, retries=0)


KEY, ROLE = "arn:aws:kms:eu-west-1:111122223333:key/1", "arn:aws:iam::111122223333:role/r"
INSPECTED: dict[str, Ask] = {
    "volumes": lambda url: inspection(url).volumes("", "eu-west-1", ["i-1"]),
    "snapshots": lambda url: inspection(url).newest_snapshots("", "eu-west-1", ["vol-1"]),
    "pending snapshots": lambda url: inspection(url).pending_snapshots("", "eu-west-1"),
    "agents": lambda url: inspection(url).agents("", "eu-west-1"),
    "types": lambda url: inspection(url).local_gib("", "eu-west-1", ["m5.large"]),
    "regions": lambda url: inspection(url).opt_in(""),
    "a key": lambda url: inspection(url).key_state("", "eu-west-1", KEY),
    "a key's policy": lambda url: inspection(url).key_policy("", "eu-west-1", KEY),
    "a key's grants": lambda url: inspection(url).key_grants("", "eu-west-1", KEY, ROLE),
    "rights": lambda url: inspection(url).simulate("", ROLE, ["kms:Decrypt"], [KEY], ()),
}
ASKED: dict[str, Ask] = {
    **INSPECTED,
    "an instance": lambda url: ec2(url).describe("i-0123456789abcdef0", "eu-west-1"),
    "instances": lambda url: fleet(url).instances("", "eu-west-1"),
    "accounts": lambda url: fleet(url).members("ou-ab12-34cd56ef"),
    "an item to put": lambda url: queue(url).put(b"x"),
    "items": lambda url: queue(url).claim(lease=30),
    "a document": lambda url: DynamoStore(clients(url), "t").get("a", "b", "c"),
    "a document to put": lambda url: DynamoStore(clients(url), "t").put("a", "b", "c", {}),
    "a stack": lambda url: outputs(clients(url), "huntbridge"),
    "a parameter": lambda url: read_config("ssm:/huntbridge", clients(url), limit=100),
}
PAGE = "<html>Sign in to go on</html>"


def answer(status: int, content_type: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def said(ask: Ask, reply: bytes) -> str:
    def once(peer: socket.socket) -> None:  # and the connection closes
        Server.read(peer)
        peer.sendall(reply)

    with serving(once) as server, pytest.raises(EXPECTED) as caught:
        ask(f"http://127.0.0.1:{server.port}")
    return str(caught.value)


@pytest.mark.parametrize("asked", ASKED)
def test_a_proxys_page_with_200_is_no_answer_of_aws(asked):
    assert "is not AWS as huntbridge knows it" in said(ASKED[asked], answer(200, "text/html", PAGE))


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("body", ["<R>", '"x"'])
def test_a_refusal_in_no_known_form_ends_in_a_sentence(asked, body):
    assert said(ASKED[asked], answer(400, "application/json", body))


@pytest.mark.parametrize("time", ["yesterday", "9999-12-31T23:59:59-05:00"])
@pytest.mark.parametrize("asked", ["an instance", "instances"])
def test_a_time_that_cannot_be_read_ends_in_a_sentence(asked, time):
    assert said(ASKED[asked], answer(200, "text/xml", WRONG_TIME % time))


def test_an_item_without_a_receipt_of_sqs_is_not_stored():
    reply = answer(200, "application/x-amz-json-1.0", "{}")
    assert "SQS did not say that it has the item" in said(ASKED["an item to put"], reply)


@pytest.mark.parametrize("asked", ["agents", "a key", "a key's policy", "a key's grants"])
def test_an_answer_without_what_was_asked_for_is_named_by_what_is_missing(asked):
    reply = answer(200, "application/x-amz-json-1.1", "{}")
    assert "answered in a form that this version of huntbridge does not know" in said(ASKED[asked], reply)
