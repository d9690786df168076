"""Takes the copies of SIP messages that Asterisk sends (``res_hep``), for what its log cannot tell."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

from asterisk_ext.config import Guard, secret
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.security_event import SecurityEvent
from firewall.log import hep
from firewall.log.unlogged import unlogged

UNAVAILABLE = Problem(
    "guard.capture_unavailable",
    500,
    "Asterisk's copies of SIP messages cannot be taken at port {port}: {reason}. The log alone is read.",
    "Correct `capture_port` and `capture_secret_file`, then start the guard again.",
)
LARGEST = 65_535
A_TURN, A_TURN_BYTES = 64, 200_000
"""Datagrams and what they hold, some 50 ms at worst; then the log gets its turn."""
BUFFER_BYTES = 4 << 20
"""Some thousand messages: they come while the guard reads a piece of the log."""

Take = Callable[[Sequence[tuple[SecurityEvent, bytes]]], None]
log = logging.getLogger(__name__)


class Capture:
    """A socket on loopback, driven by the event loop. Refuses ``guard.capture_unavailable``.

    Any user of this machine can write to it, so what does not hold the secret is passed over.
    """

    def __init__(self, settings: Guard, take: Take) -> None:
        self._take = take
        try:
            self._secret = secret(settings.capture_secret_file).encode()
            if not self._secret:
                raise UNAVAILABLE.refuse(port=settings.capture_port, reason="its secret is empty")
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._socket.bind(("127.0.0.1", settings.capture_port))
        except OSError as error:
            raise UNAVAILABLE.refuse(port=settings.capture_port, reason=error.strerror) from error
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        found, left = [], A_TURN_BYTES
        for _ in range(A_TURN):
            try:
                packet = self._socket.recv(LARGEST)
            except BlockingIOError:
                break
            captured = hep.read(packet, self._secret)
            attempt = unlogged(captured) if captured else None
            if attempt is not None:
                found.append(attempt)
            left -= len(packet)
            if left <= 0:
                break
        if found:
            self._take(found)
