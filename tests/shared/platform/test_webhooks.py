"""The client's webhooks against the simulated platform: what is made, and what a lost answer leads to."""

from __future__ import annotations

from json import dumps

import pytest

from shared.http.answers import Answer
from shared.http.client import Http
from shared.platform.answers import Webhook
from shared.platform.client import Cado
from shared.platform.errors import CadoError, NotFound, Refused, Unavailable
from shared.platform.transport import Transport
from shared.platform.v2 import CadoV2
from shared.secrets import Secret
from tests.served import ServedPlatform, served_platform

URL = "https://hunt.example/webhooks/cado"
EVENT, TOKEN = "processing_with_alarms", "the-token-of-the-webhook"
PAYLOAD = {"token": Secret(TOKEN), "title": "$Title", "message": "$Event"}


@pytest.fixture
def platform():
    with served_platform((), {"key": "Platform Administrator"}) as platform:
        yield platform


@pytest.fixture
def cado(platform):
    http = Http()
    yield Cado(Transport(platform.url, Secret("key"), http, sleep=lambda _: None, admin=True))
    http.close()


def posts(platform: ServedPlatform) -> int:
    return sum(request.method == "POST" for request in platform.requests)


def test_made_changed_and_deleted(cado, platform):
    made = cado.webhooks.create("one", EVENT, URL, PAYLOAD)
    sent = {"token": TOKEN, "title": "$Title", "message": "$Event"}
    assert made == Webhook(1, "one", EVENT, URL, sent, "custom", enabled=True)
    cado.webhooks.update(made.id, enabled=False, payload={**PAYLOAD, "token": Secret("another")})
    (webhook,) = cado.webhooks.list()
    assert (webhook.enabled, webhook.payload, webhook.times_sent) == (False, {**sent, "token": "another"}, 0)
    for _ in range(2):
        cado.webhooks.delete(made.id)
    assert cado.webhooks.list() == ()
    with pytest.raises(NotFound, match="does not know webhook 1"):
        cado.webhooks.update(made.id, enabled=True)
    with pytest.raises(NotFound, match="does not know webhook 1"):
        cado.webhooks.test(made.id)


def test_all_pages_are_read(cado, platform):
    for number in range(1, 124):
        platform.webhooks.add(f"w{number}", EVENT, {"text": "$Title $Event"}, "custom", URL)
    assert [webhook.id for webhook in cado.webhooks.list()] == list(range(1, 124))


@pytest.mark.parametrize("action", ["reset", "after:500", "after:502"])
def test_a_webhook_whose_answer_got_lost_is_not_made_twice(cado, platform, action):
    platform.fault("POST", "/webhooks$", action)
    assert cado.webhooks.create("one", EVENT, URL, PAYLOAD).id == 1
    assert (len(platform.webhooks.by_id), posts(platform)) == (1, 1)


def test_one_that_was_not_made_is_asked_for_again(cado, platform):
    platform.fault("POST", "/webhooks$", 500, times=2)
    assert cado.webhooks.create("one", EVENT, URL, PAYLOAD).id == 1
    assert (len(platform.webhooks.by_id), posts(platform)) == (1, 3)


def test_in_doubt_nothing_is_sent_before_a_look(cado, platform):
    platform.fault("POST", "/webhooks$", "reset")
    platform.fault("GET", "/webhooks", 500, times=None)
    with pytest.raises(Unavailable):
        cado.webhooks.create("one", EVENT, URL, PAYLOAD)
    assert posts(platform) == 1


@pytest.mark.parametrize("action", ["reset", 500])
def test_changes_and_deletions_may_be_repeated(cado, platform, action):
    made = cado.webhooks.create("one", EVENT, URL, PAYLOAD)
    platform.fault("PATCH", "/webhooks/1$", action)
    cado.webhooks.update(made.id, enabled=False)
    assert not platform.webhooks.by_id[1].enabled
    platform.fault("DELETE", "/webhooks/1$", action)
    cado.webhooks.delete(made.id)
    assert platform.webhooks.by_id == {}


def test_a_test_is_asked_for_once(cado, platform):
    made = cado.webhooks.create("one", EVENT, URL, PAYLOAD)
    platform.fault("POST", "/webhooks/test$", "reset")
    before = posts(platform)
    with pytest.raises(Unavailable) as caught:
        cado.webhooks.test(made.id)
    assert (caught.value.ambiguous, posts(platform) - before) == (True, 1)


class Echo(Http):
    """A platform that repeats in its refusal what it was sent."""

    def request(self, method, url, *, headers=None, json=None, **_):
        return Answer(400, {}, dumps({"message": f"{headers} sent {json}"}).encode())


def test_no_secret_is_in_a_refusal():
    cado = Cado(Transport("https://cado.example", Secret("the-key"), Echo(), admin=True))
    for ask in (
        lambda: cado.webhooks.create("", "", "", {"token": Secret(TOKEN)}),
        lambda: cado.webhooks.update(1, payload={"token": Secret(TOKEN)}),
    ):
        with pytest.raises(Refused) as caught:
            ask()
        assert str(caught.value).count("<secret>") == 2
        assert TOKEN not in str(caught.value)
        assert "the-key" not in str(caught.value)


def test_no_secret_is_in_a_repr(cado):
    made = cado.webhooks.create("one", EVENT, f"{URL}?key=k-5ecret", PAYLOAD)
    assert TOKEN not in repr(made)
    assert "k-5ecret" not in repr(made)


@pytest.mark.parametrize(
    "ask",
    [
        lambda cado: cado.webhooks.list(),
        lambda cado: cado.webhooks.create("one", EVENT, URL, PAYLOAD),
        lambda cado: cado.webhooks.update(1, enabled=True),
        lambda cado: cado.webhooks.delete(1),
        lambda cado: cado.webhooks.test(1),
    ],
)
def test_v2_has_none(platform, ask):
    with pytest.raises(CadoError, match="API v2 has no webhooks"):
        ask(CadoV2(Transport(platform.url, Secret("key"), Http())))
    assert platform.requests == []
