"""Records the RTP of many calls at one port, with the kernel's time of arrival, in a process of its own."""

from __future__ import annotations

import itertools
import multiprocessing
import socket
import struct
from collections import defaultdict
from multiprocessing.connection import Connection
from typing import NamedTuple, Protocol, Self

GAP = 0.040
FRAME = 0.020
_RECEIVE_BUFFER_FORCED, _TIMESTAMP_NS = 33, 35
"""SO_RCVBUFFORCE and SO_TIMESTAMPNS of ``asm-generic/socket.h``, which Python has no names for; a message of the second
type is a timespec."""


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


class Hearing:
    """``with Hearing(…) as hearing``: whatever comes meanwhile is recorded; ``told`` afterwards."""

    def __init__(self, one: Network, ip: str, port: int) -> None:
        self._socket = one.socket(ip, port)
        self._socket.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCED, 1 << 26)
        self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMP_NS, 1)
        self._socket.setblocking(True)
        self._socket.settimeout(0.5)
        self._here, self._there = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_record, args=(self._socket, self._there), daemon=True)
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


def _record(listening: socket.socket, pipe: Connection) -> None:
    streams: dict[bytes, list[float]] = defaultdict(list)
    while True:
        try:
            data, more, _, _ = listening.recvmsg(400, 64)
        except TimeoutError:
            if pipe.poll():
                break
            continue
        seconds, nanoseconds = struct.unpack("ll", more[0][2])
        streams[data[8:12]].append(seconds + nanoseconds / 1e9)
    gaps = sorted(b - a for times in streams.values() for a, b in itertools.pairwise(times))
    lengths = [len(times) * FRAME for times in streams.values()]
    pipe.send(
        Told(
            streams=len(streams),
            packets=sum(map(len, streams.values())),
            shortest=min(lengths, default=0),
            longest=max(lengths, default=0),
            gaps=sum(gap > GAP for gap in gaps),
            longest_gap=gaps[-1] if gaps else 0,
            usual_gap=gaps[int(len(gaps) * 0.999)] if gaps else 0,
        )
    )
