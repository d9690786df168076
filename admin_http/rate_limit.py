"""How many tries an address has: a token bucket each, bounded in number."""

from __future__ import annotations

from asterisk_ext.domain.errors import Problem

TOO_MANY = Problem(
    "login.too_many",
    429,
    "Too many tries from {address}; this one was not looked at.",
    "Wait {seconds} seconds, then try again.",
)

MOST_ADDRESSES = 10_000


class RateLimit:
    """``burst`` tries at once, then one every ``period`` seconds."""

    def __init__(self, burst: int, period: float) -> None:
        self._burst = burst
        self._period = period
        self._full_at: dict[str, float] = {}

    def spend(self, address: str, now: float) -> None:
        """Count one try; refuses ``login.too_many`` when there is none left."""
        full_at = max(self._full_at.get(address, now), now)
        wait = full_at + self._period - (now + self._burst * self._period)
        if wait > 0:
            raise TOO_MANY.refuse(address=address, seconds=int(wait) + 1)
        self._full_at[address] = full_at + self._period
        self._forget(now)

    def reset(self, address: str) -> None:
        """A success gives all tries back."""
        self._full_at.pop(address, None)

    def _forget(self, now: float) -> None:
        if len(self._full_at) > MOST_ADDRESSES:
            self._full_at = {address: at for address, at in self._full_at.items() if at > now}
        while len(self._full_at) > MOST_ADDRESSES:
            self._full_at.pop(next(iter(self._full_at)))
