"""A cheap look at the legacy tables: whether anything in them is other than it was.

Formats: ``linux/netfilter_ipv4/ip_tables.h`` and ``linux/netfilter_ipv6/ip6_tables.h``.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import socket
import struct
from typing import NamedTuple

GET_INFO, GET_ENTRIES = 64, 65
NAME_BYTES = 32
INFO_BYTES = 84
TABLE_SIZE = struct.Struct("=I")
TABLE_SIZE_AT = 80
ENTRIES_AT = 40
COUNTERS_BYTES = 16

_libc = ctypes.CDLL(None, use_errno=True)


class _Family(NamedTuple):
    domain: int
    level: int
    next_at: int
    counters_at: int


FAMILIES = (
    _Family(socket.AF_INET, socket.IPPROTO_IP, next_at=90, counters_at=96),
    _Family(socket.AF_INET6, socket.IPPROTO_IPV6, next_at=142, counters_at=152),
)


def glance(tables: tuple[str, ...] = ("raw", "filter")) -> bytes:
    """A digest of these tables of both families, packet counts left out. Needs CAP_NET_ADMIN; raises OSError."""
    digest = hashlib.blake2b()
    for family in FAMILIES:
        with socket.socket(family.domain, socket.SOCK_DGRAM) as asked:
            for table in tables:
                digest.update(_without_counts(_entries(asked.fileno(), family, table), family))
    return digest.digest()


def table_bytes(family: _Family, table: str) -> bytes:
    """The entries of one table as the kernel has them, the names of its chains among them; raises OSError."""
    with socket.socket(family.domain, socket.SOCK_DGRAM) as asked:
        return _entries(asked.fileno(), family, table)


def _entries(fd: int, family: _Family, table: str) -> bytes:
    name = table.encode().ljust(NAME_BYTES, b"\0")
    info = _ask(fd, family.level, GET_INFO, name.ljust(INFO_BYTES, b"\0"))
    (size,) = TABLE_SIZE.unpack_from(info, TABLE_SIZE_AT)
    # Between the two questions the table may change; then the kernel says EAGAIN, and the next look asks again.
    request = (name + TABLE_SIZE.pack(size)).ljust(ENTRIES_AT + size, b"\0")
    return _ask(fd, family.level, GET_ENTRIES, request)[ENTRIES_AT:]


def _ask(fd: int, level: int, option: int, request: bytes) -> bytes:
    buffer = ctypes.create_string_buffer(request, len(request))
    length = ctypes.c_uint32(len(request))
    if _libc.getsockopt(fd, level, option, buffer, ctypes.byref(length)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return buffer.raw


def _without_counts(entries: bytes, family: _Family) -> bytes:
    plain, place = bytearray(entries), 0
    while place < len(plain):
        start = place + family.counters_at
        plain[start : start + COUNTERS_BYTES] = bytes(COUNTERS_BYTES)
        (step,) = struct.unpack_from("=H", plain, place + family.next_at)
        place += max(step, family.counters_at)
    return bytes(plain)
