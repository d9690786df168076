"""Set elements of nftables while an address list is being loaded.

A transaction holds all others up, and one of 60,000 prefixes takes some 0.3 s. The guard's event loop must not wait for
it: what it asks for meanwhile is done right afterwards, in order, by the thread that loads. A ban is late by that much.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from firewall.nft_netlink import NEW_ELEMENTS, ElementSocket

log = logging.getLogger(__name__)

Message = tuple[int, int, bytes]


class Turns:
    """Who waits for whom: one load at a time, and what others want to do after it."""

    def __init__(self) -> None:
        self._loading = False
        self._load = threading.Lock()
        self._state = threading.Lock()
        self._later: deque[Callable[[], None]] = deque()

    @contextmanager
    def loading(self) -> Iterator[None]:
        """A load; at its end everything put off in the meantime is done."""
        with self._load:
            with self._state:
                self._loading = True
            try:
                yield
            finally:
                while (work := self._next()) is not None:
                    work()

    def put_off(self, work: Callable[[], None]) -> bool:
        """Have ``work`` done after the load that goes on; false when none does."""
        with self._state:
            if self._loading:
                self._later.append(work)
            return self._loading

    def _next(self) -> Callable[[], None] | None:
        with self._state:
            if self._later:
                return self._later.popleft()
            self._loading = False
            return None


class PatientElements(ElementSocket):
    """An ``ElementSocket`` whose changes never wait for a load."""

    def __init__(self, table: str, turns: Turns) -> None:
        super().__init__(table)
        self._turns = turns
        self._use = threading.Lock()

    def _transact(self, messages: list[Message]) -> None:
        if not self._turns.put_off(lambda: self._do_late(messages)):
            self._do(messages)

    def _dump(self, name: str) -> tuple[dict[bytes, float], bool]:
        with self._use:
            return super()._dump(name)

    def _do(self, messages: list[Message]) -> None:
        with self._use:
            super()._transact(messages)

    def _do_late(self, messages: list[Message]) -> None:
        try:
            try:
                self._do(messages)
            except FileNotFoundError:
                # What was to be renewed or removed is not there: what is new counts all the same.
                self._do([message for message in messages if message[0] == NEW_ELEMENTS])
        except OSError as error:
            log.error("the kernel refused what was put off while a list was loaded: %s", error)
