"""The node's own copy of the registry: durable, typed, readable without waiting, and aware of its age."""

from __future__ import annotations

import asyncio
import gc
import logging
import sqlite3
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from operator import attrgetter
from pathlib import Path

import msgspec

from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.registry_life import STALE, Life, Step, judge
from asterisk_ext.domain.server import UNKNOWN as UNKNOWN_SERVER
from asterisk_ext.domain.server import Report, Server
from asterisk_ext.ports import Change, Clock, Gap, Item, Registry
from asterisk_ext.services import records
from asterisk_ext.services.heard import Heard
from asterisk_ext.services.virtual_pbx import UNKNOWN as UNKNOWN_PBX
from asterisk_ext.store.copy_file import CopyFile, is_passing

AT_ONCE = 2_000
"""Tenants read together."""
log = logging.getLogger(__name__)


class LocalCopy:
    """``ports.Fleet`` from a SQLite file that ``follow`` keeps equal to the registry."""

    def __init__(self, path: Path, clock: Clock, patience: float = 0.05, ticks: Clock | None = None) -> None:
        """``ticks``: a clock that nobody sets, by which the copy's age is told; ``clock`` where there is none."""
        self._clock = clock
        self._ticks = ticks
        self._file = CopyFile(path, patience)
        self._keys: list[str] = []
        self._items: dict[str, Item] = {}
        self._servers: dict[str, Server] = {}
        self._tenants: dict[int, Pbx] = {}
        self._homes: Mapping[str, int] | None = None
        """None where they are to be counted anew."""
        self._map = Map()
        self._heard = Heard(ticks or clock)
        self._news = asyncio.Event()
        self._is_followed = False
        self._revision, self._fresh_at = self._file.revision, self._file.at
        self._fresh_tick: float | None = None
        self._touched: dict[str, int] = {}
        self._taken_at = self._revision
        """Revision at which all records were taken together."""
        self._former = 0
        """Revision reached of the registry before, where this one counts lower: nobody waits for that to be passed."""
        self._taken = self._revision > 0
        """Whether the file can be added to; else it is filled whole."""
        self._load(self._file.items)
        self._file.items = []

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def life(self) -> Life | None:
        """Of the registry that is followed; None before one was met."""
        item = self._items.get(records.LIFE)
        return records.decode(item.value, Life) if item else None

    @property
    def map_revision(self) -> int:
        """Revision of the maintenance map; 0 while there is none."""
        item = self._items.get(records.MAINTENANCE)
        return item.revision if item else 0

    def age(self, now: float) -> float:
        if self._ticks is not None and self._fresh_tick is not None:
            return self._ticks() - self._fresh_tick
        return max(0.0, now - self._fresh_at)

    def servers(self) -> list[Server]:
        return list(self._servers.values())

    def server(self, name: str) -> Server:
        if name not in self._servers:
            raise UNKNOWN_SERVER.refuse(server=name)
        return self._servers[name]

    def tenants(self) -> list[Pbx]:
        return list(self._tenants.values())

    def tenant(self, pbx: int) -> Pbx:
        if pbx not in self._tenants:
            raise UNKNOWN_PBX.refuse(pbx=pbx)
        return self._tenants[pbx]

    def homes(self) -> Mapping[str, int]:
        if self._homes is None:
            self._homes = Counter(pbx.home for pbx in self._tenants.values())
        return self._homes

    def maintenance(self) -> Map:
        return self._map

    def reports(self) -> dict[str, Report]:
        return self._heard.reports

    async def look(self) -> None:
        await self._heard.look()

    def item(self, key: str) -> Item | None:
        return self._items.get(key)

    def items(self, prefix: str) -> list[Item]:
        start = bisect_left(self._keys, prefix)
        end = bisect_left(self._keys, prefix + "\U0010ffff")
        return [self._items[key] for key in self._keys[start:end]]

    async def reached(self, revision: int) -> None:
        try:
            async with asyncio.timeout(1):
                while self._revision < revision:
                    await self._news.wait()
        except TimeoutError:
            return

    async def after(self, revision: int) -> None:
        while self._revision <= revision and not self._is_former(revision):
            await self._news.wait()

    def touched(self, *kinds: str) -> int:
        return max(self._taken_at, *(self._touched.get(kind, 0) for kind in kinds))

    async def after_touch(self, revision: int, *kinds: str) -> None:
        while self.touched(*kinds) <= revision and not self._is_former(revision):
            await self._news.wait()

    def _is_former(self, revision: int) -> bool:
        return self._revision < revision <= self._former

    async def follow(self, registry: Registry) -> None:
        """Keep the copy equal to the registry; raises when the registry is lost, to be called again.

        Refuses ``registry.stale`` where what answers is not the registry that was followed; the copy stays as it is.
        """
        self._is_followed = False
        theirs = await registry.get(records.LIFE)
        step = judge(self.life, records.decode(theirs.value, Life) if theirs else None)
        if not self._taken or step is Step.TAKE_ANEW:
            await self._take(registry, another=step is Step.TAKE_ANEW)
            self._taken = True
        self._is_followed = True
        async with aclosing(registry.watch("", self._revision)) as changes:
            async for change in changes:
                if isinstance(change, Gap):
                    break
                self._apply(change)
            else:
                return
        await self._take(registry)

    async def hear(self, registry: Registry) -> None:
        """Learn the nodes' last reports; hearing them also proves that the registry that is followed answers."""
        beats = await registry.beats()
        self._heard.take(beats)
        if self._is_followed:
            self._freshen()

    async def rest(self, seconds: float) -> None:
        """Wait so long before the next ``hear``, or until somebody looks at the reports."""
        await self._heard.rest(seconds)

    def close(self) -> None:
        self._file.close()

    async def _take(self, registry: Registry, another: bool = False) -> None:
        items, revision = await registry.snapshot("")
        if self.life and not another and revision < self._revision:
            self._is_followed = False
            raise STALE.refuse(theirs=self.life.epoch, ours=self.life.epoch)
        self._file.replace(items, revision, self._clock())
        self._former = max(self._former, self._revision)
        self._revision = self._taken_at = revision
        self._touched.clear()
        self._freshen()
        self._load(items)
        self._announce()

    def _apply(self, change: Change) -> None:
        try:
            self._file.change(change, self._clock())
        except sqlite3.DatabaseError as error:
            if not is_passing(error):
                self._taken = False
            raise
        self._revision = self._touched[_kind(change.key)] = change.revision
        self._freshen()
        if change.value is None:
            self._forget(change.key)
        else:
            self._learn(Item(change.key, change.value, change.revision))
        self._announce()

    def _freshen(self) -> None:
        self._fresh_at = self._clock()
        self._fresh_tick = self._ticks() if self._ticks else None

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _load(self, items: Iterable[Item]) -> None:
        ordered = sorted(items, key=attrgetter("key"))
        self._keys = [item.key for item in ordered]
        self._items = dict(zip(self._keys, ordered, strict=True))
        self._servers, self._tenants, self._homes, self._map = {}, {}, None, Map()
        with _uncollected():
            start, end = (bisect_left(self._keys, edge) for edge in (records.TENANTS, f"{records.TENANTS}\U0010ffff"))
            for place in range(start, end, AT_ONCE):
                self._learn_tenants(ordered[place : min(place + AT_ONCE, end)])
            for item in (*ordered[:start], *ordered[end:]):
                self._try(item)

    def _learn_tenants(self, items: Sequence[Item]) -> None:
        try:
            self._tenants |= {pbx.id: pbx for pbx in records.decode_tenants([item.value for item in items])}
        except (msgspec.MsgspecError, ValueError, TypeError):
            for item in items:
                self._try(item)

    def _learn(self, item: Item) -> None:
        if item.key not in self._items:
            insort(self._keys, item.key)
        self._items[item.key] = item
        self._try(item)

    def _try(self, item: Item) -> None:
        try:
            self._understand(item)
        except (msgspec.MsgspecError, ValueError, TypeError):
            log.exception("the record %s cannot be read; what was known of it before goes on", item.key)

    def _understand(self, item: Item) -> None:
        if item.key.startswith(records.TENANTS):
            pbx = records.decode_tenant(item.value)
            self._tenants[pbx.id] = pbx
            self._homes = None
        elif item.key.startswith(records.SERVERS):
            server = records.decode_server(item.value)
            self._servers[server.name] = server
        elif item.key == records.MAINTENANCE:
            self._map = records.decode_map(item.value)

    def _forget(self, key: str) -> None:
        if self._items.pop(key, None) is None:
            return
        del self._keys[bisect_left(self._keys, key)]
        if key.startswith(records.TENANTS):
            self._tenants.pop(int(key.removeprefix(records.TENANTS)), None)
            self._homes = None
        elif key.startswith(records.SERVERS):
            self._servers.pop(key.removeprefix(records.SERVERS), None)
        elif key == records.MAINTENANCE:
            self._map = Map()


def _kind(key: str) -> str:
    """``pbx/`` of ``pbx/00000001``; a key without a slash is a kind of its own."""
    kind, slash, _ = key.partition("/")
    return kind + slash


@contextmanager
def _uncollected() -> Iterator[None]:
    """A hundred thousand records are made, none is garbage: looking for any takes longer than making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
