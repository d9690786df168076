"""How many bans a node makes on another's word: whoever steals one cannot have the fleet shut the world out."""

from __future__ import annotations

BURST = 500.0
"""Bans of one node that are made at once: a node that was away may have many to tell."""
A_SECOND = 1.0
"""As many more, from then on."""


class Allowance:
    """Of every node that tells; the clock is the receiver's."""

    def __init__(self, burst: float = BURST, a_second: float = A_SECOND) -> None:
        self._burst = burst
        self._a_second = a_second
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, node: str, now: float) -> bool:
        """Whether one more ban of ``node`` may be made; it counts then."""
        left, at = self._left.get(node, (self._burst, now))
        # A clock that was set back gives nothing, and takes nothing.
        left = min(self._burst, left + max(0.0, now - at) * self._a_second)
        allowed = left >= 1.0
        self._left[node] = (left - 1.0 if allowed else left, now)
        return allowed
