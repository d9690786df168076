"""Bans of the whole fleet: this node's own are told to the others, and theirs are made here.

What is told follows from the guard's own durable state, so a ban that was made while the registry was out of reach is
told when it is back; what is made here follows from this node's copy, so a node that was away catches up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.security_event import PROVEN
from asterisk_ext.domain.shared_ban import Evidence, Wanted, wanted
from asterisk_ext.guard_ports import Banned, Guard
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.services.records import EVIDENCE, LIFTS, decode, encode, evidence_key
from asterisk_ext.services.waiting import first

log = logging.getLogger(__name__)

AT_LEAST = 10.0
"""Seconds after which the guard is asked even where it told of nothing: bans end by themselves."""


class SharedBans:
    def __init__(self, node: str, guard: Guard, registry: Registry, fleet: Fleet, clock: Clock) -> None:
        self._node = node
        self._guard = guard
        self._registry = registry
        self._fleet = fleet
        self._clock = clock
        self._made: dict[str, float] = {}
        """What was banned here on another's word, or held back, by that word's time: not to be done twice."""

    async def tell(self) -> None:
        """Tell the others of every ban of this node's own, for ever; raises when guard or registry is lost."""
        events = aiter(self._guard.events())
        news = asyncio.ensure_future(anext(events))
        try:
            while True:
                await self.tell_all()
                done, _ = await asyncio.wait({news}, timeout=AT_LEAST)
                if done:
                    news.result()
                    news = asyncio.ensure_future(anext(events))
        except StopAsyncIteration:
            return
        finally:
            news.cancel()

    async def tell_all(self) -> None:
        """Make this node's evidence in the registry what its guard's own bans are."""
        own = {ban.address: _evidence(self._node, ban) for ban in await self._guard.bans() if ban.origin != "fleet"}
        lifted = self.lifts()
        prefix = evidence_key(self._node, "")
        for told_before in self._fleet.items(prefix):
            if told_before.key.removeprefix(prefix) not in own:
                await self._quietly(self._registry.delete(told_before.key, told_before.revision))
        for address, told in own.items():
            key = evidence_key(self._node, address)
            item = self._fleet.item(key)
            if told.since <= lifted.get(address, 0.0):
                continue
            if item is None:
                await self._quietly(self._registry.create(key, encode(told)))
            elif decode(item.value, Evidence).until != told.until:
                await self._quietly(self._registry.compare_and_set(key, encode(told), item.revision))

    async def make(self) -> None:
        """Ban what the others prove and lift what an operator lifted, whenever the copy changes; for ever."""
        before: object = None
        while True:
            revision = self._fleet.revision
            now = (self._fleet.items(EVIDENCE), self._fleet.items(LIFTS))
            if now != before:
                await self.make_all()
                before = now
            await first(self._fleet.after(revision))

    async def make_all(self) -> None:
        lifted, now = self.lifts(), self._clock()
        known = [server.name for server in self._fleet.servers()]
        evidence = [decode(item.value, Evidence) for item in self._fleet.items(EVIDENCE)]
        to_make = wanted(evidence, lifted, known, self._node, now)
        bans = {ban.address: ban for ban in await self._guard.bans()}
        for address, ban in bans.items():
            gone = ban.origin == "fleet" and address not in to_make
            if gone or ban.since <= lifted.get(address, 0.0):
                await self._lift(address)
        for address, one in to_make.items():
            if address not in bans and self._made.get(address) != one.since:
                await self._ban(one, now)

    def lifts(self) -> dict[str, float]:
        """When an operator last lifted an address."""
        return {item.key.removeprefix(LIFTS): decode(item.value, float) for item in self._fleet.items(LIFTS)}

    async def _ban(self, one: Wanted, now: float) -> None:
        self._made[one.address] = one.since
        try:
            await self._guard.ban_for_fleet(one.address, one.until - now, one.node)
        except Refusal as refusal:
            if refusal.problem.status == 503:
                del self._made[one.address]
                raise
            log.warning("the ban of %s by %s is held back here: %s", one.address, one.node, refusal.error_id)

    async def _lift(self, address: str) -> None:
        self._made.pop(address, None)
        try:
            await self._guard.lift(address, "fleet")
        except Refusal as refusal:
            if refusal.problem.status == 503:
                raise

    async def _quietly(self, write: Awaitable[int]) -> None:
        """Somebody else's write in the meantime is heard of through the copy."""
        try:
            await write
        except Refusal as refusal:
            if refusal.error_id != "registry.conflict":
                raise


def _evidence(node: str, ban: Banned) -> Evidence:
    proven = ban.origin == "operator" or _is_proven(attempt.transport for attempt in ban.attempts)
    return Evidence(node=node, address=ban.address, since=ban.since, until=ban.until, proven=proven, reason=ban.reason)


def _is_proven(transports: Iterable[str]) -> bool:
    return any(transport in PROVEN for transport in transports)
