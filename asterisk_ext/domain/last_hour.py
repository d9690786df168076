"""How many calls were in progress in each minute of the last hour. Pure: the time is passed in."""

from __future__ import annotations

from collections import deque
from typing import TypedDict

MINUTE = 60.0
MINUTES = 60


class Minute(TypedDict):
    """``at``: its beginning, in epoch seconds; ``calls``: the most seen at once within it."""

    at: float
    calls: int


class LastHour:
    def __init__(self) -> None:
        self._minutes: deque[Minute] = deque()

    def note(self, calls: int, now: float) -> None:
        """So many are in progress now; ``now`` must not run backwards."""
        at = now - now % MINUTE
        if self._minutes and self._minutes[-1]["at"] >= at:
            self._minutes[-1]["calls"] = max(self._minutes[-1]["calls"], calls)
        else:
            self._minutes.append({"at": at, "calls": calls})
        self._forget(now)

    def minutes(self, now: float) -> list[Minute]:
        """The oldest first; a minute in which nobody looked is left out."""
        self._forget(now)
        return [minute.copy() for minute in self._minutes]

    def _forget(self, now: float) -> None:
        while self._minutes and self._minutes[0]["at"] <= now - MINUTES * MINUTE:
            self._minutes.popleft()
