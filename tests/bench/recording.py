"""Records what comes to a socket, with the kernel's time of arrival, in a process of its own."""

from __future__ import annotations

import multiprocessing
import socket
import struct
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, Generic, Self, TypeVar

_RECEIVE_BUFFER_FORCED, _TIMESTAMP_NS = 33, 35
"""SO_RCVBUFFORCE and SO_TIMESTAMPNS of ``asm-generic/socket.h``, which Python has no names for; a message of the second
type is a timespec."""
Told = TypeVar("Told")


class Recording(Generic[Told]):
    """``with Recording(…) as recording``: whatever comes meanwhile is recorded; ``told`` afterwards."""

    def __init__(self, listening: socket.socket, judge: Callable[[Iterator[Packet]], Told]) -> None:
        """``judge`` is given what came, until the block's end; it runs in the other process."""
        # So that nothing is lost while that one waits for a processor.
        listening.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCED, 1 << 26)
        listening.setsockopt(socket.SOL_SOCKET, _TIMESTAMP_NS, 1)
        listening.setblocking(True)
        listening.settimeout(0.5)
        self._socket = listening
        self._here, there = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=lambda: there.send(judge(_packets(listening, there))), daemon=True)
        self._told: Told | None = None

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._here.send(None)
        self._told = self._here.recv()
        self._process.join()
        self._socket.close()

    def told(self) -> Told:
        assert self._told is not None
        return self._told


Packet = tuple[float, bytes, Any]
"""When it came, what it holds, and what the socket says of where it came from."""


def _packets(listening: socket.socket, pipe: Connection) -> Iterator[Packet]:
    while True:
        try:
            data, more, _, sender = listening.recvmsg(400, 64)
        except TimeoutError:
            data = b""
        if data:
            seconds, nanoseconds = struct.unpack("ll", more[0][2])
            yield seconds + nanoseconds / 1e9, data, sender
        elif pipe.poll():
            return
