"""Whose a gap is: a call's RTP as it arrives at a server and as it leaves it, by the clock of that server's kernel."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from tests.bench.recording import Packet, Recording

_IP, _ALL = 0x0800, 0x0003
_ARRIVES, _LEAVES = 0, 4
"""PACKET_HOST and PACKET_OUTGOING (packet(7))."""
_LENGTH = 20 + 8 + 12 + 160
"""20 ms of G.711 in an IPv4 packet without options."""


class Passed(NamedTuple):
    """Seconds, but for the count."""

    packets: int
    longest_before: float
    """The longest time between two that arrived."""
    longest_after: float
    """Between two that left."""
    longest_held: float
    """The longest time that one packet was in the server."""


def passing(
    make: Callable[[Callable[[], socket.socket]], socket.socket], phone: str, heard_at: int
) -> Recording[Passed]:
    """Of what comes from ``phone`` that which is passed on to its port ``heard_at``; ``make`` has a socket made in the
    server's network."""
    return Recording(make(_opened), partial(_judge, phone=socket.inet_aton(phone), heard_at=heard_at))


def _opened() -> socket.socket:
    return socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))


def _judge(packets: Iterator[Packet], phone: bytes, heard_at: int) -> Passed:
    came: dict[int, float] = {}
    went: dict[int, float] = {}
    for at, data, (_, protocol, way, *_) in packets:
        if protocol != _IP or len(data) != _LENGTH or data[9] != socket.IPPROTO_UDP:
            continue
        port, number = struct.unpack_from("!2xH6xH", data, 20)
        if way == _LEAVES and data[16:20] == phone and port == heard_at:
            went[number] = at
        elif way == _ARRIVES and data[12:16] == phone:
            came[number] = at
    both = [number for number in went if number in came]
    return Passed(
        packets=len(both),
        longest_before=_longest([came[number] for number in both]),
        longest_after=_longest([went[number] for number in both]),
        longest_held=max((went[number] - came[number] for number in both), default=0),
    )


def _longest(times: Sequence[float]) -> float:
    return max((b - a for a, b in itertools.pairwise(times)), default=0)
