"""Bans of the whole fleet: this node's own are told to the others, and theirs are made here.

What is told follows from the guard's own durable state, so a ban that was made while the registry was out of reach is
told when it is back; what is made here follows from this node's copy, so a node that was away catches up.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import replace

import msgspec

from asterisk_ext.domain.allowance import Allowance
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.security_event import PROVEN
from asterisk_ext.domain.shared_ban import Evidence, Lift, Wanted, wanted
from asterisk_ext.ports import Clock, Fleet, Item, Registry
from asterisk_ext.ports.guard import Banned, Guard
from asterisk_ext.services.records import EVIDENCE, LIFTS, WITHDRAWN, decode, decode_lift, encode, evidence_key
from asterisk_ext.services.waiting import first

log = logging.getLogger(__name__)

BURST = 500.0
"""Bans of one node that are made here at once: a node that was away may have many to tell."""
A_SECOND = 1.0
"""As many more, from then on."""
AGAIN = 5.0
"""Seconds after which what was held back is tried again."""
SUBSCRIBER = {4: 32, 6: 64}
"""The widest that a ban may be."""
LONGEST = 366 * 86_400.0
"""Seconds of a ban on another's word."""
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
        self._known: dict[str, int] = {}
        """Serials of the lifts that are carried out here."""
        self._allowance = Allowance(BURST, A_SECOND)
        self.held: dict[str, int] = {}
        """How many bans of which node are held back, since it tells too many."""
        self.done = 0
        """The registry's revision up to which all is carried out here."""

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
        own = {ban.address: ban for ban in await self._guard.bans() if ban.origin != "fleet"}
        lifted = self.lifts()
        prefix = evidence_key(self._node, "")
        for told_before in self._fleet.items(prefix):
            if told_before.key.removeprefix(prefix) not in own:
                await self._quietly(self._registry.delete(told_before.key, told_before.revision))
        for address, ban in own.items():
            if self._is_lifted(ban, lifted.get(address)):
                continue
            lift = lifted.get(address)
            key, told = evidence_key(self._node, address), _evidence(self._node, ban, lift.serial if lift else 0)
            item = self._fleet.item(key)
            if item is None:
                await self._quietly(self._registry.create(key, encode(told)))
            elif (before := _told(item)) is None or before.until != told.until:
                await self._quietly(self._registry.compare_and_set(key, encode(told), item.revision))

    async def make(self) -> None:
        """Ban what the others prove and lift what an operator lifted, whenever the copy changes; for ever."""
        before: object = None
        while True:
            revision = self._fleet.revision
            now = tuple(self._fleet.items(prefix) for prefix in (EVIDENCE, LIFTS, WITHDRAWN))
            if now != before or self.held:
                await self.make_all()
                before = now
            self.done = revision
            await first(self._fleet.after(revision), *([asyncio.sleep(AGAIN)] if self.held else []))

    async def make_all(self) -> None:
        revision, lifted, now = self._fleet.revision, self.lifts(), self._clock()
        known = [server.name for server in self._fleet.servers()]
        to_make = wanted(self._evidence(), lifted, known, self._node, now)
        bans = {ban.address: ban for ban in await self._guard.bans()}
        for address, ban in bans.items():
            gone = ban.origin == "fleet" and address not in to_make
            if gone or self._is_lifted(ban, lifted.get(address)):
                await self._lift(address)
        self._known = {address: lift.serial for address, lift in lifted.items()}
        held: Counter[str] = Counter()
        for address, one in to_make.items():
            if address not in bans and self._made.get(address) != one.since:
                if self._allowance.take(one.node, now):
                    await self._ban(one, now)
                else:
                    held[one.node] += 1
        for node in held.keys() - self.held.keys():
            log.warning("%s tells of more bans than are made at once: %s are held back", node, held[node])
        self.held = dict(held)
        self.done = revision

    def lifts(self) -> dict[str, Lift]:
        """The last lift of each address."""
        return {item.key.removeprefix(LIFTS): decode_lift(item.value) for item in self._fleet.items(LIFTS)}

    def _evidence(self) -> list[Evidence]:
        """All that is told, but for what operators withdrew."""
        until = {item.key.removeprefix(WITHDRAWN): item.revision for item in self._fleet.items(WITHDRAWN)}
        told = [(item.revision, _told(item)) for item in self._fleet.items(EVIDENCE)]
        return [
            one
            for revision, one in told
            if one is not None and (one.node == self._node or revision > until.get(one.node, 0))
        ]

    def _is_lifted(self, ban: Banned, lift: Lift | None) -> bool:
        """Whether a ban of this node's own was made before the lift was known here.

        One that was told says so itself; else it is known since when this process has known of the lift, and after a
        start the times decide.
        """
        if lift is None or ban.origin == "fleet":
            return False
        item = self._fleet.item(evidence_key(self._node, ban.address))
        told = _told(item) if item else None
        if told is not None and told.since == ban.since:
            return told.lift < lift.serial
        if ban.address in self._known or self.done:
            return self._known.get(ban.address, 0) < lift.serial
        return ban.since <= lift.at

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


def _told(item: Item) -> Evidence | None:
    """Who says it and of whom is in the record's key, which nobody writes but that node; the rest is its word.

    None where it cannot be read, or is of more than one subscriber: a stolen node may write there what it likes.
    """
    node, _, address = item.key.removeprefix(EVIDENCE).partition("/")
    try:
        network = ipaddress.ip_network(address)
        found = decode(item.value, Evidence)
    except (ValueError, msgspec.MsgspecError):
        return None
    if network.prefixlen < SUBSCRIBER[network.version]:
        return None
    return replace(found, node=node, address=address, until=min(found.until, found.since + LONGEST))


def _evidence(node: str, ban: Banned, lift: int) -> Evidence:
    proven = ban.origin == "operator" or _is_proven(attempt.transport for attempt in ban.attempts)
    return Evidence(
        node=node,
        address=ban.address,
        since=ban.since,
        until=ban.until,
        proven=proven,
        reason=ban.reason,
        lift=lift,
    )


def _is_proven(transports: Iterable[str]) -> bool:
    return any(transport in PROVEN for transport in transports)
