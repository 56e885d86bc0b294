"""Answers: JSON or not, and the wait that they ask for."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.answers import Answer, retry_after


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 200_000, b"\xff"])
def test_what_is_not_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        Answer(200, {}, body).json()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("-5", 0.0),
        ("9223372036854775807", 86_400.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 9.0),
        ("Fri, 31 Dec 1999 23:59:59 -0000", 9.0),
        ("Fri, 31 Dec 1999 23:59:00 GMT", 0.0),
        ("Fri, 31 Dec 2099 23:59:59 GMT", 86_400.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("Fri, 99 Foo 1999 99:99:99 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    now = dt.datetime(1999, 12, 31, 23, 59, 50, tzinfo=dt.UTC).timestamp()
    assert retry_after({"rEtRy-AfTeR": value}, now) == seconds


@given(st.text())
def test_retry_after_takes_anything(value: str) -> None:
    seconds = retry_after({"Retry-After": value}, 0)
    assert seconds is None or 0 <= seconds <= 86_400


def test_retry_after_is_absent() -> None:
    assert retry_after({"X": "1"}, 0) is None
