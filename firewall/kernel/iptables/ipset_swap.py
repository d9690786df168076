"""Address lists as ipsets: a new set is filled beside the old one and takes its place in one step (``swap``), so that
every packet meets the whole old list or the whole new one.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Collection, Iterable, Iterator

from firewall.kernel import passed
from firewall.kernel.iptables.ipset_netlink import (
    ADDRESS4,
    ADDRESS6,
    ADT,
    BIG_ENDIAN,
    CIDR,
    CMD_ADD,
    CMD_CREATE,
    DATA,
    ELEMENTS,
    ELEMENTS_A_MESSAGE,
    EXCLUSIVE,
    FAMILY,
    FLAGS,
    HEADER_ONLY,
    IP,
    LINE,
    MAX_ELEMENTS,
    REVISION,
    SET_NAME,
    TYPE_OR_SET2,
    IpsetSocket,
    laid_out_for,
)
from firewall.kernel.iptables.matches import PREFIX
from firewall.kernel.nft.netlink import CREATE, NESTED, attribute, attributes
from firewall.kernel.port import KERNEL_REFUSED
from firewall.lists.address_lists import PREFIXES, Lists, by_set, list_of, set_name
from firewall.lists.ranges import BITS, Range, prefixes

OWN = "axt_"
MOST_PREFIXES = 1 << 20
NAMES_ONLY = 2


class IpsetLists(IpsetSocket):
    """``AddressLists`` for the iptables driver, from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.Lock()
        self._counts: dict[str, int] = {}
        """Prefixes of each set as they were loaded."""

    def load(self, lists: Lists) -> None:
        with self._turn:
            self._load(lists)

    def judge_again(self) -> None:
        """Forget whom the rules have let in: they or their lists are others now."""
        with self._turn:
            self._judge_again()

    def _judge_again(self) -> None:
        for pause in (passed.IN_FLIGHT_SECONDS, 0.0):
            for name in passed.SETS.values():
                with contextlib.suppress(FileNotFoundError):
                    self.flush(f"{PREFIX}{name}")
            time.sleep(pause)

    def _load(self, lists: Lists) -> None:
        try:
            for (name, version), ranges in by_set(lists).items():
                self._create_networks(ipset(name, version), version)
                fresh = f"{OWN}incoming{version}"
                with contextlib.suppress(FileNotFoundError):
                    self.destroy(fresh)
                parts = list(_parts(ranges, BITS[version]))
                self._create_networks(fresh, version, expected=len(parts) * ELEMENTS_A_MESSAGE)
                for part in parts:
                    self._ask(CMD_ADD, fresh, part)
                self._counts[ipset(name, version)] = self.count(fresh)
                self.swap(fresh, ipset(name, version))
                self.destroy(fresh)
            self._judge_again()
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def keep_only(self, names: Collection[str]) -> None:
        with self._turn:
            self._keep_only(names)

    def _keep_only(self, names: Collection[str]) -> None:
        wanted = {ipset(name, version) for name in names for version in BITS}
        for name in self._names() - wanted:
            self._counts.pop(name, None)
            # One that a rule still names is busy, and stays.
            with contextlib.suppress(OSError):
                self.destroy(name)

    def changed(self) -> set[str]:
        """The lists that have not as many prefixes as were loaded; nothing while they are being loaded."""
        if not self._counts or not self._turn.acquire(blocking=False):
            return set()
        try:
            now = self._counts_now()
            return {list_of(name.removeprefix(OWN)) for name, count in self._counts.items() if now.get(name) != count}
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        finally:
            self._turn.release()

    def _counts_now(self) -> dict[str, int]:
        flags = attribute(FLAGS | BIG_ENDIAN, struct.pack(">I", HEADER_ONLY))
        told = (dict(attributes(body[4:])) for body in self._dump("", flags))
        return {
            fields[SET_NAME].rstrip(b"\0").decode(): struct.unpack(">I", dict(attributes(fields[DATA]))[ELEMENTS])[0]
            for fields in told
            if SET_NAME in fields and DATA in fields
        }

    def _names(self) -> set[str]:
        ours = tuple(f"{OWN}{prefix}" for prefix in PREFIXES)
        try:
            names_only = attribute(FLAGS | BIG_ENDIAN, struct.pack(">I", NAMES_ONLY))
            told = [dict(attributes(body[4:])) for body in self._dump("", names_only)]
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        names = {fields[SET_NAME].rstrip(b"\0").decode() for fields in told if SET_NAME in fields}
        return {name for name in names if name.startswith(ours)}

    def _create_networks(self, name: str, version: int, expected: int = 0) -> None:
        options = attribute(MAX_ELEMENTS | BIG_ENDIAN, struct.pack(">I", MOST_PREFIXES)) + laid_out_for(expected)
        body = attribute(TYPE_OR_SET2, b"hash:net\0") + attribute(REVISION, b"\x01")
        body += attribute(FAMILY, bytes([socket.AF_INET if version == 4 else socket.AF_INET6]))
        try:
            self._ask(CMD_CREATE, name, body + attribute(DATA | NESTED, options), CREATE | EXCLUSIVE)
        except FileExistsError:
            return


def ipset(name: str, version: int) -> str:
    """The ipset that rules name for a list."""
    return OWN + set_name(name, version)


def _parts(ranges: Iterable[Range], bits: int) -> Iterator[bytes]:
    """The body of each message that adds some of the ranges' prefixes."""
    line = attribute(LINE, struct.pack("=I", 0))
    chunk: list[bytes] = []
    for item in _elements(ranges, bits):
        chunk.append(item)
        if len(chunk) == ELEMENTS_A_MESSAGE:
            yield line + attribute(ADT | NESTED, b"".join(chunk))
            chunk = []
    if chunk:
        yield line + attribute(ADT | NESTED, b"".join(chunk))


def _elements(ranges: Iterable[Range], bits: int) -> Iterator[bytes]:
    kind = (ADDRESS4 if bits == BITS[4] else ADDRESS6) | BIG_ENDIAN
    line = attribute(LINE | BIG_ENDIAN, struct.pack(">I", 0))
    for first, length in _not_everything(prefixes(ranges, bits), bits):
        address = attribute(kind, first.to_bytes(bits // 8, "big"))
        yield attribute(DATA | NESTED, attribute(IP | NESTED, address) + attribute(CIDR, bytes([length])) + line)


def _not_everything(found: Iterable[tuple[int, int]], bits: int) -> Iterator[tuple[int, int]]:
    """An ipset takes no prefix of length 0: its halves instead."""
    for first, length in found:
        if length:
            yield first, length
        else:
            yield from ((0, 1), (1 << bits - 1, 1))
