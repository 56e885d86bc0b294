"""How a document of the store is kept in an item of DynamoDB: its key, and its body as packed text."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

from shared.aws.dynamodb_table import Condition, Item, has_version, key
from shared.storage import indexes
from shared.storage.ports import Body, IndexEntry, Record, TooLarge

# DynamoDB's limit of an item, names and values together ("Quotas in Amazon DynamoDB": 400 KB).
_MAX_ITEM = 400 * 1024
_ROOM_FOR_THE_REST = 256  # bytes, for the names of the attributes and for all values but key and body
_PACK_ABOVE = 4 * 1024  # bytes; DynamoDB charges a write for each KB, a read for each 4 KB
# A document that is too large for one item is split into parts. Each part is an item, and the document's own
# item says how many there are.
_PART, _PART_SIZE, _MAX_PARTS = "part", 350 * 1024, 100
_GZIP = b"\x1f\x8b"  # the first bytes of gzip, with which no JSON text begins


@dataclass(frozen=True)
class Known:
    """A document that was read before it is written."""

    record: Record
    expires: int | None
    write: str  # what identifies the write that left it so; empty if an early version wrote it

    def entries(self, kind: str) -> set[IndexEntry]:
        return set(indexes.entries(kind, self.record.group, self.record.name, self.record.body))

    @property
    def unchanged(self) -> Condition:
        """Versions begin again when a document is deleted and made anew, and writes do not."""
        if self.write:
            return Condition("#write = :expect", {":expect": {"S": self.write}})
        return has_version(self.record.version)


def document_key(kind: str, group: str, name: str) -> Item:
    return key(f"{kind}#{group}", name)


def packed(body: Body) -> bytes:
    text = json.dumps(body, separators=(",", ":")).encode()
    return gzip.compress(text, mtime=0) if len(text) > _PACK_ABOVE else text


def unpacked(packed: bytes) -> Body:
    body: Body = json.loads(gzip.decompress(packed) if packed.startswith(_GZIP) else packed)
    return body


def value_of(packed: bytes) -> Item:
    return {"B": packed} if packed.startswith(_GZIP) else {"S": packed.decode()}


def in_parts(kind: str, group: str, name: str, packed: bytes) -> list[bytes]:
    """The parts of a body that is too large for one item; none if it is not. Raises TooLarge."""
    if len(f"{kind}#{group}{name}".encode()) + len(packed) + _ROOM_FOR_THE_REST <= _MAX_ITEM:
        return []
    parts = [packed[at : at + _PART_SIZE] for at in range(0, len(packed), _PART_SIZE)]
    if len(parts) > _MAX_PARTS:
        most = _MAX_PARTS * _PART_SIZE // 1024
        raise TooLarge(
            f"the {kind} {name} takes {len(packed) // 1024:,} KB, and at most {most:,} KB are kept"
        )
    return parts


def part_count(item: Item) -> int:
    return int(item["parts"]["N"]) if "parts" in item else 0


def part_key(write: str, number: int) -> Item:
    return document_key(_PART, write, f"{number:03}")


def expiry(item: Item) -> int | None:
    """The epoch second at which the item expires; None: never."""
    return int(item["expires"]["N"]) if "expires" in item else None


# The `after` of `Store.every` is the key of the last item that was read.


def after_key(item_key: Item) -> str:
    return json.dumps([item_key["pk"]["S"], item_key["sk"]["S"]])


def key_after(after: str) -> Item:
    pk, sk = json.loads(after)
    return key(pk, sk)
