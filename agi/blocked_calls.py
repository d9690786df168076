"""The latest blocked calls, in memory: early media leaves no CDR of them."""

from __future__ import annotations

from collections import Counter, deque

from asterisk_ext.domain.gate import Audio, BlockedCall


class RecentBlockedCalls:
    """Keeps the last ``most`` calls and counts all since the start; the gate's observer."""

    def __init__(self, most: int = 5000) -> None:
        self._calls: deque[BlockedCall] = deque(maxlen=most)
        self._counts: Counter[Audio] = Counter()

    def note(self, call: BlockedCall) -> None:
        self._calls.append(call)
        self._counts[call.audio] += 1

    def latest(self, pbx: int | None = None) -> list[BlockedCall]:
        """The newest first, of one virtual PBX or of all."""
        return [call for call in reversed(self._calls) if pbx is None or call.pbx == pbx]

    def counts(self) -> dict[Audio, int]:
        """Calls by audio since the start; every audio is there."""
        return {audio: self._counts[audio] for audio in Audio}
