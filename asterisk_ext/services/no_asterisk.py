"""A DATABASE or CDN server: there is no Asterisk, and what it reports of itself says so."""

from __future__ import annotations

import asyncio
import contextlib

from asterisk_ext.ports import Fleet
from asterisk_ext.ports.asterisk import Contact


class NoAsterisk:
    """``ports.asterisk.PhoneBook``, ``firewall_plan.Carriers``, and what ``Reporting`` tells: nobody is served here."""

    tenants = 0
    missing: tuple[str, ...] = ()
    prepared: tuple[str, ...] = ()

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @property
    def map_revision(self) -> int:
        return self._fleet.map_revision

    @property
    def revision(self) -> int:
        return self._fleet.revision

    def addresses(self) -> dict[str, list[str]]:
        """Of carriers, who speak to Asterisks only."""
        return {}

    async def contacts(self) -> list[Contact]:
        return []

    async def registered(self) -> dict[int, int]:
        return {}

    def recount(self) -> None:
        return None

    async def obeyed(self, revision: int) -> None:
        return None

    async def moved_on(self, revision: int, at_most: float, prepared: tuple[str, ...] = ()) -> None:
        """Wait until the map has another revision than this, or ``at_most`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                while self.map_revision == revision:
                    await self._fleet.after(self._fleet.revision)
