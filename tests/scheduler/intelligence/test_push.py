"""Pushing rules to the simulated platform: what people keep there stays, and two huntbridges lose nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from demo.platform.simulation import Platform
from demo.serving import serving
from scheduler.intelligence.push import NotPushed, Push
from shared.http.client import Http
from shared.models.marked_section import read
from shared.platform.errors import NotFound, Unauthorized
from shared.platform.intelligence import Intelligence
from shared.platform.transport import Transport
from shared.secrets import Secret

HAND = 'rule by_hand { strings: $a = "kept" condition: $a }\n'
ONE = 'rule hb_feed_a { strings: $a = "aaaa" condition: $a }'
TWO = 'rule hb_feed_b { strings: $b = "bbbb" condition: $b }'


class Platforms:
    """Simulated platforms, and clients of them."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def make(self, **options) -> tuple[Platform, Callable[..., Intelligence]]:
        platform = Platform((), {"lead": "Lead Analyst", "analyst": "Analyst"}, **options)
        url = self._stack.enter_context(serving(platform.app))

        def client(key: str = "lead") -> Intelligence:
            return Intelligence(Transport(url, Secret(key), Http(), sleep=lambda _: None))

        return platform, client


@pytest.fixture
def platforms() -> Iterator[Platforms]:
    with ExitStack() as stack:
        yield Platforms(stack)


def pushing(texts, name="huntbridge", kept=None, sleep=lambda _: None) -> Push:
    return Push(texts, name, (kept if kept is not None else []).append, sleep, rng=lambda: 0.0)


def test_push_change_and_remove_keep_what_people_wrote(platforms):
    platform, client = platforms.make()
    rules = platform.world.rules
    kept: list[str] = []
    rules.yara, rules.ioc = HAND, "evil.example;by hand\n"
    push = pushing(client(), kept=kept)
    assert push.put(ONE).written
    assert read(rules.yara, "huntbridge").body == ONE
    assert push.put(TWO).written
    assert (read(rules.yara, "huntbridge").body, read(rules.yara, "huntbridge").outside) == (TWO, HAND)
    assert push.put(None).written
    assert (rules.yara, rules.ioc) == (HAND, "evil.example;by hand\n")
    assert kept[0] == HAND
    assert len(kept) == 3


def test_what_is_there_already_is_read_once_and_not_written(platforms):
    platform, client = platforms.make()
    pushing(client()).put(ONE)
    before = len(platform.requests)
    assert not pushing(client()).put(ONE).written
    assert [request.method for request in platform.requests[before:]] == ["GET"]


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
def test_two_huntbridges_that_push_at_once_lose_nothing(platforms, names):
    """Both have read the text before either writes: the second write replaces the first."""
    platform, client = platforms.make()
    platform.world.rules.yara = HAND
    together = threading.Barrier(2)

    class InStep(Intelligence):
        waits = True

        def write_yara(self, text: str) -> None:
            if self.waits:
                self.waits = False
                together.wait(10)
            super().write_yara(text)

    def put(name: str, body: str) -> bool:
        settles = threading.Event()  # a second look that comes after the other's write
        texts = InStep(client()._transport)
        return pushing(texts, name, sleep=lambda seconds: settles.wait(min(seconds, 0.3))).put(body).written

    bodies = {"one": ONE, "two": TWO}
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(lambda name: put(name, bodies[name]), names))
    text = platform.world.rules.yara
    assert (read(text, "one").body, read(text, "two").body) == (ONE, TWO)
    assert text.startswith(HAND)


class Meddled(Intelligence):
    """Somebody does something right before or after a request of huntbridge."""

    def __init__(self, texts: Intelligence, before_read=None, after_write=None) -> None:
        super().__init__(texts._transport)
        self.before_read, self.after_write, self.reads = before_read or {}, after_write, 0

    def yara(self) -> str:
        self.reads += 1
        self.before_read.get(self.reads, lambda: None)()
        return super().yara()

    def write_yara(self, text: str) -> None:
        super().write_yara(text)
        if self.after_write:
            self.after_write()


