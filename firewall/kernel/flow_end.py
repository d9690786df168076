"""An end to what connection tracking knows of an address: its next packet, over UDP too, is judged as a first one.

Formats: ``linux/netfilter/nfnetlink_conntrack.h``; needs CAP_NET_ADMIN.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection, Iterator
from ipaddress import ip_address
from typing import Final

from firewall.kernel.nft import netlink as wire
from firewall.kernel.nft.netlink import attribute, attributes, messages_of

SUBSYSTEM: Final = 1 << 8
GET, DELETE = SUBSYSTEM | 1, SUBSYSTEM | 2
ORIGINAL, ADDRESSES, ZONE = 1, 1, 18
ENDS: Final[dict[int, tuple[int, int]]] = {socket.AF_INET: (1, 2), socket.AF_INET6: (3, 4)}
"""Kinds of the attributes that hold who began and whom with."""
UNTRACKED = (errno.EINVAL, errno.EOPNOTSUPP)
"""A kernel without connection tracking, or without a way to change it, has nothing to end."""


def end_flows(addresses: Collection[str]) -> int:
    """Forget every tracked flow of this network namespace with one of ``addresses``; says how many there were.

    An address of this machine itself is passed over: every flow is with it, and a reset that is under way to us would
    belong to none. Raises OSError where the kernel refuses.
    """
    wanted = {ip_address(address).packed for address in addresses if not _is_ours(address)}
    ended = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, wire.NETLINK_NETFILTER) as netlink:
        netlink.settimeout(wire.ANSWER_SECONDS)
        netlink.bind((0, 0))
        try:
            for family in ENDS:
                for flow in [flow for flow in _flows(netlink, family) if wanted.intersection(_ends(family, flow))]:
                    ended += _forget(netlink, family, flow)
        except OSError as error:
            if error.errno not in UNTRACKED:
                raise
    return ended


def _is_ours(address: str) -> bool:
    """Whoever writes to himself has that address too."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return False
        return ip_address(probe.getsockname()[0]) == ip_address(address)


def _flows(netlink: socket.socket, family: int) -> Iterator[dict[int, bytes]]:
    """Of each flow its attributes."""
    netlink.send(_message(GET, wire.DUMP, family))
    while True:
        for kind, _, _, _, body in messages_of(netlink.recv(1 << 20)):
            if kind == wire.MSG_DONE:
                return
            if kind == wire.MSG_ERROR:
                raise _error(body)
            yield dict(attributes(body[4:]))


def _ends(family: int, flow: dict[int, bytes]) -> list[bytes]:
    told = dict(attributes(dict(attributes(flow[ORIGINAL]))[ADDRESSES]))
    return [told[kind] for kind in ENDS[family]]


def _forget(netlink: socket.socket, family: int, flow: dict[int, bytes]) -> bool:
    named = attribute(ORIGINAL | wire.NESTED, flow[ORIGINAL])
    zone = attribute(ZONE, flow[ZONE]) if ZONE in flow else b""
    netlink.send(_message(DELETE, wire.ACK, family, named + zone))
    for kind, _, _, _, body in messages_of(netlink.recv(1 << 16)):
        if kind == wire.MSG_ERROR and (error := _error(body)).errno:
            if error.errno == errno.ENOENT:
                return False
            raise error
    return True


def _message(kind: int, flags: int, family: int, body: bytes = b"") -> bytes:
    whole = struct.pack("=BBH", family, 0, 0) + body
    return wire.HEADER.pack(wire.HEADER.size + len(whole), kind, wire.REQUEST | flags, 1, 0) + whole


def _error(body: bytes) -> OSError:
    number = -struct.unpack_from("=i", body)[0]
    return OSError(number, errno.errorcode.get(number, ""))
