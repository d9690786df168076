"""Bringing the audios that this node plays to where its Asterisk finds them, before anything points to them.

What is in force changes only when its files are there, so that between an act and its delivery callers hear what they
heard before. What cannot be brought is left out: the next best is played, and it is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging

from asterisk_ext.domain.audio import Kind, Library, Recording, Stems
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import known_here
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.ports.audio import SoundFolder
from asterisk_ext.services.audio_library import library, revision
from asterisk_ext.services.maintenance_plans import expected_at, lingering_at
from asterisk_ext.services.records import AUDIO_USES, AUDIOS, MAINTENANCE, PLANS, TENANTS

log = logging.getLogger(__name__)

READ = (AUDIOS, AUDIO_USES, MAINTENANCE, PLANS, TENANTS)
"""The kinds of records that this is decided by."""
LOOK = 5.0
"""Seconds between two looks whether every file is still there."""


class AudioDelivery:
    def __init__(self, node: str, fleet: Fleet, registry: Registry, folder: SoundFolder, clock: Clock) -> None:
        self._node = node
        self._fleet = fleet
        self._registry = registry
        self._folder = folder
        self._clock = clock
        self._in_force: tuple[Library, dict[tuple[str, int | None], Stems]] = (Library(), {})
        """What is played here, and the stems reckoned from it; one value, since threads read it."""
        self.revision = 0
        """The registry's revision whose choice is in force here."""
        self.missing: tuple[str, ...] = ()
        """Names of chosen recordings that could not be brought here."""
        self.expected: tuple[str, ...] = ()
        """Servers about to be served here whose audios have been brought, as far as that can be."""
        self.delivered = 0
        """Counts the changes of what is in force."""
        self._news = asyncio.Event()

    def choices(self, kind: Kind, pbx: Pbx) -> tuple[Recording, ...]:
        """What a virtual PBX's callers hear here, the best first; only what lies on this node."""
        return self._in_force[0].choices(kind, pbx.id, pbx.language)

    def stems(self, pbx: Pbx) -> Stems:
        """Reckoned once for all that have no audio of their own and speak one language: there may be thousands."""
        library, known = self._in_force
        key = (pbx.language, pbx.id if pbx.id in library.own else None)
        if key not in known:
            known[key] = {
                kind: tuple(found.stem for found in library.choices(kind, pbx.id, pbx.language)) for kind in Kind
            }
        return known[key]

    async def after(self, delivered: int) -> None:
        """Wait until something else is in force than at that count."""
        while self.delivered == delivered:
            await self._news.wait()

    async def run(self) -> None:
        """Deliver whenever the choice has changed or a file is lost, for ever."""
        while True:
            seen = self._fleet.revision
            await self.deliver()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._fleet.after_touch(seen, *READ)

    async def deliver(self) -> None:
        """Once: bring what is missing, put it in force, sweep what nothing has asked for in a day."""
        wanted, at = library(self._fleet), revision(self._fleet)
        expected = expected_at(self._node, self._fleet)
        visitors = (*expected, *lingering_at(self._node, self._fleet))
        tenants = known_here(self._node, self._fleet.maintenance(), self._fleet.tenants(), visitors)
        needed = wanted.needed([pbx.id for pbx in tenants])
        there = [recording for recording in needed if await self._is_brought(recording)]
        missing = tuple(recording.name for recording in needed if recording not in there)
        if missing and missing != self.missing:
            log.warning("audios that could not be brought here: %s", ", ".join(missing))
        in_force = wanted.only([recording.name for recording in there])
        self.revision, self.missing = at, missing
        if in_force != self._in_force[0] or expected != self.expected:
            self._in_force, self.expected = (in_force, {}), expected
            self.delivered += 1
            self._news.set()
            self._news = asyncio.Event()
        stems = [recording.stem for recording in needed]
        await asyncio.to_thread(self._folder.sweep, stems, self._clock())

    async def _is_brought(self, recording: Recording) -> bool:
        if await asyncio.to_thread(self._folder.holds, recording):
            return True
        files = {}
        for ending, sha256 in recording.files.items():
            try:
                data = await self._registry.get_blob(sha256)
            except Refusal:
                return False
            if data is None or hashlib.sha256(data).hexdigest() != sha256:
                return False
            files[ending] = data
        try:
            await asyncio.to_thread(self._folder.put, recording, files)
        except OSError as error:
            log.warning("the audio %s could not be written: %s", recording.name, error)
            return False
        return True
