"""Hears over netlink of what anybody changes in nftables. Formats: as in ``netlink.py``, and ``linux/filter.h``."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import socket
import struct

from firewall.kernel.nft.netlink import (
    AF_NETLINK,
    DELETE_ELEMENTS,
    DELETE_TABLE,
    LIST_SET,
    LIST_TABLE,
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_NETFILTER,
    NEW_ELEMENTS,
    NFNLGRP_NFTABLES,
    SO_ATTACH_FILTER,
    SO_RCVBUFFORCE,
    SOL_NETLINK,
    attributes,
    messages_of,
)


class ChangeSocket:
    """Hears of every change to nftables, with the port of who made it (0: the kernel itself).

    Not of those from the port ``deaf_to``: a list of 60,000 prefixes would be as many messages. ``touched``: the sets
    of the table whose elements somebody else has changed; None: any of them, since the whole table has been deleted or
    too many messages came to know.
    """

    def __init__(self, table: str, deaf_to: int = 0) -> None:
        self._table = table.encode() + b"\0"
        self.touched: set[str] | None = set()
        self._socket = socket.socket(
            AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, NETLINK_NETFILTER
        )
        self._socket.bind((0, 0))
        with contextlib.suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        if deaf_to:
            self._ignore(deaf_to)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)

    def _ignore(self, port: int) -> None:
        """Have the kernel drop what comes from a port (``linux/filter.h``): load the header's port, compare, return."""
        wanted = int.from_bytes(struct.pack("=I", port), "big")
        program = [(0x20, 0, 0, 12), (0x15, 0, 1, wanted), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
        told = struct.pack("@HP", len(program), ctypes.addressof(code))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, told)

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self, own_port: int) -> bool:
        """Take all that is there; true when somebody else changed something, or too much came to know."""
        foreign = False
        while True:
            try:
                data = self._socket.recv(1 << 17)
            except BlockingIOError:
                return foreign
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                foreign, self.touched = True, None
                continue
            for kind, _, _, port, body in messages_of(data):
                if port not in (0, own_port):
                    foreign = True
                    self._note(kind, body)

    def _note(self, kind: int, body: bytes) -> None:
        if self.touched is None or kind not in (NEW_ELEMENTS, DELETE_ELEMENTS, DELETE_TABLE):
            return
        told = {field & 0xFF: value for field, value in attributes(body[4:]) if field in (LIST_TABLE, LIST_SET)}
        if told.get(LIST_TABLE) != self._table:
            return
        if kind == DELETE_TABLE:
            self.touched = None
        else:
            self.touched.add(told[LIST_SET].rstrip(b"\0").decode())

    def close(self) -> None:
        self._socket.close()
