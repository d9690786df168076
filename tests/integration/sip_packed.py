"""Attackers who pack as many requests into a stream as it holds."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.integration.guard_ground import Ground, pause
from tests.integration.sip_raw import SIP_PORT

BURST = 300
PATIENCE = 90.0
TRY_SECONDS = 4.0
"""A connection from before a failure is of no more use: what it sends is too long from then on."""


@contextmanager
def connected(ground: Ground, node: str, own: str, port: int = SIP_PORT) -> Iterator[socket.socket]:
    def make() -> socket.socket:
        made = socket.socket()
        made.bind((own, 0))
        made.settimeout(30)
        return made

    with ground.inside("attacker1", make) as opened:
        opened.connect((ground.ip(node), port))
        yield opened


def answer(stream: socket.socket) -> bytes:
    told = b""
    while b"\r\n\r\n" not in told:
        part = stream.recv(65_536)
        assert part, "the node has hung up"
        told += part
    return told


def insist(ground: Ground, node: str, own: str, text: Callable[[], bytes]) -> None:
    """Fill one connection after the other until the address is banned."""
    deadline = time.monotonic() + PATIENCE
    while own not in ground.bans(node):
        assert time.monotonic() < deadline
        with suppress(TimeoutError), connected(ground, node, own) as sender:
            data = b"".join(text() for _ in range(BURST))
            sender.setblocking(False)
            assert sender.send(data) > len(data) // 2, "how much of it leaves is the other side's matter"
            end = time.monotonic() + TRY_SECONDS
            while own not in ground.bans(node) and time.monotonic() < end:
                pause(0.1)
    ground.settled(node)
