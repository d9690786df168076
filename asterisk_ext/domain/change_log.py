"""Which keys have changed since a number: what a stream of differences is made from. Pure."""

from __future__ import annotations

from collections.abc import Collection


class ChangeLog:
    """Numbers changes to keys, keeping the last number of each.

    Keys that still exist are never forgotten; of those that have gone, ``memory`` are kept at most. Who asks from
    before what was forgotten has to begin anew.
    """

    def __init__(self, memory: int = 10_000) -> None:
        self.number = 0
        self._memory = memory
        self._last: dict[str, int] = {}
        self._gone = 0
        self._horizon = 0

    def note(self, key: str) -> None:
        """A key has come or changed."""
        self.number += 1
        self._last.pop(key, None)
        self._last[key] = self.number

    def note_gone(self, key: str, existing: Collection[str]) -> None:
        """A key has gone; ``existing`` are those that have not."""
        self.note(key)
        self._gone += 1
        if self._gone > self._memory:
            self._forget([key for key in self._last if key not in existing])

    def since(self, number: int) -> list[str] | None:
        """The keys changed after ``number``, the latest first; None when that reaches too far back."""
        if number < self._horizon or number > self.number:
            return None
        keys: list[str] = []
        for key in reversed(self._last):
            if self._last[key] <= number:
                break
            keys.append(key)
        return keys

    def _forget(self, gone: list[str]) -> None:
        """The older half of what has gone, so that the cost is spread over many removals."""
        half = len(gone) - self._memory // 2
        for key in gone[:half]:
            self._horizon = self._last.pop(key)
        self._gone = len(gone) - max(half, 0)
