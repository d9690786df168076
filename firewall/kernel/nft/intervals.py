"""Address lists as nftables' interval sets, changed in place by steps of some 1,000 ranges.

Emptying a set and filling it in one transaction judges no packet wrongly either, but holds up everybody who wants the
firewall changed: 0.3 s where the set is new, and 1.2 to 4 s where many keys come back (60,000 prefixes, Linux 6.18). A
step takes some 20 ms, most of which the kernel needs for any change to a set of this size; smaller ones gain nothing.
The longest real list, the United States', has 14,400 ranges and takes 3 ms.

An interval set holds the first address of each range and, flagged, the first one after it (``nft_set_rbtree.c``).
"""

from __future__ import annotations

import contextlib
import struct
import subprocess
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from asterisk_ext.domain.errors import Refusal
from firewall.kernel import passed
from firewall.kernel.nft.netlink import (
    CREATE,
    DATA_VALUE,
    DELETE_ELEMENTS,
    DUMP_INTERRUPTED,
    DUMP_TRIES,
    ELEM_KEY,
    ELEMENTS_A_MESSAGE,
    GET_ELEMENTS,
    LIST_ELEM,
    LIST_ELEMENTS,
    NESTED,
    NEW_ELEMENTS,
    ElementSocket,
    attribute,
    attributes,
)
from firewall.kernel.nft.turns import Turns
from firewall.kernel.port import KERNEL_REFUSED
from firewall.lists.address_lists import PREFIXES, Lists, by_set, nft_set, set_name
from firewall.lists.ranges import BITS, Range
from firewall.lists.steps import Step, steps

ELEM_FLAGS: Final = 3
INTERVAL_END: Final = 1
RANGES_A_STEP: Final = 1000
NEW_RANGES_A_STEP: Final = 4000
"""Where there was no list the rules judge nobody by it yet, and are waited for."""
PAUSE_SECONDS: Final = 0.001
_END_FLAG = attribute(ELEM_FLAGS, struct.pack(">I", INTERVAL_END))


class NftLists(ElementSocket):
    """``AddressLists`` in a table of nftables, from any thread."""

    def __init__(self, table: str, nft: str, turns: Turns) -> None:
        super().__init__(table)
        self._turns = turns
        self._name = table
        self._nft = nft
        self._turn = threading.Lock()

    def load(self, lists: Lists) -> None:
        wanted = by_set(lists)
        with self._turn:
            try:
                for (name, version), ranges in wanted.items():
                    self._change(set_name(name, version), ranges, BITS[version], wanted)
                self._judge_again()
            except OSError as error:
                raise KERNEL_REFUSED.refuse(reason=error) from error

    def judge_again(self) -> None:
        """Forget whom the rules have let in: they or their lists are others now."""
        with self._turn:
            self._judge_again()

    def _judge_again(self) -> None:
        for pause in (passed.IN_FLIGHT_SECONDS, 0.0):
            with contextlib.suppress(FileNotFoundError):
                self._transact([(DELETE_ELEMENTS, 0, self._body(name)) for name in passed.SETS.values()])
            time.sleep(pause)

    def _change(self, name: str, ranges: Iterable[Range], bits: int, all_: Iterable[tuple[str, int]]) -> None:
        # Plain numbers: 60,000 pairs would have Python's collector hold up every thread for long.
        after = [number for pair in ranges for number in pair]
        try:
            before = self._edges(name)
        except FileNotFoundError:
            self._declare(all_)
            before = []
        wanted = zip(after[::2], after[1::2], strict=True)
        changes = steps(_ranges_of(before, 1 << bits), wanted, RANGES_A_STEP) if before else _steps_of_new(wanted)
        try:
            for step in changes:
                self._transact(
                    [
                        *((DELETE_ELEMENTS, 0, self._body(name, part)) for part in _parts(step.out, bits)),
                        *((NEW_ELEMENTS, CREATE, self._body(name, part)) for part in _parts(step.new, bits)),
                    ]
                )
                # Whoever waits for the firewall, or for this processor where the kernel gives none up, comes between.
                time.sleep(PAUSE_SECONDS)
        except FileNotFoundError:
            # Somebody else was at it in between.
            whole = _parts(zip(after[::2], after[1::2], strict=True), bits)
            added = [(NEW_ELEMENTS, CREATE, self._body(name, part)) for part in whole]
            self._transact([(DELETE_ELEMENTS, 0, self._body(name)), *added])

    def _edges(self, name: str) -> list[int]:
        """What the kernel has in a set, never believed from memory: of each element the address, doubled, and one more
        where a range begins; ascending."""
        for _ in range(DUMP_TRIES):
            edges: list[int] = []
            whole = True
            for flags, body in self._listed(GET_ELEMENTS, self._body(name)):
                whole = whole and not flags & DUMP_INTERRUPTED
                edges.extend(_edges_of(body))
            if whole:
                break
        if edges and edges[0] > edges[-1]:
            edges.reverse()
        return edges

    def _transact(self, messages: list[tuple[int, int, bytes]]) -> None:
        with self._turns.inside():
            super()._transact(messages)

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
        with self._turns.inside():
            done = subprocess.run([self._nft, "-f", "-"], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise KERNEL_REFUSED.refuse(reason=done.stderr.strip())


def _edges_of(body: bytes) -> Iterator[int]:
    for kind, value in attributes(body[4:]):
        if kind != LIST_ELEMENTS:
            continue
        for _, item in attributes(value):
            fields = dict(attributes(item))
            ends = ELEM_FLAGS in fields and struct.unpack(">I", fields[ELEM_FLAGS])[0] & INTERVAL_END
            yield int.from_bytes(dict(attributes(fields[ELEM_KEY]))[DATA_VALUE], "big") << 1 | (not ends)


def _ranges_of(edges: Iterable[int], limit: int) -> Iterator[Range]:
    begun: int | None = None
    for edge in edges:
        if edge & 1:
            begun = edge >> 1
        elif begun is not None:
            yield begun, edge >> 1
            begun = None
    if begun is not None:
        yield begun, limit


def _steps_of_new(ranges: Iterable[Range]) -> Iterator[Step]:
    """Where nothing was before, nothing has to be compared."""
    listed = iter(ranges)
    while part := list(islice(listed, NEW_RANGES_A_STEP)):
        yield Step(new=part)


def _parts(ranges: Iterable[Range], bits: int) -> Iterator[bytes]:
    """The elements of ranges, as many as one message takes. Written out: a firewall waits for 60,000 of them."""
    size, limit = bits // 8, 1 << bits
    key = attribute(ELEM_KEY | NESTED, attribute(DATA_VALUE, b"\0" * size))
    start = attribute(LIST_ELEM | NESTED, key)[:-size]
    stop = attribute(LIST_ELEM | NESTED, key + _END_FLAG)[: -size - len(_END_FLAG)]
    listed = iter(ranges)
    while part := list(islice(listed, ELEMENTS_A_MESSAGE // 2)):
        yield b"".join(
            [
                start + first.to_bytes(size, "big") + stop + end.to_bytes(size, "big") + _END_FLAG
                if end < limit
                else start + first.to_bytes(size, "big")
                for first, end in part
            ]
        )
