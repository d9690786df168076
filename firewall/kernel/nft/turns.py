"""Who changes the kernel's rules, in turn. It takes one transaction at a time, whoever else asks sleeps in the kernel
until that is over: some 20 ms where a list of 60,000 ranges is changed. The event loop must not sleep that long, so
what it wants meanwhile is done by the thread that is inside, as soon as it comes out.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator

from asterisk_ext.domain.errors import Refusal

log = logging.getLogger(__name__)


class Turns:
    """Long transactions in threads, short ones of the event loop that wait for none of them."""

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._serving = threading.Lock()
        self._inside = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def soon(self, act: Callable[[], None]) -> None:
        """Do it now; while a thread is inside, leave it to that thread, in the order asked and one at a time.

        What is left to a thread and refused there is only logged: the guard's state has it, and puts it back.
        """
        with self._door:
            if not self._inside:
                act()
                return
            self._waiting.append(act)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """For a thread about to change much. It begins once a short change that is being made is over."""
        with self._door:
            self._inside += 1
        try:
            yield
        finally:
            while not self._has_left():
                self._serve()

    def _has_left(self) -> bool:
        """The last to leave leaves nothing behind."""
        with self._door:
            if not self._waiting:
                self._inside -= 1
                return True
        return False

    def _serve(self) -> None:
        refused: list[Refusal] = []
        with self._serving:
            while self._waiting:
                try:
                    self._waiting.popleft()()
                except Refusal as refusal:
                    refused.append(refusal)
        if refused:
            log.warning("%d changes of the kernel's sets were refused; the last: %s", len(refused), refused[-1])
