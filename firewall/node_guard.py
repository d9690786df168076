"""The guard as the node service's use cases see it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from asterisk_ext.ports import Banned
from firewall.guard_client import BanRow, GuardClient

EXPLAINED = 100
"""So many of the newest bans come with the log lines that decided them."""


class NodeGuard:
    """``ports.Guard`` over the guard's socket."""

    def __init__(self, client: GuardClient, ban_hours: float) -> None:
        self._client = client
        self._seconds = ban_hours * 3600

    async def bans(self) -> list[Banned]:
        rows = sorted(await self._client.bans(), key=lambda row: -row.since)
        newest = await asyncio.gather(*(self._explained(row) for row in rows[:EXPLAINED]))
        return [*newest, *(_banned(row, ()) for row in rows[EXPLAINED:])]

    async def ban(self, address: str, reason: str, by: str) -> Banned:
        return _banned(await self._client.ban(address, self._seconds, reason), ())

    async def lift(self, address: str, by: str) -> None:
        await self._client.lift(address)

    async def set_fleet(self, addresses: Sequence[str]) -> None:
        await self._client.fleet(addresses)

    async def _explained(self, row: BanRow) -> Banned:
        return _banned(row, (await self._client.explain(row.source))["lines"])


def _banned(row: BanRow, lines: Sequence[str]) -> Banned:
    return Banned(row.source, row.since, row.until, row.failures, row.reason, tuple(lines))
