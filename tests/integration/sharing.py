"""One lab for all workers of a test run: the first brings it up, and nobody ends what others still test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from typing import IO

LOCKS = Path("/run/lock")


class Sharing:
    """``used`` is held by whoever has the lab, ``testing`` by whoever still tests on it."""

    def __init__(self) -> None:
        self.run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
        self._used = self._lock("used")
        self._testing = self._lock("testing")

    def _lock(self, name: str) -> IO[str]:
        return (LOCKS / f"asterisk-ext-tests-{self.run}-{name}").open("a")

    @contextmanager
    def as_first(self) -> Iterator[bool]:
        """Whether this worker is the first, which then brings the lab up; the others wait until it has."""
        try:
            flock(self._used, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            flock(self._used, LOCK_SH)
            yield False
        else:
            yield True
            flock(self._used, LOCK_SH)
        flock(self._testing, LOCK_SH)

    def wait_until_none_tests(self) -> None:
        """A guard that one worker started ends with it, and others may still need it."""
        flock(self._testing, LOCK_UN)
        flock(self._testing, LOCK_EX)
        flock(self._testing, LOCK_UN)

    def wait_until_unused(self) -> None:
        flock(self._testing, LOCK_UN)
        flock(self._used, LOCK_EX)
        for lock in (self._used, self._testing):
            Path(lock.name).unlink()

    def leave(self) -> None:
        self._used.close()
        self._testing.close()
