"""Blocked calls of the whole fleet: who met a block, when, what they heard of which audio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.gate import BlockedCall
from asterisk_ext.domain.server import Server
from asterisk_ext.ports import Fleet, Peers
from asterisk_ext.ports.audio import BlockedCallLog
from asterisk_ext.services.audit import Audit

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    call: BlockedCall
    server: str
    """Where it met the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Blocked calls, the newest first, and counts by day; of the ``silent`` servers nothing is known."""

    calls: Sequence[Blocked]
    counts: Sequence[BlockedCount] = ()
    silent: Sequence[str] = ()


class BlockedCalls:
    def __init__(self, node: str, log: BlockedCallLog, peers: Peers, fleet: Fleet, audit: Audit) -> None:
        self._node = node
        self._log = log
        self._peers = peers
        self._fleet = fleet
        self._audit = audit

    async def here(self, actor: Actor, wanted: Wanted) -> list[BlockedCall]:
        """Those of this server."""
        require(actor, Act.SEE_CALLS, wanted.pbx)
        return await self._log.calls(wanted)

    async def counts_here(self, actor: Actor, pbx: int | None = None) -> list[BlockedCount]:
        require(actor, Act.SEE_CALLS, pbx)
        return await self._log.counts(pbx)

    async def table(self, actor: Actor, wanted: Wanted) -> Table:
        """Those of every server; a token of one virtual PBX must ask for that one."""
        require(actor, Act.SEE_CALLS, wanted.pbx)
        others = self._others(actor)
        own, counts = await asyncio.gather(self._log.calls(wanted), self._log.counts(wanted.pbx))
        listed = [Blocked(call=call, server=self._node) for call in own]
        tally = list(counts)
        silent = []
        told = await asyncio.gather(
            *(
                _unless_silent(
                    asyncio.gather(
                        self._peers.blocked_calls(server, wanted), self._peers.blocked_counts(server, wanted.pbx)
                    )
                )
                for server in others
            )
        )
        for server, answer in zip(others, told, strict=True):
            if answer is None:
                silent.append(server.name)
                continue
            calls, counted = answer
            listed += [Blocked(call=call, server=server.name) for call in calls]
            tally += counted
        listed.sort(key=lambda blocked: -blocked.call.at)
        return Table(calls=listed[: wanted.count], counts=summed(tally), silent=silent)

    async def forget(self, actor: Actor, pbx: int) -> int:
        """Erase a virtual PBX's blocked calls on this server (LGPD); how many there were."""
        require(actor, Act.MANAGE_USERS)
        gone = await self._log.forget(pbx)
        await self._audit.note(actor, Act.MANAGE_USERS, str(pbx), erased=gone)
        return gone

    def _others(self, actor: Actor) -> list[Server]:
        if actor.peer:
            return []
        reports = self._fleet.reports()
        return [server for server in self._fleet.servers() if server.name in reports and server.name != self._node]


async def _unless_silent(answer: Awaitable[T]) -> T | None:
    try:
        return await answer
    except Refusal:
        return None


def summed(counts: Sequence[BlockedCount]) -> list[BlockedCount]:
    """The counts of several servers together, the newest day first."""
    together: dict[tuple[str, int, str], tuple[int, float]] = {}
    for count in counts:
        calls, heard = together.get((count.day, count.pbx, count.audio), (0, 0.0))
        together[count.day, count.pbx, count.audio] = (calls + count.calls, heard + count.heard)
    found = [BlockedCount(*key, *values) for key, values in together.items()]
    return sorted(found, key=lambda count: (count.day, -count.pbx, count.audio), reverse=True)
