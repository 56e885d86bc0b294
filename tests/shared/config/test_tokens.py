"""What is said about a token or another secret before it is used."""

from __future__ import annotations

import pytest

from shared.config.tokens import odd, refusal, warning


@pytest.mark.parametrize("token", ["zzzz", "1234567", '"12345"'])
def test_a_short_token_is_refused(token):
    refused = refusal(token)
    assert refused is not None
    assert "fewer than 8 characters" in refused
    assert token not in refused


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("12345678", "fewer than 16 characters"),
        ("123456789012345", "fewer than 16 characters"),
        ('"1234567890123456"', "is in quotation marks"),
        ("'1234567890123456'", "is in quotation marks"),
        ("1234567890 1234567890", "holds a space"),
        ("1234567890\u00a01234567890", "holds a space"),
        ("1234567890\u200b1234567890", "holds a character that cannot be seen"),
        ("\ufeff12345678901234567890", "holds a character that cannot be seen"),
    ],
)
def test_an_odd_token_is_warned_of_and_not_refused(token, said):
    assert refusal(token) is None
    warned = warning(token)
    assert warned is not None
    assert said in warned
    assert token not in warned


@pytest.mark.parametrize("token", ["1234567890123456", "a\"b'c-1234567890123456", "\"1234567890123456'"])
def test_a_good_token_is_good(token):
    assert refusal(token) is warning(token) is odd(token) is None
