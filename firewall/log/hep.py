"""Packets of HEP version 3, in which Asterisk's ``res_hep`` hands over copies of SIP messages (pure).

The peer's address is a field of its own, in binary and written by Asterisk, so nothing in a message can change it.
Layout: the HEP3 specification of the Homer project; chunk numbers as in ``res/res_hep.c`` of Asterisk 20 to 22.
"""

from __future__ import annotations

import hmac
import socket
import struct
from typing import NamedTuple

MAGIC = b"HEP3"
_CHUNK = struct.Struct(">HHH")
_SOURCE4, _SOURCE6, _SOURCE_PORT, _PROTOCOL = 3, 5, 7, 2
_SECONDS, _MICROSECONDS, _KIND, _SECRET, _PAYLOAD = 9, 10, 11, 14, 15
SIP = 1
_ADDRESS_SIZES = {socket.AF_INET: 4, socket.AF_INET6: 16}


class Captured(NamedTuple):
    """A SIP message and who sent it; ``time`` in seconds since 1970, ``protocol`` as in the IP header."""

    time: float
    protocol: int
    address: str
    port: int
    message: bytes


def read(packet: bytes, secret: bytes) -> Captured | None:
    """The message in a packet; ``None`` if it is no SIP, is not whole, or does not hold the secret."""
    chunks = _chunks(packet)
    if chunks is None or not hmac.compare_digest(chunks.get(_SECRET, b""), secret):
        return None
    if _number(chunks, _KIND) != SIP or _PAYLOAD not in chunks:
        return None
    address = _address(chunks)
    if address is None:
        return None
    return Captured(
        _number(chunks, _SECONDS) + _number(chunks, _MICROSECONDS) / 1e6,
        _number(chunks, _PROTOCOL),
        address,
        _number(chunks, _SOURCE_PORT),
        chunks[_PAYLOAD],
    )


def _chunks(packet: bytes) -> dict[int, bytes] | None:
    """Chunks of the vendor 0, by their numbers."""
    if packet[:4] != MAGIC:
        return None
    found: dict[int, bytes] = {}
    place, end = 6, len(packet)
    while place + _CHUNK.size <= end:
        vendor, kind, size = _CHUNK.unpack_from(packet, place)
        if size < _CHUNK.size or place + size > end:
            return None
        if vendor == 0:
            found[kind] = packet[place + _CHUNK.size : place + size]
        place += size
    return found if place == end else None


def _number(chunks: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(chunks.get(kind, b""), "big")


def _address(chunks: dict[int, bytes]) -> str | None:
    for kind, family in ((_SOURCE4, socket.AF_INET), (_SOURCE6, socket.AF_INET6)):
        if len(chunks.get(kind, b"")) == _ADDRESS_SIZES[family]:
            return socket.inet_ntop(family, chunks[kind])
    return None
