"""What operators say of the whole fleet's bans: who is never banned, what was lifted, and whose word counts no more."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.shared_ban import Lift
from asterisk_ext.ports import Clock, Fleet, Item, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import LIFTS, NEVER_BAN, decode, decode_lift, encode, withdrawn_key
from asterisk_ext.services.times import iso

NO_NETWORK = Problem(
    "ban.no_network",
    422,
    "{network!r} was not put on the list: it is no address or network of /24 (IPv6: /48) or smaller.",
    "Name smaller networks, each by itself.",
)
NOT_LISTED = Problem(
    "ban.not_listed", 404, "{network} is not on the fleet's never-ban list.", "Look at the list for how it is written."
)
WIDEST = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """An address or network that no server bans."""

    network: str
    note: str = ""
    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """A lift, and which servers have said that they have heard of it; of those that ever reported."""

    address: str
    at: float
    by: str
    confirmed: Sequence[str]
    waiting: Sequence[str]


class FleetBans:
    def __init__(self, registry: Registry, fleet: Fleet, audit: Audit, clock: Clock) -> None:
        self._registry = registry
        self._fleet = fleet
        self._audit = audit
        self._clock = clock

    def never(self, actor: Actor) -> list[Never]:
        require(actor, Act.SEE_BANS)
        return [decode(item.value, Never) for item in self._fleet.items(NEVER_BAN)]

    async def never_ban(self, actor: Actor, network: str, note: str = "") -> Never:
        """From now on no server bans it, whatever it does; a ban in force is lifted by hand."""
        require(actor, Act.NEVER_BAN)
        made = Never(network=_checked(network), note=note[:200], by=actor.name, at=iso(self._clock()))
        item = await self._registry.get(NEVER_BAN + made.network)
        if item is None:
            await self._registry.create(NEVER_BAN + made.network, encode(made))
        else:
            await self._registry.compare_and_set(item.key, encode(made), item.revision)
        await self._note(actor, Act.NEVER_BAN, made.network, done="listed", note=made.note)
        return made

    async def ban_again(self, actor: Actor, network: str) -> None:
        """Take it off the list; refuses ``ban.not_listed``."""
        require(actor, Act.NEVER_BAN)
        found = _checked(network)
        item = await self._registry.get(NEVER_BAN + found)
        if item is None:
            raise NOT_LISTED.refuse(field="network", network=found)
        await self._registry.delete(item.key, item.revision)
        await self._note(actor, Act.NEVER_BAN, found, done="taken off")

    def lifts(self, actor: Actor, count: int = 50) -> list[Lifted]:
        """The newest first, each with who has acknowledged it."""
        require(actor, Act.SEE_BANS)
        newest = sorted(self._fleet.items(LIFTS), key=lambda item: -item.revision)[:count]
        return [self._lifted(item, decode_lift(item.value)) for item in newest]

    async def withdraw(self, actor: Actor, server: str) -> None:
        """What ``server`` has told of bans until now counts no more, on any other server."""
        require(actor, Act.NEVER_BAN)
        self._fleet.server(server)
        key = withdrawn_key(server)
        item = await self._registry.get(key)
        said = encode({"at": self._clock(), "by": actor.name})
        if item is None:
            await self._registry.create(key, said)
        else:
            await self._registry.compare_and_set(key, said, item.revision)
        await self._note(actor, Act.LIFT_BAN, server, done="withdrawn")

    def _lifted(self, item: Item, lift: Lift) -> Lifted:
        servers = {server.name for server in self._fleet.servers()}
        heard = {name: report.lifts for name, report in self._fleet.reports().items() if name in servers}
        return Lifted(
            address=item.key.removeprefix(LIFTS),
            at=lift.at,
            by=lift.by,
            confirmed=sorted(name for name, revision in heard.items() if revision >= item.revision),
            waiting=sorted(name for name, revision in heard.items() if revision < item.revision),
        )

    async def _note(self, actor: Actor, act: Act, thing: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, act, thing, "", **facts))


def _checked(text: str) -> str:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise NO_NETWORK.refuse(field="network", network=text) from None
    if network.prefixlen < WIDEST[network.version]:
        raise NO_NETWORK.refuse(field="network", network=text)
    return str(network.network_address) if network.num_addresses == 1 else str(network)
