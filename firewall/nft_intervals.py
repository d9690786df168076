"""Address lists as nftables' interval sets: a list is emptied and filled in one transaction, so that every packet meets
the whole old list or the whole new one. Measured: no packet judged wrongly in swaps of 60,000 prefixes under flood.

An interval set holds the first address of each range and, flagged, the first one after it (``nft_set_rbtree.c``).
"""

from __future__ import annotations

import contextlib
import errno
import struct
import subprocess
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec

from asterisk_ext.domain.errors import Refusal
from firewall.address_lists import PREFIXES, Lists, by_set, nft_set, set_name
from firewall.address_ranges import BITS, Range
from firewall.kernel import KERNEL_REFUSED
from firewall.nft_netlink import (
    CREATE,
    DATA_VALUE,
    DELETE_ELEMENTS,
    ELEM_KEY,
    ELEMENTS_A_MESSAGE,
    LIST_ELEM,
    NESTED,
    NEW_ELEMENTS,
    ElementSocket,
    attribute,
)
from firewall.patient_elements import Turns

ELEM_FLAGS: Final = 3
INTERVAL_END: Final = 1
_END_FLAG = attribute(ELEM_FLAGS, struct.pack(">I", INTERVAL_END))


class NftLists(ElementSocket):
    """``AddressLists`` in a table of nftables, from any thread. ``turns`` says who waits for a load."""

    def __init__(self, table: str, nft: str) -> None:
        super().__init__(table)
        self._name = table
        self._nft = nft
        self.turns = Turns()

    def load(self, lists: Lists) -> None:
        messages: list[tuple[int, int, bytes]] = []
        wanted = by_set(lists)
        for (name, version), ranges in wanted.items():
            target = set_name(name, version)
            messages.append((DELETE_ELEMENTS, 0, self._body(target)))
            messages += [(NEW_ELEMENTS, CREATE, self._body(target, part)) for part in _parts(ranges, BITS[version])]
        try:
            with self.turns.loading():
                try:
                    self._send_all(messages)
                except FileNotFoundError:
                    self._declare(wanted)
                    self._send_all(messages)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def _send_all(self, messages: list[tuple[int, int, bytes]]) -> None:
        """In one transaction; one message after another where the kernel grants no buffer for it: only in a user
        namespace of one's own, where nobody else's packets meet the half of a list."""
        try:
            self._transact(messages)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            for message in messages:
                self._transact([message])

    def _declare(self, wanted: Iterable[tuple[str, int]]) -> None:
        declared = [f"add set inet {self._name} {nft_set(name, version)}" for name, version in wanted]
        self._run("\n".join([f"add table inet {self._name}", *declared, ""]))

    def keep_only(self, names: Collection[str]) -> None:
        wanted = {set_name(name, version) for name in names for version in BITS}
        for name in self._declared() - wanted:
            # One that a rule still names is busy, and stays.
            with contextlib.suppress(Refusal):
                self._run(f"delete set inet {self._name} {name}\n")

    def _declared(self) -> set[str]:
        done = subprocess.run([self._nft, "-j", "-t", "list", "sets", "inet"], capture_output=True, check=False)
        if done.returncode != 0:
            raise KERNEL_REFUSED.refuse(reason=done.stderr.decode().strip())
        sets = [item["set"] for item in msgspec.json.decode(done.stdout)["nftables"] if "set" in item]
        return {each["name"] for each in sets if each["table"] == self._name and each["name"].startswith(PREFIXES)}

    def _run(self, text: str) -> None:
        done = subprocess.run([self._nft, "-f", "-"], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise KERNEL_REFUSED.refuse(reason=done.stderr.strip())


def _parts(ranges: Iterable[Range], bits: int) -> Iterator[bytes]:
    """The elements of ranges, as many as one message takes."""
    chunk: list[bytes] = []
    for item in _elements(ranges, bits):
        chunk.append(item)
        if len(chunk) == ELEMENTS_A_MESSAGE:
            yield b"".join(chunk)
            chunk = []
    if chunk:
        yield b"".join(chunk)


def _elements(ranges: Iterable[Range], bits: int) -> Iterator[bytes]:
    size, limit = bits // 8, 1 << bits
    key = attribute(ELEM_KEY | NESTED, attribute(DATA_VALUE, b"\0" * size))
    start = attribute(LIST_ELEM | NESTED, key)[:-size]
    stop = attribute(LIST_ELEM | NESTED, key + _END_FLAG)[: -size - len(_END_FLAG)]
    for first, end in ranges:
        yield start + first.to_bytes(size, "big")
        if end < limit:
            yield stop + end.to_bytes(size, "big") + _END_FLAG
