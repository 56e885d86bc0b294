"""One thing for each of many: a failure stops only its own."""

from __future__ import annotations

import pytest

from shared.failures import SomeFailed, attempt_each, describe
from shared.http.deadlines import DeadlineExceeded
from shared.storage.ports import StoreError


def test_all_are_attempted_and_the_first_failure_is_raised(caplog):
    attempted = []

    def act(number):
        attempted.append(number)
        if number % 2:
            raise StoreError(f"the store is down at {number}")

    with pytest.raises(SomeFailed, match=r"^hunt 1: the store is down at 1 \(2 of 4 failed\)$"):
        attempt_each(range(4), act, lambda number: f"hunt {number}")
    assert attempted == [0, 1, 2, 3]
    assert 'one of several failed what="hunt 3" reason="the store is down at 3"' in caplog.text


def test_a_single_failure_needs_no_count():
    with pytest.raises(SomeFailed, match=r"^a: the store is down$"):
        attempt_each("a", lambda _: (_ for _ in ()).throw(StoreError("the store is down")), str)


def test_nothing_more_is_attempted_when_the_time_is_over():
    attempted = []

    def act(name):
        attempted.append(name)
        raise DeadlineExceeded

    with pytest.raises(DeadlineExceeded):
        attempt_each("ab", act, str)
    assert attempted == ["a"]


def test_an_unforeseen_error_is_named_by_its_type_and_logged_whole(caplog):
    assert describe(StoreError("the store is down")) == "the store is down"
    assert caplog.text == ""
    assert describe(ZeroDivisionError("secret")) == "unexpected ZeroDivisionError"
    assert "ZeroDivisionError: secret" in caplog.text
