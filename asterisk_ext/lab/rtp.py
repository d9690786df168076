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

    Each packet comes with the second of its arrival; within one source the timestamps place it, and a new source, or
    a jump, begins where it arrived.
    """
    heard: array[int] = array("h")
    began: float | None = None
    anchors: dict[int, tuple[int, int]] = {}
    for arrived, packet in packets:
        if packet.payload_type not in (g711.ALAW, g711.ULAW):
            continue
        began = arrived if began is None else began
        now = round((arrived - began) * g711.RATE)
        timestamp, place = anchors.setdefault(packet.source, (packet.timestamp, now))
        at = place + (packet.timestamp - timestamp)
        if abs(at - now) > g711.RATE:
            anchors[packet.source] = (packet.timestamp, now)
            at = now
        samples = g711.decode(packet.payload_type, packet.payload)
        missing = at + len(samples) - len(heard)
        if missing > 0:
            heard.extend([0] * missing)
        if at >= 0:
            heard[at : at + len(samples)] = samples
    return heard
