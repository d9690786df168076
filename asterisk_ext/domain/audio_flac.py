"""FLAC (RFC 9639): what a stream says of itself, and whether its last byte is that of a frame. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LAST = 128 * 1024
"""Bytes at the end within which the last frame begins."""
TRIES = 300
"""Beginnings of a frame that are tried, so that a hostile file cannot cost more than a second or two."""


@dataclass(frozen=True, slots=True)
class Stream:
    seconds: float | None
    ends_with_a_frame: bool


def look(data: bytes) -> Stream | None:
    """None for a stream that ends within its own description."""
    place, last, seconds = 4, False, None
    while not last:
        if place + 4 > len(data):
            return None
        last, kind = bool(data[place] & 0x80), data[place] & 0x7F
        length = int.from_bytes(data[place + 1 : place + 4], "big")
        if kind == 0 and length >= 34:
            seconds = _seconds(data[place + 4 : place + 38])
        place += 4 + length
    if place >= len(data):
        return None
    return Stream(seconds, _ends_with_a_frame(data[max(place, len(data) - LAST) :]))


def _seconds(info: bytes) -> float | None:
    packed = int.from_bytes(info[10:18], "big")
    rate, samples = packed >> 44, packed & 0xFFFFFFFFF
    return samples / rate if rate and samples else None


def _ends_with_a_frame(tail: bytes) -> bool:
    """A frame ends with its own check sum, so that the check sum over all of it is zero (section 9.3)."""
    place, tries = len(tail), 0
    while tries < TRIES and (place := tail.rfind(b"\xff", 0, place)) >= 0:
        if tail[place + 1 : place + 2] in (b"\xf8", b"\xf9"):
            tries += 1
            if _check_sum(tail, place) == 0:
                return True
    return False


def _check_sum(data: bytes, start: int) -> int:
    """CRC-16 with the polynomial 0x8005."""
    value = 0
    for byte in memoryview(data)[start:]:
        value = (value << 8 & 0xFFFF) ^ _TABLE[value >> 8 ^ byte]
    return value


def _entry(value: int) -> int:
    value <<= 8
    for _ in range(8):
        value = value << 1 ^ (0x8005 if value & 0x8000 else 0)
    return value & 0xFFFF


_TABLE = tuple(_entry(value) for value in range(256))
