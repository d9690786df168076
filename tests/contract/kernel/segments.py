"""A TCP connection whose sender chooses each segment himself: which piece comes when, and what is told twice."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from tests.contract.kernel.node import Node

TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
RECEIVED, SENT = 1, 2
ON, OFF = 1, -1


class Segments:
    """What ``caller`` would send next is sent by hand; the connection itself stays the kernel's."""

    def __init__(self, node: Node, caller: socket.socket) -> None:
        self._raw = node.outside.forger()
        self._ours, self._theirs = caller.getsockname(), caller.getpeername()
        caller.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, ON)
        self._next, self._acknowledged = (self._number(caller, queue) for queue in (SENT, RECEIVED))
        caller.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, OFF)

    def send(self, place: int, data: bytes) -> None:
        """``data`` as the connection's bytes from ``place``."""
        # Half a second, which the workers that collect this test and do not run it need not wait.
        from scapy.layers.inet import IP, TCP
        from scapy.packet import Raw

        head = IP(src=self._ours[0], dst=self._theirs[0]) / TCP(
            sport=self._ours[1],
            dport=self._theirs[1],
            seq=(self._next + place) % (1 << 32),
            ack=self._acknowledged,
            flags="PA",
            window=8192,
        )
        self._raw.sendto(bytes(head / Raw(data)), (self._theirs[0], 0))

    def close(self) -> None:
        self._raw.close()

    @staticmethod
    def _number(caller: socket.socket, queue: int) -> int:
        caller.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        return caller.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xFFFFFFFF


@contextlib.contextmanager
def segments(node: Node, source: str) -> Iterator[tuple[Segments, socket.socket]]:
    """Of a connection to SIP's port, and the node's end of it."""
    with node.stream(source) as (caller, accepted):
        made = Segments(node, caller)
        try:
            yield made, accepted
        finally:
            made.close()
