"""Blocked IPs: the bans of every node's guard, and lifting one early wherever it holds."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.server import Server
from asterisk_ext.domain.shared_ban import Lift
from asterisk_ext.ports import Clock, Fleet, Peers, Registry
from asterisk_ext.ports.guard import Banned, Guard, GuardEvent, Spared
from asterisk_ext.services import consoles
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import decode_lift, encode, lift_key

NOT_AN_ADDRESS = Problem(
    "ban.not_an_address", 422, "{address!r} is not an IP address; nothing was changed.", "Give an IPv4 or IPv6 address."
)
NOT_LIFTED = Problem(
    "ban.not_lifted",
    503,
    "No server confirmed that {address} is unblocked; {servers} did not answer.",
    "Try again when they answer.",
)

GUARD_UP = """\
# HELP asterisk_ext_guard_up 1 while the guard of this server answers.
# TYPE asterisk_ext_guard_up gauge
asterisk_ext_guard_up {}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Bans with the servers that each holds on, the newest first; of the ``silent`` servers nothing is known."""

    bans: Sequence[Banned]
    silent: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """Which servers confirmed that an address is not blocked there any more, and which did not answer."""

    confirmed: Sequence[str]
    silent: Sequence[str] = ()


class Bans:
    def __init__(
        self, node: str, guard: Guard, audit: Audit, peers: Peers, fleet: Fleet, registry: Registry, clock: Clock
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._node = node
        self._guard = guard
        self._audit = audit
        self._peers = peers
        self._fleet = fleet

    async def table(self, actor: Actor) -> Table:
        """Refuses as this node's guard does when no server answers."""
        require(actor, Act.SEE_BANS)
        others = self._others(actor)
        own, *told = await asyncio.gather(
            self._guard.bans(), *(self._peers.bans(server) for server in others), return_exceptions=True
        )
        answers = dict(zip((self._node, *(server.name for server in others)), (own, *told), strict=True))
        if isinstance(own, BaseException) and all(isinstance(answer, BaseException) for answer in told):
            raise own
        bans: dict[str, Banned] = {}
        for server, answer in answers.items():
            for ban in () if isinstance(answer, BaseException) else answer:
                known = bans.get(ban.address, replace(ban, servers=()))
                bans[ban.address] = replace(known, servers=(*known.servers, server))
        return Table(bans=sorted(bans.values(), key=lambda ban: -ban.since), silent=_silent(answers))

    async def spared(self, actor: Actor) -> Sequence[Spared]:
        """Who is slowed down and whose ban was held back, on every server that answers, the newest first. Refuses as
        this node's guard does when no server answers."""
        require(actor, Act.SEE_BANS)
        others = self._others(actor)
        own, *told = await asyncio.gather(
            self._guard.spared(), *(self._peers.spared(server) for server in others), return_exceptions=True
        )
        answers = dict(zip((self._node, *(server.name for server in others)), (own, *told), strict=True))
        _silent(answers)
        if isinstance(own, BaseException) and all(isinstance(answer, BaseException) for answer in told):
            raise own
        spared: dict[str, Spared] = {}
        for server, answer in answers.items():
            for row in () if isinstance(answer, BaseException) else answer:
                known = spared.get(row.address, replace(row, servers=()))
                spared[row.address] = replace(known, servers=(*known.servers, server))
        return sorted(spared.values(), key=lambda row: -row.since)

    async def metrics(self, actor: Actor) -> str:
        """This server's guard in Prometheus' text format, after whether it answers at all."""
        require(actor, Act.SEE_BANS)
        try:
            told = await self._guard.metrics()
        except Refusal:
            return GUARD_UP.format(0)
        return GUARD_UP.format(1) + told

    async def watch(self, actor: Actor) -> AsyncGenerator[GuardEvent]:
        """What this server's guard does from now on. Refuses as the guard does."""
        require(actor, Act.SEE_BANS)
        async with aclosing(self._guard.events()) as events:
            async for event in events:
                yield event

    async def ban(self, actor: Actor, address: str, reason: str) -> Banned:
        """Block an address on this node."""
        require(actor, Act.BAN)
        banned = await self._guard.ban(checked(address), reason, actor.name)
        await self._audit.note(actor, Act.BAN, banned.address, f"bans/{banned.address}/lift", reason=reason)
        return replace(banned, servers=(self._node,))

    async def lift(self, actor: Actor, address: str) -> Lifted:
        """Lift a ban on every server; refuses ``ban.not_lifted`` when none confirms and some do not answer, and
        ``registry.not_a_console``."""
        require(actor, Act.LIFT_BAN)
        address = checked(address)
        if not actor.peer:
            consoles.check(self._fleet, self._node, f"bans of the fleet ({address})")
        others = self._others(actor)
        own, *told = await asyncio.gather(
            self._guard.lift(address, actor.name),
            *(self._peers.lift(server, address, actor.name) for server in others),
            return_exceptions=True,
        )
        if own is None:
            own = True
        refused = own if isinstance(own, Refusal) else None
        if refused is not None and refused.problem.status == 404:
            own = False
        answers = dict(zip((self._node, *(server.name for server in others)), (own, *told), strict=True))
        confirmed = [server for server, answer in answers.items() if answer is True]
        silent = _silent(answers)
        if not confirmed and refused is not None and (not others or not silent):
            raise refused
        if not confirmed:
            raise NOT_LIFTED.refuse(address=address, servers=", ".join(silent))
        if not actor.peer:
            await self._lift_for_good(actor, address)
            facts = {"servers": " ".join(confirmed)} | ({"silent": " ".join(silent)} if silent else {})
            await self._audit.note(actor, Act.LIFT_BAN, address, "bans", **facts)
        return Lifted(confirmed=confirmed, silent=silent)

    async def _lift_for_good(self, actor: Actor, address: str) -> None:
        """Servers that did not answer lift it when they hear of this; what was told of it before counts no more."""
        item = await self._registry.get(lift_key(address))
        serial = decode_lift(item.value).serial + 1 if item else 1
        lift = encode(Lift(serial=serial, at=self._clock(), by=actor.name))
        if item is None:
            await self._registry.create(lift_key(address), lift)
        else:
            await self._registry.compare_and_set(lift_key(address), lift, item.revision)

    def _others(self, actor: Actor) -> list[Server]:
        """The servers to ask: none for another node, which asks them itself."""
        if actor.peer:
            return []
        reports = self._fleet.reports()
        return [server for server in self._fleet.servers() if server.name in reports and server.name != self._node]


def _silent(answers: Mapping[str, object]) -> list[str]:
    """Who refused to answer; any other fault than a refusal is raised."""
    for answer in answers.values():
        if isinstance(answer, BaseException) and not isinstance(answer, Refusal):
            raise answer
    return [server for server, answer in answers.items() if isinstance(answer, Refusal)]


def checked(address: str) -> str:
    """The address (or IPv6 network) in its one spelling."""
    try:
        network = ipaddress.ip_network(address.strip())
    except ValueError:
        raise NOT_AN_ADDRESS.refuse(field="address", address=address) from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)
