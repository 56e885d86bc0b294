"""The token does not stay in a body, however it is written there."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from receiver.intake.redaction import without

TOKEN = 'a+/"b\\c d&é<7>\U0001f600xyz'


def written(token: str) -> dict[str, bytes]:
    in_json = json.dumps(token)[1:-1]
    forms = {
        "as it is": token,
        "JSON": in_json,
        "JSON, not ASCII": json.dumps(token, ensure_ascii=False)[1:-1],
        "JSON in JSON": json.dumps(in_json)[1:-1],
        "JSON in JSON in JSON": json.dumps(json.dumps(in_json)[1:-1])[1:-1],
        "JSON, every character": "".join(f"\\u{ord(character):04X}" for character in "abc-DEF_123"),
        "JSON, slashes escaped": in_json.replace("/", "\\/"),
        "a URL": quote(token, safe=""),
        "a path of a URL": quote(token),
        "a form": quote_plus(token),
        "a URL, small letters": quote(token, safe="").replace("%2B", "%2b").replace("%C3", "%c3"),
        "a URL in a URL": quote(quote(token, safe="")),
        "every character of a URL": "".join(f"%{byte:02x}" for byte in b"abc-DEF_123"),
        "HTML": html.escape(token),
        "HTML, numbers": "".join(f"&#{ord(one)};" for one in token),
        "HTML, hexadecimal numbers": "".join(f"&#x{ord(one):x};" for one in token),
    }
    return {name: form.encode() for name, form in forms.items()}


@pytest.mark.parametrize("form", written(TOKEN))
def test_however_it_is_written(form):
    token = "abc-DEF_123" if "every" in form else TOKEN
    body = b'{"a": "before ' + written(token)[form] + b' after"}'
    assert without(body, ["another", token]) == b'{"a": "before <token> after"}'


@pytest.mark.parametrize("before", [b"", b"u", b"us", b"user:"])
def test_in_base64(before):
    token = "a-token-of-23-characters"
    text = base64.b64encode(before + token.encode() + b" and more").decode()
    kept = without(json.dumps({"message": text}).encode(), [token]).decode()
    assert "<token>" in kept
    # Of the token's 24 bytes, none but a part of the first and the last may be left.
    assert len(kept) - len('{"message": "<token>"}') <= 4 * (len(before) // 3 + 1) + 4 * 4


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_in_a_wide_encoding(encoding):
    body = json.dumps({"message": "see a-long-token"}).encode(encoding)
    assert without(body, ["a-long-token"]).decode(encoding) == '{"message": "see <token>"}'


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"m": "abc"}', b'{"m": "<token>"}'),
        (b'{"m": "?t=abc&u=1"}', b'{"m": "?t=<token>&u=1"}'),
        (b'{"m": "%3Dabc%26"}', b'{"m": "%3D<token>%26"}'),
        (rb'{"m": "\nabc"}', rb'{"m": "\n<token>"}'),
        (rb'{"m": "\u0061b\u0063"}', b'{"m": "<token>"}'),
        (b'{"m": "%61bc"}', b'{"m": "<token>"}'),
        (b'{"m": "abcd xabc"}', b'{"m": "abcd xabc"}'),
    ],
)
def test_a_short_one_is_a_word_of_its_own(body, kept):
    assert without(body, ["abc"]) == kept


def test_a_body_without_it_stays_as_it_is():
    body = b'{"message": "5 alarms in project id 3", "x": "' + b"\\" * 1000 + b'"}'
    assert without(body, ["a-long-token", ""]) == body
