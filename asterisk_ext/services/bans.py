"""Blocked IPs: the bans of this node's guard, and lifting one early."""

from __future__ import annotations

import ipaddress

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.ports import Banned, Guard
from asterisk_ext.services.audit import Audit

NOT_AN_ADDRESS = Problem(
    "ban.not_an_address", 422, "{address!r} is not an IP address; nothing was changed.", "Give an IPv4 or IPv6 address."
)


class Bans:
    def __init__(self, guard: Guard, audit: Audit) -> None:
        self._guard = guard
        self._audit = audit

    async def table(self, actor: Actor) -> list[Banned]:
        """The newest first."""
        require(actor, Act.SEE_BANS)
        return sorted(await self._guard.bans(), key=lambda ban: -ban.since)

    async def ban(self, actor: Actor, address: str, reason: str) -> Banned:
        require(actor, Act.BAN)
        banned = await self._guard.ban(checked(address), reason, actor.name)
        await self._audit.note(actor, Act.BAN, banned.address, f"bans/{banned.address}/lift", reason=reason)
        return banned

    async def lift(self, actor: Actor, address: str) -> None:
        require(actor, Act.LIFT_BAN)
        await self._guard.lift(checked(address), actor.name)
        await self._audit.note(actor, Act.LIFT_BAN, address, "bans")


def checked(address: str) -> str:
    """The address (or IPv6 network) in its one spelling."""
    try:
        network = ipaddress.ip_network(address.strip())
    except ValueError:
        raise NOT_AN_ADDRESS.refuse(field="address", address=address) from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)
