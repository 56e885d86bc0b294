"""What `serve` and its web process tell each other over their pair of sockets.

Each message is one packet: a byte that says what it is, and its content. The first one to the web process has
no such byte: it is the JSON of `cli.web_process.Given`, with the listening sockets.
"""

from __future__ import annotations

import socket
import struct

# From the web process.
STORED = b"s"  # records were stored in the inbox, or a segment is complete
COUNTS = b"n"  # JSON of `shared.local.web_counts`
CONNECTION = b"c"  # a connection that is not for the web process: _SINCE, and the bytes that came in
ALIVE = b"a"  # once a second

# To the web process.
FULL = b"f"  # the reason for refusing every webhook; empty: they are accepted
STOP = b"x"
GIVEN = b"g"  # JSON of `cli.web_process.Given`, of a configuration that was loaded anew

MOST_BYTES = 256 * 1024  # of a message
_SINCE = struct.Struct(">d")


def pair() -> tuple[socket.socket, socket.socket]:
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MOST_BYTES)
    return ends


def connection(received: bytes, since: float) -> bytes:
    return CONNECTION + _SINCE.pack(since) + received


def of_connection(content: bytes) -> tuple[bytes, float]:
    """What came in on the connection, and since when. `content`: a message without its first byte."""
    return content[_SINCE.size :], _SINCE.unpack_from(content)[0]
