"""The gaps in the RTP of many calls that is heard at one port."""

from __future__ import annotations

import itertools
import socket
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from tests.bench.recording import Packet, Recording

GAP = 0.040
FRAME = 0.020


class Told(NamedTuple):
    """Seconds, but for the counts."""

    streams: int
    packets: int
    shortest: float
    longest: float
    gaps: int
    longest_gap: float
    usual_gap: float
    """p99.9."""


class Network(Protocol):
    """Where the calls are."""

    def socket(self, ip: str, port: int) -> socket.socket: ...


def hearing(one: Network, ip: str, port: int) -> Recording[Told]:
    return Recording(one.socket(ip, port), _judge)


def _judge(packets: Iterator[Packet]) -> Told:
    streams: dict[bytes, list[float]] = defaultdict(list)
    for at, data, _ in packets:
        streams[data[8:12]].append(at)
    gaps = sorted(b - a for times in streams.values() for a, b in itertools.pairwise(times))
    lengths = [len(times) * FRAME for times in streams.values()]
    return Told(
        streams=len(streams),
        packets=sum(map(len, streams.values())),
        shortest=min(lengths, default=0),
        longest=max(lengths, default=0),
        gaps=sum(gap > GAP for gap in gaps),
        longest_gap=gaps[-1] if gaps else 0,
        usual_gap=gaps[int(len(gaps) * 0.999)] if gaps else 0,
    )
