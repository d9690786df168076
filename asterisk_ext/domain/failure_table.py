"""Who failed when: a table of fixed size that an attacker cannot push his own record out of."""

from __future__ import annotations

from array import array
from hashlib import blake2b

BUCKET = 16
DEFAULT_SLOTS = 1 << 21


class FailureTable:
    """The latest failures of each source, ``depth`` at most, in ``slots`` × (8 + 4 × ``depth``) bytes.

    Sources fall into buckets of 16 by a keyed hash (``secret``), so nobody can aim at another's bucket. A full bucket
    gives up the entry that is the least evidence: one whose failures are past, else the fewest, else the oldest. To
    push out three failures one therefore has to spend three on every slot of the bucket he cannot find. Times are
    whole seconds since 1970.
    """

    def __init__(self, depth: int, secret: bytes, slots: int = DEFAULT_SLOTS) -> None:
        self._depth = max(1, depth)
        self._secret = secret
        self._buckets = max(1, slots // BUCKET)
        self._keys = array("Q", bytes(8 * self._buckets * BUCKET))
        self._times = array("I", bytes(4 * self._depth * self._buckets * BUCKET))

    def add(self, source: str, at: int, since: int) -> int:
        """Note a failure and return how many the source has after ``since``, this one included (``depth`` + 1 at
        most: more need not be told apart)."""
        key, first = self._place(source)
        slot = self._find(key, first)
        times = self._valid(slot, since) if slot >= 0 else []
        count = len(times) + 1
        if slot < 0:
            slot = self._weakest(first, since)
            self._keys[slot] = key
        kept = sorted([*times, at])[-self._depth :]
        start = slot * self._depth
        self._times[start : start + self._depth] = array("I", kept + [0] * (self._depth - len(kept)))
        return count

    def count(self, source: str, since: int) -> int:
        """How many failures after ``since`` are known of a source."""
        key, first = self._place(source)
        slot = self._find(key, first)
        return len(self._valid(slot, since)) if slot >= 0 else 0

    def forget(self, source: str) -> None:
        key, first = self._place(source)
        slot = self._find(key, first)
        if slot >= 0:
            self._keys[slot] = 0
            start = slot * self._depth
            self._times[start : start + self._depth] = array("I", [0] * self._depth)

    def _place(self, source: str) -> tuple[int, int]:
        digest = blake2b(source.encode(), digest_size=16, key=self._secret).digest()
        key = int.from_bytes(digest[:8], "little") or 1
        return key, int.from_bytes(digest[8:], "little") % self._buckets * BUCKET

    def _find(self, key: int, first: int) -> int:
        try:
            return first + self._keys[first : first + BUCKET].index(key)
        except ValueError:
            return -1

    def _valid(self, slot: int, since: int) -> list[int]:
        start = slot * self._depth
        return [at for at in self._times[start : start + self._depth] if at > since]

    def _weakest(self, first: int, since: int) -> int:
        free = self._find(0, first)
        if free >= 0:
            return free

        def evidence(slot: int) -> tuple[int, int]:
            valid = self._valid(slot, since)
            return len(valid), max(valid, default=0)

        return min(range(first, first + BUCKET), key=evidence)
