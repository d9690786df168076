"""An end to TCP connections with an address, at once: both sides get a reset, whatever they run over them.

Formats: ``linux/sock_diag.h`` and ``linux/inet_diag.h``; needs CAP_NET_ADMIN and a kernel with
CONFIG_INET_DIAG_DESTROY, as distributions have it.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

NETLINK_SOCK_DIAG: Final = 4
BY_FAMILY, DESTROY = 20, 21
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
MSG_ERROR, MSG_DONE = 2, 3
LISTENING, CLOSED = 1 << 10, 1 << 7
STATES = 0xFFF & ~(LISTENING | CLOSED)
HEADER = struct.Struct("=IHHII")
ASKED = struct.Struct("=BBBxI")
"""Family, protocol, extensions, states; the socket's identity follows."""
ENDS = struct.Struct("!HH16s16s")
"""Ports and addresses, ours first; interface and cookie follow."""
IDENTITY = 48
ANSWER_SECONDS = 5.0
GONE_MEANWHILE = (errno.ENOENT, errno.ESTALE)


def end_connections(addresses: Collection[str]) -> int:
    """End every TCP connection of this network namespace with one of ``addresses``; says how many there were.

    Connections of a machine with itself stay. Raises OSError where the kernel does not do it.
    """
    wanted = {_plain(ip_address(address)) for address in addresses}
    ended = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(ANSWER_SECONDS)
        netlink.bind((0, 0))
        for family in (socket.AF_INET, socket.AF_INET6):
            for identity in list(_open(netlink, family)):
                ours, theirs = _addresses(family, identity)
                if theirs in wanted and ours != theirs:
                    ended += _destroy(netlink, family, identity)
    return ended


def _open(netlink: socket.socket, family: int) -> Iterator[bytes]:
    """The identities of all connections."""
    netlink.send(_request(BY_FAMILY, DUMP, family, STATES, bytes(IDENTITY)))
    while True:
        for kind, body in _messages(netlink.recv(1 << 20)):
            if kind == MSG_DONE:
                return
            if kind == MSG_ERROR:
                raise _error(body)
            yield body[4 : 4 + IDENTITY]


def _destroy(netlink: socket.socket, family: int, identity: bytes) -> bool:
    netlink.send(_request(DESTROY, ACK, family, STATES, identity))
    for kind, body in _messages(netlink.recv(1 << 16)):
        if kind == MSG_ERROR and (error := _error(body)).errno:
            if error.errno in GONE_MEANWHILE:
                return False
            raise error
    return True


def _request(kind: int, flags: int, family: int, states: int, identity: bytes) -> bytes:
    body = ASKED.pack(family, socket.IPPROTO_TCP, 0, states) + identity
    return HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, 1, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, place)
        yield kind, data[place + HEADER.size : place + length]
        place += (length + 3) & ~3


def _error(body: bytes) -> OSError:
    number = -struct.unpack_from("=i", body)[0]
    return OSError(number, os.strerror(number))


def _addresses(family: int, identity: bytes) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    _, _, ours, theirs = ENDS.unpack_from(identity)
    if family == socket.AF_INET:
        return IPv4Address(ours[:4]), IPv4Address(theirs[:4])
    return _plain(IPv6Address(ours)), _plain(IPv6Address(theirs))


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
