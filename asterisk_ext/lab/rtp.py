"""RTP as a recorder needs it (RFC 3550, section 5.1). Pure."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from asterisk_ext.lab import g711

_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class Packet:
    payload_type: int
    sequence: int
    timestamp: int
    source: int
    payload: bytes


def parse(data: bytes) -> Packet | None:
    """None for what is no RTP packet."""
    if len(data) < _HEADER.size:
        return None
    first, second, sequence, timestamp, source = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        return None
    start = _HEADER.size + 4 * (first & 0x0F)
    return Packet(second & 0x7F, sequence, timestamp, source, data[start:])


def build(packet: Packet) -> bytes:
    header = _HEADER.pack(
        0x80, packet.payload_type, packet.sequence & 0xFFFF, packet.timestamp & 0xFFFFFFFF, packet.source
    )
    return header + packet.payload


def assemble(packets: Iterable[tuple[float, Packet]]) -> array[int]:
    """The samples as a listener would have heard them, silence where nothing came.

    Each packet comes with the second of its arrival. Within one source the timestamps place it after the one before;
    a new source, a jump, or a second of nothing begins where it arrived, never on what was heard already.
    """
    heard: array[int] = array("h")
    began: float | None = None
    ends: dict[int, tuple[int, int]] = {}
    for arrived, packet in packets:
        if packet.payload_type not in (g711.ALAW, g711.ULAW):
            continue
        began = arrived if began is None else began
        now = round((arrived - began) * g711.RATE)
        samples = g711.decode(packet.payload_type, packet.payload)
        expected, end = ends.get(packet.source, (packet.timestamp, now))
        step = (packet.timestamp - expected + 0x80000000) % 0x100000000 - 0x80000000
        at = end + step if abs(step) <= g711.RATE else max(now, end)
        at = now if now - at > g711.RATE else max(at, 0)
        if at + len(samples) >= end:
            ends[packet.source] = (packet.timestamp + len(samples), at + len(samples))
        heard.extend([0] * (at + len(samples) - len(heard)))
        heard[at : at + len(samples)] = samples
    return heard
