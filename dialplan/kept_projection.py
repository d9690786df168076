"""The projection that also keeps a checked copy of what Asterisk was given.

Copying and checking take many times what a change takes, so no change waits for the copy of the one before: a task
copies what has gathered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from asterisk_ext.domain.audio import Stems
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.ways import Way
from dialplan import last_good, memory
from dialplan.difference import Difference
from dialplan.projection import SOUNDS, Projection
from dialplan.reckoning import NO_WAYS

PAUSE = 1.0
"""Seconds between two copies while changes come without an end."""


def copy_of(database: Path) -> Path:
    """Where the last good copy of a realtime database is kept: beside it."""
    return database.with_name(f"{database.name}.last-good")


class KeptProjection:
    """``ports.asterisk.Projector``; blocks on the files: call it in a thread."""

    def __init__(self, database: Path, sounds: str = SOUNDS, command: Callable[[str], str] | None = None) -> None:
        """``command`` runs one of Asterisk's console, which is told what to forget; raises OSError."""
        self._database = database
        self._command = command
        self._projection = Projection(database, sounds=sounds)
        self._applied = self._copied = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    def apply(
        self,
        tenants: Iterable[Pbx],
        *,
        elsewhere: Collection[int] = (),
        audios: Mapping[int, Stems] | None = None,
        ways: Mapping[str, Way] = NO_WAYS,
        hurried: Collection[int] = (),
    ) -> Difference:
        """As ``Projection.apply``; what it changed is copied soon by ``run``."""
        found = self._projection.apply(tenants, elsewhere=elsewhere, audios=audios, ways=ways, hurried=hurried)
        if self._command is not None:
            memory.forget(self._command, found)
        # What was applied first may have been there before, and its copy have been prevented.
        if not found.empty or not self._applied:
            self._applied += 1
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._news.set)
        return found

    def keep(self) -> None:
        """Copy what was changed since the last copy, unless there is nothing worth keeping. Blocks.

        Raises OSError and sqlite3.Error, as when the disk is full; the older copy stays then.
        """
        applied = self._applied
        if applied != self._copied:
            last_good.keep(self._database, copy_of(self._database))
            self._copied = applied

    async def run(self) -> None:
        """Keep the copy, for ever; raises what ``keep`` raises, and goes on where it left off when called again."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            await asyncio.to_thread(self.keep)
            await self._news.wait()
            await asyncio.sleep(PAUSE)

    def replaced(self) -> bool:
        return self._projection.replaced()

    def close(self) -> None:
        self._projection.close()
