"""Blocked calls as they are asked for and counted; one of them is ``gate.BlockedCall``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which blocked calls: of one virtual PBX or all, before a time (epoch seconds), the newest ``count`` of them."""

    pbx: int | None = None
    before: float = 1e12
    count: int = 100


@dataclass(frozen=True, slots=True)
class BlockedCount:
    """Blocked calls of one day (UTC, ``2026-08-13``), virtual PBX and audio; ``heard`` in seconds, all together."""

    day: str
    pbx: int
    audio: str
    calls: int
    heard: float
