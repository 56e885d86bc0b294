"""Decodes a body into dicts, lists and scalars: from JSON, from the repr of a Python value, or from a form.

Strings in it that hold such a structure themselves, such as `$Event` of a detection, are decoded too. The
values of `token` keys are taken out. Decoding takes time linear in the size of the body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from receiver.events.parse.fields import Nested, key_name

_MAX_DEPTH = 32  # levels of brackets; a deeper structure is read as text
_MAX_NESTED = 3  # JSON in a string, in a string, in a string


def decode(body: bytes) -> str:
    """Detects the encoding by byte order mark, or by where the zero bytes are (RFC 4627 §3). Bytes that do
    not decode are replaced."""
    return body.decode(json.detect_encoding(body), errors="replace").removeprefix("\ufeff")


def structure_of(text: str) -> tuple[Any, list[str]]:
    """The structure without its tokens, and the tokens. The structure is None if the text has none."""
    if text.startswith(("{", "[", '"')):
        tree = _load(text)
    elif re.fullmatch(r"[\w.$%+-]+=\S*", text):
        tree = dict(parse_qsl(text, keep_blank_values=True))
        # Senders that post forms put their JSON into a field of this name.
        tree = _load(tree.get("payload", "")) or tree
    else:
        tree = None
    tokens: list[str] = []
    return None if tree is None else _unwrap(tree, tokens, _MAX_NESTED), tokens


def _unwrap(tree: Any, tokens: list[str], levels: int) -> Any:
    """A copy in which each string that holds a structure is `Nested`, up to so many levels. The values of
    `token` keys move to `tokens`."""
    if isinstance(tree, dict):
        kept = {}
        for key, value in tree.items():
            if key_name(key) == "token":
                tokens.extend(_strings(value))
            else:
                kept[key] = _unwrap(value, tokens, levels)
        return kept
    if isinstance(tree, list):
        return [_unwrap(value, tokens, levels) for value in tree]
    if isinstance(tree, str) and levels and tree.lstrip()[:1] in ("{", "[", '"', "'"):
        nested = _unwrap(_load(tree.strip()), tokens, levels - 1)
        if isinstance(nested, dict | list):
            return Nested(nested)
        if isinstance(nested, Nested | str):
            return nested
    return tree


def _strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _strings(value)
    elif isinstance(tree, str):
        yield tree


def _load(text: str) -> Any:
    """Reads JSON, or else the repr of a Python value. None if it is neither, or too deep."""
    if _too_deep(text):
        return None
    for as_json in (str, _python_to_json):
        try:
            return json.loads(
                as_json(text), strict=False, parse_int=_whole, parse_float=str, parse_constant=str
            )
        except ValueError:
            continue
    return None


def _whole(digits: str) -> int | str:
    """Long runs of digits stay text, because converting them takes time quadratic in their length."""
    return int(digits) if len(digits) <= 19 else digits


# The tokens that JSON and Python's repr have in common or write differently. A string without an end reaches
# to the end of the text. The possessive quantifiers never backtrack, which keeps the scan linear.
_PIECE = re.compile(
    r"""'(?P<single>(?:[^'\\]++|\\.?)*+)'?|"(?P<double>(?:[^"\\]++|\\.?)*+)"?|(?P<open>[\[{(])|(?P<close>[\])}])"""
    r"""|\b(?P<word>True|False|None)\b""",
    re.DOTALL,
)
_AS_JSON = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]"}


def _too_deep(text: str) -> bool:
    depth = 0
    for piece in _PIECE.finditer(text):
        if piece["open"]:
            depth += 1
            if depth > _MAX_DEPTH:
                return True
        elif piece["close"]:
            depth -= 1
    return False


def _python_to_json(text: str) -> str:
    # Not ast.literal_eval, which warns about odd escapes and has no limits of depth and memory.
    return _PIECE.sub(_piece_as_json, text)


def _piece_as_json(piece: re.Match[str]) -> str:
    quoted = piece["single"] if piece["single"] is not None else piece["double"]
    if quoted is not None:
        return json.dumps(unescape(quoted))
    return _AS_JSON.get(piece[0], piece[0])


_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def unescape(text: str) -> str:
    """Replaces the escapes of JSON and Python with the characters that they stand for."""

    def character(escape: re.Match[str]) -> str:
        code = escape[1] or escape[2] or escape[3]
        if code is None:
            return _ESCAPED.get(escape[4], escape[4])
        number = int(code, 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd"

    return _ESCAPE.sub(character, text)
