"""The gate: what a blocked virtual PBX's callers get, decided from plain facts (SPEC, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    support_lines: tuple[str, ...] = ()
    """The hoster's own numbers: they pass like an emergency, so that a blocked customer can ask why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    audio: Audio | None
    """None: the call passes."""

    @property
    def passes(self) -> bool:
        return self.audio is None


PASS = Verdict(None)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One audio as Asterisk plays it."""

    file: str
    """Path without the ending, as Asterisk sees it."""
    seconds: float
    name: str = ""
    """Its name in the library; empty for one that ships with the product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """What the gate must know of a virtual PBX."""

    status: Status
    emergency_forms: frozenset[str]
    """Every way of dialling an emergency number."""
    announcements: Mapping[Audio, Sequence[Announcement]]
    """The best first; the next one is played where a file is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedCall:
    """One call that met the gate and did not pass; there is no CDR of it, since it was never answered."""

    at: float
    """Epoch seconds."""
    pbx: int
    channel: str
    caller: str
    number: str
    direction: Direction
    audio: Audio
    file: str
    """The announcement; empty where none could be played."""
    recording: str = ""
    """Its name in the library; empty for one that ships with the product."""
    heard: float
    """Seconds of it."""


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
