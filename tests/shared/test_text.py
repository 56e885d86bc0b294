"""Hostile text: what is taken out, what is kept, and that no escape lets markup or a mention through."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import clean, defang, one_line, shorten

ANY = st.text(st.characters(), max_size=200) | st.text(
    "a.:/\\<>`*[]()@#{}&|h1bq \n\u0301\u200d\ud83d\U0001f1e6"
)


# --- cleaning


def test_every_character_that_cannot_be_seen_is_taken_out() -> None:
    hidden = {"Cf", "Cc", "Cs"}
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        nonchar = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
        if character not in "\n\t" and (unicodedata.category(character) in hidden or nonchar):
            assert clean(f"a{character}b") in ("ab", "a\nb"), hex(number)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\r\nb\rc\x85d\u2028e\u2029f\vg\fh", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("exe.\u202egnp.a", "exe.gnp.a"),
        ("\u2066x\u2069\u200e\u061c\ufeff", "x"),
        ("hi\U000e0068\U000e0069", "hi"),
        ("lone \ud83d \udc4d", "lone  "),
        ("e\u0301 und é", "e\u0301 und é"),
        ("日本語 العربية 😀", "日本語 العربية 😀"),
        ("", ""),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(ANY, st.integers(-1, 50))
def test_clean_keeps_its_promises(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= max(limit, 0)
    assert clean(cleaned, limit) == cleaned
    cleaned.encode("utf-8")


def test_one_line() -> None:
    assert one_line("  a\n\n\tb\u3000c \u2028 d  ") == "a b c d"


@given(ANY, st.integers(0, 50))
def test_one_line_is_one_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line == " ".join(line.split())


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abc def", 5, "abc…"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("abcdef", -3, ""),
        ("abe\u0301\u0323f", 4, "ab…"),
        ("abe\u0301\u0323f", 5, "ab…"),
        ("e\u0301\u0302\u0303\u0304", 3, "…"),
        ("a👩\u200d👩\u200d👧b", 5, "a…"),
        ("a👍🏽b", 3, "a…"),
        ("🇩🇪🇫🇷🇮🇹", 4, "🇩🇪…"),
        ("🇩🇪🇫🇷🇮🇹", 5, "🇩🇪🇫🇷…"),
        ("\u1100\u1161\u11a8" * 2, 5, "\u1100\u1161\u11a8…"),
        ("a\ud83d\udc4db", 3, "a…"),
    ],
)
def test_shorten(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


@given(ANY, st.integers(0, 60))
def test_shorten_cuts_at_the_end_only(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == text or not short or (short[-1] == "…" and text.startswith(short[:-1]))


# --- links


@pytest.mark.parametrize(
    ("text", "inert"),
    [
        ("https://evil.example/", "hxxps://evil[.]example/"),
        ("HTTP://Evil.Example:8080/a.sh?b=c.d#e", "hxxp://Evil[.]Example:8080/a.sh?b=c.d#e"),
        ("<https://evil.example|Cado>", "<hxxps://evil[.]example|Cado>"),
        ("ftp://evil.example javascript://x", "ftp[:]//evil[.]example javascript[:]//x"),
        ("www.evil.example", "www[.]evil[.]example"),
        ("...evil.example.", "...evil[.]example."),
        ("mail a@evil.co.uk", "mail a@evil[.]co[.]uk"),
        ("evil。example", "evil[.]example"),
        ("xn--bcher-kva.xn--p1ai", "xn--bcher-kva[.]xn--p1ai"),
        ("http://203.0.113.9/x", "hxxp://203[.]0[.]113[.]9/x"),
        ("//evil.example/x", "//evil[.]example/x"),
        (r"\\evil.example\share", r"\\evil[.]example\share"),
        ("run.sh", "run[.]sh"),
        ("/var/www/a.sh", "/var/www/a.sh"),
        (r"C:\Windows\a.exe", r"C:\Windows\a.exe"),
        ("platform 2.324.0, e.g. this. That", "platform 2.324.0, e.g. this. That"),
        ("T1505.003", "T1505.003"),
    ],
)
def test_defang(text: str, inert: str) -> None:
    assert defang(text) == inert


@given(ANY)
def test_defang_settles_and_leaves_no_link(text: str) -> None:
    inert = defang(text)
    assert defang(inert) == inert
    assert not re.search(r"https?://", inert, re.IGNORECASE)


@pytest.mark.parametrize(
    "part", ["a", "a.", "a:/", "http://", "-", "\\", "/", "<at", "\u0301", "🇩", " ", "{noformat", "\n"]
)
def test_all_of_it_is_quick_on_long_text(part: str) -> None:
    text = part * 20_000
    for work in (clean, one_line, defang):
        work(text)
