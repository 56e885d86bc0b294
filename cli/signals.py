"""The signals of `serve`. SIGTERM and SIGINT stop it. SIGHUP has it load its configuration again, unless
SIGHUP is ignored, as under nohup.

The interpreter writes each signal to a socket at once, whichever thread receives it. The main thread reads
the socket, so it misses no signal.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

RELOAD = signal.SIGHUP.name


class Signals:
    def __init__(self, told: socket.socket) -> None:
        self._told = told

    def wait(self) -> str:
        """Wait for the next signal and return its name."""
        return signal.Signals(self._told.recv(1)[0]).name

    def again(self) -> bool:
        """Whether another signal to stop has come."""
        try:
            while self._told.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == bytes([signal.SIGHUP]):
                self._told.recv(1)
        except BlockingIOError:
            return False
        return True


@contextmanager
def handled_signals() -> Iterator[Signals]:
    """Handle the signals while the block lasts. Must be called in the main thread."""
    told, tell = socket.socketpair()
    tell.setblocking(False)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    try:
        for number, handler in before.items():
            if number != signal.SIGHUP or handler is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)
        yield Signals(told)
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        told.close()
        tell.close()
