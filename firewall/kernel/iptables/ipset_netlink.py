"""ipsets over netlink: the few commands the iptables driver needs.

Formats: ``linux/netfilter/ipset/ip_set.h``. Time-outs are whole seconds, 24.8 days at most; a longer ban is put back
by the guard's hourly look.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from itertools import islice

from firewall.kernel.nft.netlink import (
    ACK,
    AF_NETLINK,
    ANSWER_SECONDS,
    CREATE,
    DUMP,
    HEADER,
    MSG_DONE,
    MSG_ERROR,
    NESTED,
    NETLINK_NETFILTER,
    REQUEST,
    attribute,
    attributes,
    messages_of,
)

SUBSYSTEM = 6
CMD_CREATE, CMD_DESTROY, CMD_FLUSH, CMD_SWAP, CMD_LIST, CMD_ADD, CMD_DELETE = 2, 3, 4, 6, 7, 9, 10
PROTOCOL_VERSION = 6
PROTOCOL, SET_NAME, TYPE_OR_SET2, REVISION, FAMILY, FLAGS, DATA, ADT, LINE = 1, 2, 3, 4, 5, 6, 7, 8, 9
HEADER_ONLY, ELEMENTS = 4, 24
IP, CIDR, TIMEOUT, HASH_SIZE, MAX_ELEMENTS, NETMASK = 1, 3, 6, 18, 19, 20
ADDRESS4, ADDRESS6 = 1, 2
BIG_ENDIAN = 0x4000
EXCLUSIVE = 0x200
MOST_SECONDS = 2_147_483
MOST_ELEMENTS = 1 << 20
ELEMENTS_A_MESSAGE = 1000
LEAST_BUCKETS = 1024
"""What a set begins with that is told nothing."""
IPV6_PREFIX = 64
FIRST_OWN_ERROR, NOT_THERE = 4096, 4103
"""``IPSET_ERR_PRIVATE`` and ``IPSET_ERR_EXIST``: with the exclusive flag, an element that cannot be deleted."""


class IpsetSocket:
    """Raises ``OSError`` as the kernel answers; an element that is not there is ``FileNotFoundError``."""

    def __init__(self) -> None:
        self._socket = socket.socket(AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        self._socket.settimeout(ANSWER_SECONDS)
        self._sequence = 0

    def create(self, name: str, *, ipv6: bool, size: int = MOST_ELEMENTS, expected: int = 0) -> None:
        """A set of IPv4 addresses, or of IPv6 /64 networks; one that is there already stays as it is."""
        more = laid_out_for(expected)
        self._create(name, "hash:net" if ipv6 else "hash:ip", ipv6=ipv6, size=size, more=more)

    def create_met(self, name: str, *, ipv6: bool, size: int) -> None:
        """The same for addresses that the kernel itself puts in, packet by packet."""
        mask = attribute(NETMASK, bytes([IPV6_PREFIX])) if ipv6 else b""
        self._create(name, "hash:ip", ipv6=ipv6, size=size, more=mask)

    def create_contacts(self, name: str, *, ipv6: bool, size: int) -> None:
        """Addresses with a protocol and port each, put in by the kernel itself."""
        self._create(name, "hash:ip,port", ipv6=ipv6, size=size)

    def create_networks(self, name: str, *, ipv6: bool, size: int) -> None:
        """A set of networks of any width."""
        self._create(name, "hash:net", ipv6=ipv6, size=size)

    def _create(self, name: str, kind: str, *, ipv6: bool, size: int, more: bytes = b"") -> None:
        options = attribute(TIMEOUT | BIG_ENDIAN, struct.pack(">I", 0))
        options += attribute(MAX_ELEMENTS | BIG_ENDIAN, struct.pack(">I", size)) + more
        body = attribute(TYPE_OR_SET2, kind.encode() + b"\0") + attribute(REVISION, b"\x01")
        body += attribute(FAMILY, bytes([socket.AF_INET6 if ipv6 else socket.AF_INET]))
        body += attribute(DATA | NESTED, options)
        try:
            self._ask(CMD_CREATE, name, body, CREATE | EXCLUSIVE)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise

    def destroy(self, name: str) -> None:
        self._ask(CMD_DESTROY, name)

    def flush(self, name: str) -> None:
        self._ask(CMD_FLUSH, name)

    def swap(self, name: str, other: str) -> None:
        self._ask(CMD_SWAP, name, attribute(TYPE_OR_SET2, other.encode() + b"\0"))

    def add(self, name: str, elements: Mapping[bytes, float]) -> None:
        """Add addresses, each with its seconds; one that is there gets the new time."""
        listed = iter(elements.items())
        while part := list(islice(listed, ELEMENTS_A_MESSAGE)):
            self._ask(CMD_ADD, name, LINE0 + attribute(ADT | NESTED, _timed_elements(part)))

    def add_networks(
        self, name: str, networks: Iterable[IPv4Network | IPv6Network], seconds: float | None = None
    ) -> None:
        """Add networks, for ever or for so long; one that is there gets the new time."""
        told = [_element(network.network_address.packed, seconds, network.prefixlen) for network in networks]
        for start in range(0, len(told), ELEMENTS_A_MESSAGE):
            self._ask(CMD_ADD, name, _many(told[start : start + ELEMENTS_A_MESSAGE]))

    def remove(self, name: str, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._ask(CMD_DELETE, name, _many([_element(key, None)]), EXCLUSIVE)

    def elements(self, name: str) -> dict[bytes, float]:
        """The elements of a set and the seconds each has left."""
        found: dict[bytes, float] = {}
        for body in self._dump(name, b""):
            found.update(_listed(body))
        return found

    def count(self, name: str) -> int:
        """How many elements a set has, without listing them."""
        flags = attribute(FLAGS | BIG_ENDIAN, struct.pack(">I", HEADER_ONLY))
        fields = {kind: value for body in self._dump(name, flags) for kind, value in attributes(body[4:])}
        return int(struct.unpack(">I", dict(attributes(fields[DATA]))[ELEMENTS])[0])

    def close(self) -> None:
        self._socket.close()

    def _dump(self, name: str, flags: bytes) -> Iterator[bytes]:
        self._send(CMD_LIST, name, flags, DUMP)
        while True:
            for kind, _, sequence, _, body in messages_of(self._socket.recv(1 << 17)):
                if sequence != self._sequence:
                    continue
                if kind == MSG_DONE:
                    return
                if kind == MSG_ERROR:
                    self._raise(body)
                    return
                yield body

    def _ask(self, command: int, name: str, body: bytes = b"", flags: int = 0) -> None:
        self._send(command, name, body, ACK | flags)
        while True:
            for kind, _, sequence, _, answer in messages_of(self._socket.recv(1 << 17)):
                if kind == MSG_ERROR and sequence == self._sequence:
                    self._raise(answer)
                    return

    def _send(self, command: int, name: str, body: bytes, flags: int) -> None:
        self._sequence += 1
        message = struct.pack(">BBH", socket.AF_INET, 0, 0)
        message += attribute(PROTOCOL, bytes([PROTOCOL_VERSION]))
        message += (attribute(SET_NAME, name.encode() + b"\0") if name else b"") + body
        kind = SUBSYSTEM << 8 | command
        self._socket.send(HEADER.pack(HEADER.size + len(message), kind, REQUEST | flags, self._sequence, 0) + message)

    @staticmethod
    def _raise(body: bytes) -> None:
        code = -struct.unpack_from("=i", body)[0]
        if code == NOT_THERE:
            raise FileNotFoundError(errno.ENOENT, "no such element")
        if code:
            raise OSError(code, os.strerror(code) if code < FIRST_OWN_ERROR else f"ipset error {code}")


def laid_out_for(elements: int) -> bytes:
    """The attribute that has a set begin with a place for so many: growing there, all who change sets wait for it."""
    if elements <= LEAST_BUCKETS:
        return b""
    return attribute(HASH_SIZE | BIG_ENDIAN, struct.pack(">I", 1 << (elements - 1).bit_length()))


def _element(key: bytes, seconds: float | None, prefix: int = 0) -> bytes:
    ipv6 = len(key) != 4
    address = attribute((ADDRESS6 if ipv6 else ADDRESS4) | BIG_ENDIAN, key)
    body = attribute(IP | NESTED, address)
    if ipv6 or prefix:
        body += attribute(CIDR, bytes([prefix or IPV6_PREFIX]))
    if seconds is not None:
        body += attribute(TIMEOUT | BIG_ENDIAN, struct.pack(">I", max(1, min(round(seconds), MOST_SECONDS))))
    return body + attribute(LINE | BIG_ENDIAN, struct.pack(">I", 0))


def _around(size: int) -> tuple[bytes, bytes, bytes]:
    """What stands before a key of so many bytes, between it and its seconds, and after those."""
    key = bytes([255]) * size
    whole = attribute(DATA | NESTED, _element(key, float(MOST_SECONDS)))
    before, _, rest = whole.partition(key)
    between, _, after = rest.partition(struct.pack(">I", MOST_SECONDS))
    return before, between, after


def _timed_elements(items: Iterable[tuple[bytes, float]]) -> bytes:
    """Written out, because 50,000 of them attribute by attribute take a quarter of a second."""
    parts: list[bytes] = []
    for key, seconds in items:
        before, between, after = AROUND[len(key)]
        parts += (before, key, between, struct.pack(">I", max(1, min(round(seconds), MOST_SECONDS))), after)
    return b"".join(parts)


def _many(elements: list[bytes]) -> bytes:
    line = attribute(LINE, struct.pack("=I", 0))
    return line + attribute(ADT | NESTED, b"".join(attribute(DATA | NESTED, element) for element in elements))


def _listed(body: bytes) -> Iterator[tuple[bytes, float]]:
    for kind, value in attributes(body[4:]):
        if kind != ADT:
            continue
        for _, item in attributes(value):
            fields = dict(attributes(item))
            left = struct.unpack(">I", fields[TIMEOUT])[0] if TIMEOUT in fields else float("inf")
            yield next(value for _, value in attributes(fields[IP])), float(left)


LINE0 = attribute(LINE, struct.pack("=I", 0))
AROUND = {size: _around(size) for size in (4, 16)}
