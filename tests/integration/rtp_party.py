"""The far end of a call's audio with known faults: packets late by turns, some never sent, reports that come late."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

PACKET_SECONDS = 0.02
SAMPLES = 160
SENDER_REPORT, RECEIVER_REPORT = 200, 201
OWN = 0x5EED


class RtpParty:
    """Sends A-law from ``port`` and answers each RTCP report (RFC 3550) to ``port`` + 1.

    Every second packet is ``late`` seconds late, so the jitter of RFC 3550's formula tends to ``late``; of every
    ``lose`` packets the last is not sent; a report is answered after ``answer`` seconds, which is the round trip.
    """

    def __init__(self, port: int, remote: tuple[str, int], late: float, lose: int, answer: float) -> None:
        self._port, self._remote = port, remote
        self._late, self._lose, self._answer = late, lose, answer

    async def talk(self, make: Callable[[str, int], socket.socket], ip: str, send: Callable[[bytes], None]) -> None:
        """Until cancelled; ``send`` sends from the port of the call's audio."""
        loop = asyncio.get_running_loop()
        with make(ip, self._port + 1) as reports:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._report(loop, reports))
                began = loop.time()
                for number in range(1 << 16):
                    due = began + number * PACKET_SECONDS + (self._late if number % 2 else 0.0)
                    await asyncio.sleep(due - loop.time())
                    if number % self._lose != self._lose - 1:
                        send(struct.pack(">BBHII", 0x80, 8, number, number * SAMPLES, OWN) + b"\xd5" * SAMPLES)

    async def _report(self, loop: asyncio.AbstractEventLoop, reports: socket.socket) -> None:
        while True:
            report = await loop.sock_recv(reports, 2048)
            if len(report) < 20 or report[1] != SENDER_REPORT:
                continue
            await asyncio.sleep(self._answer)
            theirs, seconds, fraction = struct.unpack(">III", report[4:16])
            last = (seconds & 0xFFFF) << 16 | fraction >> 16
            block = struct.pack(">IIIIII", theirs, 0, 0, 0, last, 0)
            head = struct.pack(">BBHI", 0x81, RECEIVER_REPORT, 7, OWN)
            await loop.sock_sendto(reports, head + block, (self._remote[0], self._remote[1] + 1))
