"""How much of one node is taken at once, and from then on: whoever steals one cannot flood the others."""

from __future__ import annotations


class Allowance:
    """Of every node; the clock is the receiver's."""

    def __init__(self, burst: float, a_second: float) -> None:
        self._burst = burst
        self._a_second = a_second
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, node: str, now: float) -> bool:
        """Whether one more of ``node`` is taken; it counts then."""
        left, at = self._left.get(node, (self._burst, now))
        # A clock that was set back gives nothing, and takes nothing.
        left = min(self._burst, left + max(0.0, now - at) * self._a_second)
        allowed = left >= 1.0
        self._left[node] = (left - 1.0 if allowed else left, now)
        return allowed
