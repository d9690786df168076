"""The guard as the node service's use cases see it."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from asterisk_ext.ports.guard import Attempt, Banned, GuardEvent, Spared
from firewall.socket.client import BanRow, GuardClient

EXPLAINED = 100
"""So many of the newest bans come with the attempts that decided them."""
SHOWN = 20
"""Attempts of a ban or of a spared address."""
NOTHING: dict[str, Any] = {"attempts": ()}


class NodeGuard:
    """``ports.Guard`` over the guard's socket."""

    def __init__(self, client: GuardClient, ban_hours: float) -> None:
        self._client = client
        self._seconds = ban_hours * 3600

    async def bans(self) -> list[Banned]:
        rows = sorted(await self._client.bans(), key=lambda row: -row.since)
        judged = [row.source for row in rows[:EXPLAINED] if row.origin == "log"]
        told = dict(zip(judged, await self._client.explain_all(judged), strict=True))
        return [_banned(row, _attempts(told.get(row.source, NOTHING), row.since, row.failures)) for row in rows]

    async def spared(self) -> list[Spared]:
        rows = await self._client.spared()
        told = await self._client.explain_all([row.source for row in rows[:EXPLAINED]])
        told += [NOTHING] * (len(rows) - len(told))
        return [
            Spared(row.source, row.since, row.until, row.failures, row.reason, row.accounts, _attempts(found))
            for row, found in zip(rows, told, strict=True)
        ]

    async def metrics(self) -> str:
        return await self._client.metrics()

    async def events(self) -> AsyncGenerator[GuardEvent]:
        async with aclosing(self._client.events()) as events:
            async for event in events:
                yield msgspec.convert(event, GuardEvent)

    async def ban(self, address: str, reason: str, by: str) -> Banned:
        return _banned(await self._client.ban(address, self._seconds, reason), ())

    async def ban_for_fleet(self, address: str, seconds: float, node: str) -> None:
        await self._client.ban(address, seconds, node, origin="fleet")

    async def lift(self, address: str, by: str) -> None:
        await self._client.lift(address)

    async def set_fleet(self, addresses: Sequence[str]) -> None:
        await self._client.fleet(addresses)


def _attempts(told: Mapping[str, Any], until: float = math.inf, most: int = SHOWN) -> tuple[Attempt, ...]:
    """The latest ``most`` until a time, the oldest first; the guard tells the latest first."""
    found = [attempt for attempt in msgspec.convert(told["attempts"], list[Attempt]) if attempt.at <= until]
    return tuple(reversed(found[: min(most, SHOWN)]))


def _banned(row: BanRow, attempts: Sequence[Attempt]) -> Banned:
    return Banned(row.source, row.since, row.until, row.failures, row.reason, row.origin, tuple(attempts))
