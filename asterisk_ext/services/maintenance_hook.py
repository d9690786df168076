"""Telling a hoster's own program when virtual PBXs move: what his own dialplan knows, this product cannot move.

The program is told again until it has succeeded, and after a crash perhaps once more: it must be able to hear the same
twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from asterisk_ext.domain.maintenance import Map
from asterisk_ext.ports import Fleet, Hook
from asterisk_ext.services.waiting import first

log = logging.getLogger(__name__)

AGAIN = 30.0
"""Seconds after which a program that has failed is told again."""


@dataclass(frozen=True, slots=True)
class Move:
    what: str
    """``enter`` or ``leave``."""
    source: str
    destination: str

    def __str__(self) -> str:
        return f"{self.what} {self.source} {self.destination}"


def moves(told: Map, now: Map, node: str) -> Iterator[Move]:
    """What has happened between two maps, of the maintenances that ``node`` has part in. Pure."""
    for source in sorted(told.entries.keys() | now.entries.keys()):
        was, becomes = told.entries.get(source), now.entries.get(source)
        if was and becomes and was.destination == becomes.destination:
            continue
        for what, entry in (("leave", was), ("enter", becomes)):
            if entry and node in (source, entry.destination):
                yield Move(what, source, entry.destination)


class Memory(Protocol):
    """The map that the program was told of last, kept over restarts."""

    def read(self) -> Map: ...

    def write(self, told: Map) -> None: ...


class MaintenanceHook:
    def __init__(self, node: str, fleet: Fleet, hook: Hook, memory: Memory, again: float = AGAIN) -> None:
        self._node = node
        self._fleet = fleet
        self._hook = hook
        self._memory = memory
        self._again = again
        self.problem = ""
        """What went wrong last, with the words that were told; empty where all has been heard."""

    async def run(self) -> None:
        """Tell of every move, in order, for ever. Raises OSError where what was told cannot be kept."""
        await self._fleet.after(0)
        while True:
            revision = self._fleet.revision
            await self.tell()
            waiting = [self._fleet.after(revision)]
            if self.problem:
                waiting.append(asyncio.sleep(self._again))
            await first(*waiting)

    async def tell(self) -> None:
        """Once: what has not been heard yet; at the first failure the rest waits."""
        told, now = self._memory.read(), self._fleet.maintenance()
        for move in moves(told, now, self._node):
            problem = await self._hook(move.what, move.source, move.destination)
            if problem:
                self.problem = f"{move}: {problem}"
                log.error("the maintenance hook failed: %s", self.problem)
                return
            told = after(told, move, now)
            self._memory.write(told)
        self.problem = ""


def after(told: Map, move: Move, now: Map) -> Map:
    """What the program knows once it has heard of ``move``. Pure."""
    return told.left(move.source) if move.what == "leave" else told.entered(move.source, now.entries[move.source])
