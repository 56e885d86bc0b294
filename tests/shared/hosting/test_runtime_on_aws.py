"""The AWS side put together: what it needs to know, and what it makes and when."""

from __future__ import annotations

import pytest

from shared.aws.clients import Clients
from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.hosting import runtime
from shared.queues.ports import QueueError
from shared.storage.ports import StoreError

CONFIG = Config.model_validate({"platform": {"url": "https://cado.example", "api_key": "env:API_KEY"}})
QUEUES = {
    f"HUNTBRIDGE_{name}": f"https://sqs.example/1/{name}"
    for queue in ("CAPTURES", "EVENTS", "DELIVERIES")
    for name in (queue, f"{queue}_DLQ")
}
ENVIRON = {"AWS_REGION": "eu-west-1", "HUNTBRIDGE_TABLE": "ledger", **QUEUES}


def test_what_is_not_set_is_named_in_one_error():
    environ = {**ENVIRON, "HUNTBRIDGE_EVENTS_DLQ": ""}
    del environ["HUNTBRIDGE_TABLE"]
    with pytest.raises(ConfigError) as caught:
        runtime.aws(CONFIG, environ)
    assert str(caught.value) == (
        "not set: HUNTBRIDGE_TABLE, HUNTBRIDGE_EVENTS_DLQ; "
        "template.yaml sets what names the table and the queues"
    )


def test_a_client_is_made_when_it_is_used_and_all_queues_share_one(endpoint, monkeypatch):
    made = []
    make = Clients._make

    def noting(self, service, region):
        made.append((service, region))
        return make(self, service, region)

    monkeypatch.setattr(Clients, "_make", noting)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    side = runtime.aws(CONFIG, ENVIRON)
    assert made == []
    queues = (side.captures, side.events, side.deliveries)
    assert [queue.name for queue in queues] == ["captures", "events", "deliveries"]
    for queue in queues:
        with pytest.raises(QueueError, match="is not there in SQS"):
            queue.put(b"a")
    assert made == [("sqs", "eu-west-1")]
    with pytest.raises(StoreError, match=r"^there is no DynamoDB table ledger in eu-west-1$"):
        side.ledger.hunts.unfinished()
    assert made == [("sqs", "eu-west-1"), ("dynamodb", "eu-west-1")]
