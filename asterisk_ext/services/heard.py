"""What the nodes last reported, and how often they are listened to: a thousand who all listened would cost too much."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from asterisk_ext.domain.server import Report
from asterisk_ext.ports import Clock
from asterisk_ext.services import records

PATIENCE = 1.0
"""Seconds that who looks waits for something newer."""
KEEN = 30.0
"""Seconds after a look for which there is no rest."""


class Heard:
    """``ticks``: a clock that nobody sets."""

    def __init__(self, ticks: Clock) -> None:
        self._ticks = ticks
        self.reports: dict[str, Report] = {}
        self._looked = float("-inf")
        self._rested = False
        """Whether what was heard last may be older than a period."""
        self._wanted, self._news = asyncio.Event(), asyncio.Event()

    def take(self, beats: Mapping[str, tuple[float, bytes]]) -> None:
        self.reports = {node: records.decode_report(data, at) for node, (at, data) in beats.items()}
        self._rested = False
        self._news.set()
        self._news = asyncio.Event()

    async def look(self) -> None:
        """Have the reports as they are now, if they come in time; from now on they are listened to without rest."""
        self._looked = self._ticks()
        if not self._rested:
            return
        self._wanted.set()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._news.wait()
        except TimeoutError:
            # The registry is away: nobody else need wait for it.
            self._rested = False

    async def rest(self, seconds: float) -> None:
        """Wait so long before listening again, or until somebody looks."""
        self._wanted.clear()
        if seconds <= 0 or self._ticks() - self._looked <= KEEN:
            return
        self._rested = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
