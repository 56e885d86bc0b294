"""Files of indicators: what is taken, what is refused with its line, and the text that the platform gets."""

from __future__ import annotations

import pytest

from shared.models.indicators import (
    MAX_INDICATORS,
    IndicatorType,
    feed_of,
    indicators_text,
    read_indicators,
    too_many,
)

SHA256 = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"


def read(*lines):
    return read_indicators("\n".join(lines), "feed", "iocs/feed.txt")


@pytest.mark.parametrize(
    ("line", "type", "value"),
    [
        (SHA256, IndicatorType.SHA256, SHA256.lower()),
        ("203.0.113.7", IndicatorType.ADDRESS, "203.0.113.7"),
        ("2001:DB8:0:0::1", IndicatorType.ADDRESS, "2001:db8::1"),
        ("Evil.Example", IndicatorType.DOMAIN, "evil.example"),
        ("xn--e1aybc.xn--p1ai", IndicatorType.DOMAIN, "xn--e1aybc.xn--p1ai"),
        ("/tmp/.x/kswapd0", IndicatorType.KEYWORD, "/tmp/.x/kswapd0"),
        ("PsExeSvc", IndicatorType.KEYWORD, "PsExeSvc"),
        ("gate.php?id=", IndicatorType.KEYWORD, "gate.php?id="),
    ],
)
def test_a_line_that_is_taken(line, type, value):
    (found,), refused = read(f"  {line} ; C2 of case 7  ")
    assert not refused
    assert (found.type, found.value, found.description, found.feed) == (type, value, "C2 of case 7", "feed")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("d41d8cd98f00b204e9800998ecf8427e", "is an MD5"),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", "is a SHA-1"),
        ("10.0.0.0/8", "is a network"),
        ("https://evil.example/x", "is a URL"),
        ("evil[.]example", "is defanged"),
        ("hxxp://evil.example", "is defanged"),
        ("*.evil.example", "has a wildcard"),
        ("abc", "is shorter than 4 characters"),
        (";only a description", "there is no value"),
        ("evil.example;one;two", "has a second `;`"),
        ("evil\u202eexample", "cannot be seen"),
        ("a" * 501, "is longer than 500 characters"),
        (f"evil.example;{'a' * 201}", "the description is longer"),
    ],
)
def test_a_line_that_is_refused(line, said):
    found, (refusal,) = read("# comment", "", line)
    assert not found
    assert str(refusal).startswith("iocs/feed.txt:3: ")
    assert said in refusal.why


def test_a_value_is_taken_once():
    found, _ = read("evil.example;first", "EVIL.example;second")
    assert [each.description for each in found] == ["first"]


def test_the_text_names_the_feed_of_each():
    found, _ = read("evil.example;C2", "203.0.113.7")
    assert indicators_text(found, "hb") == "evil.example;hb:feed:C2\n203.0.113.7;hb:feed\n"


def test_limits():
    assert too_many(MAX_INDICATORS, "") == ""
    assert "are too many" in too_many(MAX_INDICATORS + 1, "")
    assert "larger than" in too_many(1, "x" * 1_000_001)


@pytest.mark.parametrize(
    ("stem", "feed"), [("abuse-ch", "abuse_ch"), ("Case 7", "case_7"), ("_x_", "x"), ("名", "")]
)
def test_the_name_of_a_feed(stem, feed):
    assert feed_of(stem) == feed
