"""The node's own copy of the registry: durable, typed, readable without waiting, and aware of its age."""

from __future__ import annotations

import asyncio
import sqlite3
from bisect import bisect_left, insort
from collections.abc import Iterable
from pathlib import Path

from sqlite_utils import Database

from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.server import UNKNOWN as UNKNOWN_SERVER
from asterisk_ext.domain.server import Report, Server
from asterisk_ext.ports import Change, Clock, Gap, Item, Registry
from asterisk_ext.services import records
from asterisk_ext.services.virtual_pbx import UNKNOWN as UNKNOWN_PBX

SCHEMA = """
CREATE TABLE IF NOT EXISTS item (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL, at REAL NOT NULL);
"""


class LocalCopy:
    """``ports.Fleet`` from a SQLite file that ``follow`` keeps equal to the registry."""

    def __init__(self, path: Path, clock: Clock) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._clock = clock
        self._database = Database(sqlite3.connect(path, isolation_level=None))
        self._database.conn.execute("PRAGMA journal_mode = WAL")
        self._database.conn.execute("PRAGMA synchronous = NORMAL")
        self._database.conn.executescript(SCHEMA)
        self._keys: list[str] = []
        self._items: dict[str, Item] = {}
        self._servers: dict[str, Server] = {}
        self._tenants: dict[int, Pbx] = {}
        self._map = Map()
        self._reports: dict[str, Report] = {}
        self._news = asyncio.Event()
        row = self._database.conn.execute("SELECT revision, at FROM seen").fetchone()
        self._revision: int = row[0] if row else 0
        self._fresh_at: float = row[1] if row else 0.0
        self._load(Item(*row) for row in self._database.conn.execute("SELECT key, value, revision FROM item"))

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def map_revision(self) -> int:
        """Revision of the maintenance map; 0 while there is none."""
        item = self._items.get(records.MAINTENANCE)
        return item.revision if item else 0

    def age(self, now: float) -> float:
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

    def maintenance(self) -> Map:
        return self._map

    def reports(self) -> dict[str, Report]:
        return self._reports

    def item(self, key: str) -> Item | None:
        return self._items.get(key)

    def items(self, prefix: str) -> list[Item]:
        start = bisect_left(self._keys, prefix)
        end = bisect_left(self._keys, prefix + "\U0010ffff")
        return [self._items[key] for key in self._keys[start:end]]

    async def reached(self, revision: int) -> None:
        try:
            async with asyncio.timeout(1):
                await self.after(revision - 1)
        except TimeoutError:
            return

    async def after(self, revision: int) -> None:
        while self._revision <= revision:
            await self._news.wait()

    async def follow(self, registry: Registry) -> None:
        """Keep the copy equal to the registry; raises when the registry is lost, to be called again."""
        if not self._revision:
            await self._take(registry)
        async for change in registry.watch("", self._revision):
            if isinstance(change, Gap):
                await self._take(registry)
                return
            self._apply(change)

    async def hear(self, registry: Registry) -> None:
        """Learn the nodes' last reports; hearing them also proves that the registry answers."""
        beats = await registry.beats()
        self._reports = {node: records.decode_report(data, at) for node, (at, data) in beats.items()}
        self._fresh_at = self._clock()

    def close(self) -> None:
        self._database.close()

    async def _take(self, registry: Registry) -> None:
        items, revision = await registry.snapshot("")
        connection = self._database.conn
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM item")
        connection.executemany("INSERT INTO item VALUES (?, ?, ?)", [(i.key, i.value, i.revision) for i in items])
        self._remember(revision)
        connection.execute("COMMIT")
        self._load(items)
        self._announce()

    def _apply(self, change: Change) -> None:
        connection = self._database.conn
        connection.execute("BEGIN IMMEDIATE")
        if change.value is None:
            connection.execute("DELETE FROM item WHERE key = ?", (change.key,))
        else:
            row = (change.key, change.value, change.revision)
            connection.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", row)
        self._remember(change.revision)
        connection.execute("COMMIT")
        if change.value is None:
            self._forget(change.key)
        else:
            self._learn(Item(change.key, change.value, change.revision))
        self._announce()

    def _remember(self, revision: int) -> None:
        self._revision, self._fresh_at = revision, self._clock()
        self._database.conn.execute("INSERT OR REPLACE INTO seen VALUES (1, ?, ?)", (revision, self._fresh_at))

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _load(self, items: Iterable[Item]) -> None:
        self._items, self._keys, self._servers, self._tenants, self._map = {}, [], {}, {}, Map()
        for item in sorted(items, key=lambda item: item.key):
            self._learn(item)

    def _learn(self, item: Item) -> None:
        if item.key not in self._items:
            insort(self._keys, item.key)
        self._items[item.key] = item
        if item.key.startswith(records.TENANTS):
            pbx = records.decode_tenant(item.value)
            self._tenants[pbx.id] = pbx
        elif item.key.startswith(records.SERVERS):
            server = records.decode_server(item.value)
            self._servers[server.name] = server
        elif item.key == records.MAINTENANCE:
            self._map = records.decode_map(item.value)

    def _forget(self, key: str) -> None:
        item = self._items.pop(key, None)
        if item is None:
            return
        del self._keys[bisect_left(self._keys, key)]
        if key.startswith(records.TENANTS):
            self._tenants.pop(records.decode_tenant(item.value).id, None)
        elif key.startswith(records.SERVERS):
            self._servers.pop(records.decode_server(item.value).name, None)
        elif key == records.MAINTENANCE:
            self._map = Map()
