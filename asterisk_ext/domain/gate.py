"""The gate: what a blocked virtual PBX's callers get, decided from plain facts (SPEC, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from asterisk_ext.domain.pbx import Status


class Direction(StrEnum):
    OUTBOUND = "outbound"
    """To the outside, forwards and transfers that leave included."""
    INBOUND = "inbound"
    """From outside."""
    INTERNAL = "internal"
    """Extension to extension."""


class Audio(StrEnum):
    """Which announcement; ``neutral`` tells third parties nothing about the tenant's affairs."""

    PARTIAL = "partial_block"
    TOTAL = "total_block"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Policy:
    """The platform's options; the defaults are the table of SPEC, section 5."""

    internal_passes_in_total_block: bool = False
    answer: bool = False
    """Answer the call before the audio plays; then it is billed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    audio: Audio | None
    """None: the call passes."""

    @property
    def passes(self) -> bool:
        return self.audio is None


PASS = Verdict(None)


def decide(status: Status | None, direction: Direction, emergency: bool, policy: Policy) -> Verdict:
    """The verdict on one call; an unknown status passes, an emergency passes before anything else is asked."""
    if emergency or status is None or status is Status.ACTIVE:
        return PASS
    if status is Status.PARTIAL_BLOCK:
        return Verdict(Audio.PARTIAL) if direction is Direction.OUTBOUND else PASS
    if direction is Direction.INBOUND:
        return Verdict(Audio.NEUTRAL)
    if direction is Direction.INTERNAL and policy.internal_passes_in_total_block:
        return PASS
    return Verdict(Audio.TOTAL)
