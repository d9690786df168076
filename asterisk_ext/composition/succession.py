"""The registry's server changes: this node takes it over, tells the others, or heeds the one that has."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.node_rights import check_console
from asterisk_ext.domain.registry_life import STALE, Life
from asterisk_ext.ports import MOVED_MARK, Clock
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.engine import DATABASE
from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.registry.switch import Switch
from asterisk_ext.services import consoles
from asterisk_ext.services.audio_library import library
from asterisk_ext.services.joining import address_of
from asterisk_ext.services.records import LIFE, encode
from asterisk_ext.services.registry_life import renew
from asterisk_ext.store import LocalCopy
from asterisk_ext.trust import seat
from asterisk_ext.trust.files import private
from asterisk_ext.trust.identity import Home, Identity
from asterisk_ext.trust.seat import Seat

log = logging.getLogger(__name__)

AGAIN = 5.0
"""Seconds after which who has not heard is told again."""
TRIES = 3
"""A server that is slow is not dead."""
PROMOTED, BLOBS, LOST = "promoted.json", "standby", "lost-writes.json"


@dataclass(slots=True)
class Succession:
    """``services.promotion.Seats``"""

    name: str
    identity: Identity
    registry: Switch
    copy: LocalCopy
    clock: Clock
    state: Path
    lost: Sequence[str] = field(default=())
    """Records that this server had acknowledged as the registry, and that its successor does not know."""

    @property
    def is_here(self) -> bool:
        return self.registry.is_here

    async def answers(self) -> bool:
        for _ in range(TRIES):
            with suppress(Refusal):
                await self.registry.get(LIFE)
                return True
        return False

    def seat(self) -> Seat | None:
        """Who keeps the registry, as far as this node knows."""
        life, home = self.copy.life, self.identity.home
        since = self._promoted_at() if self.is_here else 0
        keeper = home.keeper if home else self.name
        return Seat(keeper, life.epoch, life.id, since) if life else None

    async def take(self) -> tuple[int, Sequence[str]]:
        """A new file is filled beside, put in place, and used; until then nothing has changed."""
        draft, place = self.state / f"{DATABASE}.promoted", self.state / DATABASE
        await asyncio.to_thread(_set_aside, draft, "dropped")
        made, revision = EmbeddedRegistry(draft, self.clock), self.copy.revision
        try:
            await made.fill(self.copy.items(""), revision, self._heard())
            missing = [name for name in self._wanted() if not await self._carried(made, name)]
            life = await renew(made, self.copy.life)
        finally:
            await made.close()
        await asyncio.to_thread(_set_aside, place, f"before-{life.epoch}")
        await asyncio.to_thread(os.replace, draft, place)
        private(self.state / PROMOTED, msgspec.json.encode(revision))
        self.identity.leave_home()
        await self.registry.use(EmbeddedRegistry(place, self.clock, time.monotonic))
        return life.epoch, missing

    async def heed(self, node: str, told: Seat) -> None:
        """Follow ``node`` from now on; refuses who is no console, and an epoch that is not above the one followed."""
        check_console(node, "the registry's server", consoles.of(self.copy))
        ours = self.copy.life
        if ours == Life(told.epoch, told.id) and not self.is_here:
            return
        if ours is not None and told.epoch <= ours.epoch:
            raise STALE.refuse(theirs=told.epoch, ours=ours.epoch)
        home = Home(address_of(self.copy.server(node)), node)
        if isinstance(self.registry.engine, EmbeddedRegistry):
            await self._step_down(self.registry.engine, told)
        self.identity.move_home(home)
        await self.registry.use(RemoteRegistry(home.url, self.identity.asking, home.keeper))
        log.warning("the registry is kept by %s from now on (epoch %s)", node, told.epoch)

    async def look(self) -> None:
        """Before a server of the registry that was away serves: whether another has taken its place meanwhile."""
        ours = self.copy.life
        if not self.is_here or ours is None:
            return
        others = [server for server in self.copy.servers() if server.name != self.name]
        answers = await asyncio.gather(*(seat.asked(server, self.identity.asking) for server in others))
        for told in answers:
            if told is not None and told.epoch > ours.epoch and told.keeper != self.name:
                # Who follows the successor does not know up to where that one knew us: the successor itself does.
                keeper = next((server for server in others if server.name == told.keeper), None)
                first_hand = await seat.asked(keeper, self.identity.asking) if keeper else None
                if first_hand is not None and first_hand.keeper == told.keeper:
                    await self.heed(told.keeper, first_hand)
                    return

    async def run(self) -> None:
        """Tell every server until it has heard, for ever; only a promoted one has anything to tell."""
        heard: set[str] = set()
        while True:
            told = self.seat()
            if self.is_here and told is not None and told.since:
                waiting = [s for s in self.copy.servers() if s.name != self.name and s.name not in heard]
                for server in waiting:
                    if await seat.told(server, self.identity.asking, told):
                        heard.add(server.name)
            await asyncio.sleep(AGAIN if not self.is_here or heard else 1.0)

    async def stand_by(self) -> None:
        """On a console: have the contents of all audios here, for a promotion; for ever."""
        await asyncio.to_thread((self.state / BLOBS).mkdir, mode=0o700, parents=True, exist_ok=True)
        while True:
            revision = self.copy.revision
            if not self.is_here and self.name in consoles.of(self.copy):
                wanted, kept = set(self._wanted()), set(await asyncio.to_thread(os.listdir, self.state / BLOBS))
                for name in wanted - kept:
                    if (data := await self.registry.get_blob(name)) is not None:
                        await asyncio.to_thread(private, self._kept(name), data)
                for name in kept - wanted:
                    await asyncio.to_thread(self._kept(name).unlink)
            await self.copy.after(revision)

    def _heard(self) -> list[tuple[str, float, bytes]]:
        """What the nodes last said: who was silent is silent still."""
        return [(node, report.at, encode(report)) for node, report in self.copy.reports().items()]

    def _wanted(self) -> list[str]:
        return sorted({name for recording in library(self.copy).recordings.values() for name in recording.blobs})

    def _kept(self, name: str) -> Path:
        return self.state / BLOBS / name

    async def _carried(self, registry: EmbeddedRegistry, name: str) -> bool:
        with suppress(OSError):
            data = await asyncio.to_thread(self._kept(name).read_bytes)
            return hashlib.sha256(data).hexdigest() == name and await registry.put_blob(data) == name
        return False

    async def _step_down(self, own: EmbeddedRegistry, told: Seat) -> None:
        """What was acknowledged here and is not known there is listed, logged, and kept beside the former file."""
        self.lost = await own.keys_since(told.since)
        for key in self.lost:
            log.warning("lost with the change of the registry's server: %s", key)
        private(self.state / LOST, msgspec.json.encode(self.lost))
        if await own.get(MOVED_MARK) is None:
            await own.create(MOVED_MARK, msgspec.json.encode({"to": told.keeper}))

    def _promoted_at(self) -> int:
        try:
            return msgspec.json.decode((self.state / PROMOTED).read_bytes(), type=int)
        except FileNotFoundError:
            return 0


def _set_aside(database: Path, ending: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        part = database.with_name(database.name + suffix)
        if part.exists():
            part.replace(database.with_name(f"{database.name}.{ending}{suffix}"))
