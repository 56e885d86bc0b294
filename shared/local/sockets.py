"""The sockets that `serve` listens on, and how many connections it may hold."""

from __future__ import annotations

import errno
import resource
import socket

CONNECTIONS = 1_000
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def bound(host: str, port: int) -> list[socket.socket]:
    """A bound socket for each address of the host. Leaves out addresses that this machine does not have,
    such as `::1` without IPv6, if another one is left. Raises OSError."""
    name = None if host == "*" else host.removeprefix("[").removesuffix("]")
    try:
        addresses = socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )
    except UnicodeError:
        raise OSError(errno.EINVAL, "this is not a host name") from None
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in addresses):
            try:
                new = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                missing = error
                continue
            sockets.append(new)
            new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                new.bind((address[0], port, *address[2:]))
            except OSError as error:
                if error.errno not in _NO_SUCH_ADDRESS:
                    raise
                missing = error
                sockets.pop().close()
            else:
                port = port or new.getsockname()[1]  # the same for each address
        if not sockets:
            raise missing or OSError(errno.EADDRNOTAVAIL, "the host has no address")
    except OSError:
        for new in sockets:
            new.close()
        raise
    return sockets


def connection_limit() -> int:
    """How many connections the process may hold. Half of its file descriptors are for other things."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(CONNECTIONS, soft // 2)
