"""How the body of a document is kept in SQLite: as compressed JSON, or as JSON text if it is short.

The bodies of one kind differ little, so each is compressed against a set of typical ones. A stored body can
only be read with the set that it was written with, so the file of typical documents never changes. A better
set needs a file and a first byte of its own.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

from shared.storage.ports import Body

_TYPICAL = Path(__file__).with_name("typical_documents.txt").read_bytes()
_FIRST = b"\x01"  # says that _TYPICAL was used
_LEVEL, _WINDOW, _MEMORY = 3, -14, 7  # more takes twice the time, and saves a tenth
_SHORT = 128  # characters

# A copy has read the typical documents already, which takes longer than to compress a body.
_compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _TYPICAL)

_encode = json.JSONEncoder(separators=(",", ":")).encode


def pack(body: Body) -> str | bytes:
    return pack_text(_encode(body))


def pack_text(text: str) -> str | bytes:
    if len(text) <= _SHORT:
        return text
    stream = _compressor.copy()
    return _FIRST + stream.compress(text.encode()) + stream.flush()


def unpack(packed: str | bytes) -> Body:
    body: Body = json.loads(unpack_text(packed))
    return body


def unpack_text(packed: str | bytes) -> str:
    if isinstance(packed, str):
        return packed
    return zlib.decompressobj(_WINDOW, _TYPICAL).decompress(packed[len(_FIRST) :]).decode()
