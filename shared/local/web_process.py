"""The web process of `serve`, as `serve` sees it: started, watched, started again if it ends, and stopped.

The web process accepts all connections of the port. It stores webhooks in the inbox, and gives every other
connection to the listener of this process. It never opens the database. It ends when this process ends, since
their pair of sockets then reaches its end. This process keeps the listening sockets open, so that connections
wait while the web process is started again.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from shared.local import web_messages
from shared.local.listen import Listener

log = logging.getLogger(__name__)

BACKLOG = 1024  # connections that wait to be accepted
SILENT = 30.0  # seconds without a message after which the web process is killed; it sends one each second
ENDS_WITHIN = 5.0  # seconds that it may take to end after its last message
AGAIN_AFTER = 1.0  # seconds between two starts, at least
_STARTS = 3  # how often `serve` tries to start it, if a signal ends it before it answers


class CannotStart(Exception):
    """The web process ended before it could answer anything. The log says why."""


class WebProcess:
    """Has the methods of a `Listener` that `Server` uses."""

    def __init__(
        self,
        module: str,
        given: bytes,
        listener: Listener,
        *,
        lock: int,
        stored: Callable[[], None],
        counted: Callable[[bytes], None],
    ) -> None:
        """`module` is run with the number of its end of the pair, and gets `given` over it. `listener`
        answers what is not for the web process. `lock`: a descriptor that the process keeps open. `stored` is
        called when records wait in the inbox, and `counted` with what the process counted."""
        self._module, self._given, self._listener, self._lock = module, given, listener, lock
        self._stored, self._counted = stored, counted
        self._full = ""
        self._telling = threading.Lock()
        self._untold = False  # whether the process does not know `_given` yet
        self._closing, self._over = threading.Event(), threading.Event()
        self._pair: socket.socket
        self._process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Returns when the process answers. Raises CannotStart."""
        for each in self._listener.sockets:
            each.listen(BACKLOG)
        for _ in range(_STARTS):
            self._begin()
            if self._receive():
                return
            if self._end() >= 0:  # it ended by itself; otherwise something killed it
                break
        raise CannotStart

    def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Deal with what the process sends, and start it again when it ends, until `close`."""
        while True:
            began = time.monotonic()
            while self._receive():
                beat()
                self._tell_given()
            code = self._end()
            if self._closing.is_set():
                break
            log.error("the web process ended and is started again", extra={"code": code})
            self._stored()  # what it stored before
            self._closing.wait(max(0.0, began + AGAIN_AFTER - time.monotonic()))
            if self._closing.is_set():
                break
            self._begin()
        self._over.set()

    def close(self) -> None:
        """Have the process accept no new connections, answer what came in, and end."""
        self._closing.set()
        self._send(web_messages.STOP)

    def rest(self) -> bool:
        """After `close`: whether the process has ended."""
        return self._over.is_set()

    def refuse(self, reason: str) -> None:
        """Have every webhook refused with this reason; none is if it is empty."""
        if reason != self._full and self._send(web_messages.FULL + reason.encode()):
            self._full = reason

    def renew(self, given: bytes) -> None:
        """Have the process go by `given` from now on. If it reads nothing at the moment, it is told later."""
        with self._telling:
            self._given, self._untold = given, True
        self._tell_given()

    def _tell_given(self) -> None:
        with self._telling:
            if self._untold and self._send(web_messages.GIVEN + self._given):
                self._untold = False

    def _begin(self) -> None:
        self._pair, theirs = web_messages.pair()
        self._pair.settimeout(SILENT)
        with theirs:
            # -P and the path: that process imports what this one would.
            self._process = subprocess.Popen(  # noqa: S603 (the arguments are our own)
                [sys.executable, "-P", "-m", self._module, str(theirs.fileno())],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self._lock),
            )
        with suppress(OSError):  # it has ended already, which the next `_receive` notices
            socket.send_fds(self._pair, [self._given], [each.fileno() for each in self._listener.sockets])
            self._pair.send(web_messages.FULL + self._full.encode())
        if self._closing.is_set():
            self._send(web_messages.STOP)

    def _end(self) -> int:
        """Returns the exit code."""
        self._pair.close()
        try:
            return self._process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _send(self, message: bytes) -> bool:
        try:
            self._pair.send(message, socket.MSG_DONTWAIT)
        except OSError:  # it has ended, or reads nothing at the moment
            return False
        return True

    def _receive(self) -> bool:
        """Deal with one message. False if the process has ended or is silent."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._pair, web_messages.MOST_BYTES, 1)
        except TimeoutError:
            log.error("the web process gives no sign of life and is killed", extra={"seconds": SILENT})
            self._process.kill()
            return False
        except OSError:
            return False
        connections = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            self._handle(message[:1], message[1:], connections)
        except Exception:
            log.exception("a message of the web process could not be handled")
        return bool(message)

    def _handle(self, kind: bytes, content: bytes, connections: list[socket.socket]) -> None:
        if kind == web_messages.STORED:
            self._stored()
        elif kind == web_messages.COUNTS:
            self._counted(content)
        elif kind == web_messages.CONNECTION:
            for connection in connections:
                self._listener.adopt(connection, *web_messages.of_connection(content))
