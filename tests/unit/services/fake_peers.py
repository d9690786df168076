"""``ports.Peers`` in memory: what each other node tells, and which do not answer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator

from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.call_media import Detail
from asterisk_ext.domain.call_news import Changed, Difference, Ended, Snapshot
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.gate import BlockedCall
from asterisk_ext.domain.server import Server
from asterisk_ext.ports import SILENT
from asterisk_ext.ports.guard import Banned, Spared
from asterisk_ext.services.live_calls import UNKNOWN
from tests.unit.services.fake_audios import CallsInMemory


class FakePeers:
    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.rows: dict[str, dict[str, Row]] = defaultdict(dict)
        self.banned: dict[str, dict[str, Banned]] = defaultdict(dict)
        self.blocked: dict[str, CallsInMemory] = defaultdict(CallsInMemory)
        self.spares: dict[str, list[Spared]] = defaultdict(list)
        self.hung_up: list[tuple[str, str, str]] = []
        self.listened_to: dict[str, asyncio.Queue[Difference | None]] = {}
        self.changed = asyncio.Event()

    async def calls(self, server: Server) -> list[Row]:
        self._answer(server)
        return list(self.rows[server.name].values())

    async def call_stream(self, server: Server) -> AsyncGenerator[Difference | None]:
        self._answer(server)
        queue = self.listened_to[server.name] = asyncio.Queue()
        self._tell()
        try:
            yield Snapshot(calls=list(self.rows[server.name].values()))
            while (difference := await queue.get()) is not None:
                yield difference
            raise SILENT.refuse(server=server.name)
        finally:
            del self.listened_to[server.name]
            self._tell()

    async def call(self, server: Server, linkedid: str) -> Detail:
        self._answer(server)
        if linkedid not in self.rows[server.name]:
            raise UNKNOWN.refuse(linkedid=linkedid)
        return {"call": self.rows[server.name][linkedid], "media": []}

    async def hang_up(self, server: Server, linkedid: str, by: str) -> None:
        self._answer(server)
        if linkedid not in self.rows[server.name]:
            raise UNKNOWN.refuse(linkedid=linkedid)
        self.hung_up.append((server.name, linkedid, by))

    async def spared(self, server: Server) -> list[Spared]:
        self._answer(server)
        return self.spares[server.name]

    async def bans(self, server: Server) -> list[Banned]:
        self._answer(server)
        return list(self.banned[server.name].values())

    async def blocked_calls(self, server: Server, wanted: Wanted) -> list[BlockedCall]:
        self._answer(server)
        return await self.blocked[server.name].calls(wanted)

    async def blocked_counts(self, server: Server, pbx: int | None) -> list[BlockedCount]:
        self._answer(server)
        return await self.blocked[server.name].counts(pbx)

    async def lift(self, server: Server, address: str, by: str) -> bool:
        self._answer(server)
        return self.banned[server.name].pop(address, None) is not None

    def say(self, server: str, row: Row) -> None:
        self.rows[server][row["linkedid"]] = row
        if queue := self.listened_to.get(server):
            queue.put_nowait(Changed(row))

    def end(self, server: str, linkedid: str) -> None:
        del self.rows[server][linkedid]
        if queue := self.listened_to.get(server):
            queue.put_nowait(Ended(linkedid, server))

    def fall_silent(self, server: str) -> None:
        """Answer no more, in the middle of what is told."""
        self.silent.add(server)
        if queue := self.listened_to.get(server):
            queue.put_nowait(None)

    async def until_listened_to(self, *servers: str) -> None:
        while self.listened_to.keys() != set(servers):
            await self.changed.wait()

    def _answer(self, server: Server) -> None:
        if server.name in self.silent:
            raise SILENT.refuse(server=server.name)

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()
