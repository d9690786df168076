"""A cheap look at a table of nftables: whether its chains, rules and sets are other than they were.

``nft list`` fetches every element of every set, half a second for a country; here the kernel tells all but those.
Formats: ``linux/netfilter/nf_tables.h``.
"""

from __future__ import annotations

import hashlib
import socket
import struct

from firewall.nft_netlink import (
    AF_NETLINK,
    ANSWER_SECONDS,
    DUMP,
    FAMILY_INET,
    HEADER,
    MSG_DONE,
    MSG_ERROR,
    NETLINK_NETFILTER,
    REQUEST,
    SUBSYSTEM,
    attribute,
    attributes,
    messages_of,
)

GET_CHAIN, GET_RULE, GET_SET = 4, 7, 10
TABLE_ATTRIBUTE = 1
VARYING = {GET_CHAIN: frozenset({8}), GET_RULE: frozenset[int](), GET_SET: frozenset({20})}
"""Attributes that change by themselves: a chain's counters, a set's count."""
NOT_THERE = 2


def glance(table: str) -> bytes:
    """A digest of the table's chains, rules and sets without elements; empty when there is no such table.

    Raises ``OSError``. Needs no privilege but CAP_NET_ADMIN.
    """
    digest, seen = hashlib.blake2b(), 0
    with socket.socket(AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER) as asked:
        asked.bind((0, 0))
        asked.settimeout(ANSWER_SECONDS)
        for sequence, kind in enumerate((GET_CHAIN, GET_RULE, GET_SET), 1):
            for body in sorted(_dump(asked, kind, table, sequence)):
                digest.update(body)
                seen += 1
    return digest.digest() if seen else b""


def _dump(asked: socket.socket, kind: int, table: str, sequence: int) -> list[bytes]:
    name = table.encode() + b"\0"
    message = struct.pack(">BBH", FAMILY_INET, 0, 0) + attribute(TABLE_ATTRIBUTE, name)
    asked.send(HEADER.pack(HEADER.size + len(message), SUBSYSTEM << 8 | kind, REQUEST | DUMP, sequence, 0) + message)
    found: list[bytes] = []
    while True:
        for told, _, number, _, body in messages_of(asked.recv(1 << 17)):
            if number != sequence:
                continue
            if told == MSG_DONE:
                return found
            if told == MSG_ERROR:
                code = -struct.unpack_from("=i", body)[0]
                if code == NOT_THERE:
                    return found
                raise OSError(code, "nftables")
            parts = dict(attributes(body[4:]))
            if parts.get(TABLE_ATTRIBUTE) == name:
                kept = sorted((key, value) for key, value in parts.items() if key not in VARYING[kind])
                found.append(repr(kept).encode())
