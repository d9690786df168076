"""Ends the calls in progress of a virtual PBX when it is blocked totally, where the settings ask for that."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from asterisk_ext.domain.pbx import Status
from asterisk_ext.ports import Fleet
from asterisk_ext.services.records import TENANTS


class Calls(Protocol):
    async def cut(self, pbx: int, spared: Collection[str]) -> int:
        """End all but emergency calls and those to the numbers ``spared``; how many."""
        ...


class Cutting:
    def __init__(self, fleet: Fleet, calls: Calls, support_lines: Collection[str]) -> None:
        self._fleet = fleet
        self._calls = calls
        self._support_lines = support_lines

    async def run(self) -> None:
        """For ever; who is blocked already when it begins keeps what is in progress."""
        blocked = self._blocked()
        while True:
            revision = self._fleet.revision
            now = self._blocked()
            for pbx in sorted(now - blocked):
                await self._calls.cut(pbx, self._support_lines)
            blocked = now
            await self._fleet.after_touch(revision, TENANTS)

    def _blocked(self) -> set[int]:
        return {pbx.id for pbx in self._fleet.tenants() if pbx.status is Status.TOTAL_BLOCK}