def test_a_hand_edit_between_reading_and_writing_is_kept(platforms):
    platform, client = platforms.make()
    rules = platform.world.rules

    def edit() -> None:
        rules.yara += HAND

    pushing(Meddled(client(), {2: edit})).put(ONE)
    assert read(rules.yara, "huntbridge").outside == HAND
    assert read(rules.yara, "huntbridge").body == ONE


def test_a_hand_edit_after_the_write_is_kept_and_said(platforms):
    platform, client = platforms.make()
    rules = platform.world.rules

    def edit() -> None:
        rules.yara += HAND

    (note,) = pushing(Meddled(client(), after_write=edit)).put(ONE).notes
    assert "theirs is kept" in note
    assert read(rules.yara, "huntbridge").outside == HAND


def test_an_edit_inside_the_section_is_replaced_and_said(platforms):
    platform, client = platforms.make()
    pushing(client()).put(ONE)
    rules = platform.world.rules
    kept: list[str] = []
    rules.yara = edited = rules.yara.replace("aaaa", "by hand")
    (note,) = pushing(client(), kept=kept).put(ONE).notes
    assert "changed rules inside the section" in note
    assert kept == [edited]
    assert "aaaa" in rules.yara


def test_another_huntbridge_of_the_same_name_is_named(platforms):
    platform, client = platforms.make()

    def other() -> None:
        pushing(client()).put(TWO)

    with pytest.raises(NotPushed, match="another huntbridge writes into the section huntbridge too"):
        pushing(Meddled(client(), after_write=other)).put(ONE)
    assert read(platform.world.rules.yara, "huntbridge").body == TWO


def test_a_section_that_is_lost_every_time(platforms):
    platform, client = platforms.make()

    def lose() -> None:
        platform.world.rules.yara = HAND

    with pytest.raises(NotPushed, match="after 5 attempts the section huntbridge is not"):
        pushing(Meddled(client(), after_write=lose)).put(ONE)
    assert platform.world.rules.yara == HAND


def test_a_platform_that_adds_instead_of_replacing_is_named(platforms):
    platform, client = platforms.make()
    platform.world.rules.yara, platform.world.rules.merges = HAND, True
    with pytest.raises(NotPushed, match="instead of replacing"):
        pushing(client()).put(ONE)


def test_a_platform_that_empties_the_indicators(platforms):
    platform, client = platforms.make()
    rules = platform.world.rules
    rules.ioc = "evil.example;by hand\n"

    def empty() -> None:
        rules.ioc = ""

    (note,) = pushing(Meddled(client(), after_write=empty)).put(ONE).notes
    assert "written back" in note
    assert rules.ioc == "evil.example;by hand\n"


def test_a_name_that_stands_in_the_text_of_others_is_refused(platforms):
    platform, client = platforms.make()
    platform.world.rules.yara = ONE
    with pytest.raises(NotPushed, match="rule hb_feed_a also stands in the platform's own text"):
        pushing(client()).put(ONE)
    assert platform.world.rules.yara == ONE


def test_damaged_marks_are_left_alone(platforms):
    platform, client = platforms.make()
    platform.world.rules.yara = damaged = "/* huntbridge:begin huntbridge sha256=1 */\n" + HAND
    with pytest.raises(NotPushed, match="marks of the section huntbridge"):
        pushing(client()).put(ONE)
    assert platform.world.rules.yara == damaged


@pytest.mark.parametrize("fault", ["reset", "after:502"])
def test_a_write_whose_answer_is_lost_is_looked_at_and_not_repeated(platforms, fault):
    platform, client = platforms.make()
    platform.fault("PATCH", "/intelligence", fault)
    assert pushing(client()).put(ONE).written
    assert [request.method for request in platform.requests].count("PATCH") == 1


def test_an_analyst_may_not(platforms):
    _, client = platforms.make()
    with pytest.raises(Unauthorized, match="may not do this"):
        pushing(client("analyst")).put(ONE)


def test_a_platform_that_is_too_old(platforms):
    _, client = platforms.make(version="2.233.0")
    with pytest.raises(NotFound, match=r"since 2\.234"):
        pushing(client()).put(ONE)
