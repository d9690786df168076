"""Addresses that the guard must never ban: the fleet's servers, its trunks' carriers, and whom operators named."""

from __future__ import annotations

from asterisk_ext.domain.pbx import Trunk, is_address
from asterisk_ext.ports import Fleet
from asterisk_ext.ports.guard import Guard
from asterisk_ext.services.firewall_guard import FirewallGuard
from asterisk_ext.services.records import NEVER_BAN, SERVERS, TENANTS


class Friends:
    def __init__(self, fleet: Fleet, guard: Guard, firewall: FirewallGuard) -> None:
        self._fleet = fleet
        self._guard = guard
        self._firewall = firewall

    async def run(self) -> None:
        """Tell the guard whenever the copy has changed, for ever; raises when the guard does not answer.

        A copy that was never filled says nothing: the guard keeps what it was told before.
        """
        await self._fleet.after(0)
        told: object = None
        while True:
            revision = self._fleet.revision
            friends, needs = addresses(self._fleet), needs_of(self._fleet)
            if (friends, needs) != told:
                await self._guard.set_fleet(friends)
                await self._firewall.set_needs(*needs)
                told = (friends, needs)
            await self._fleet.after_touch(revision, NEVER_BAN, SERVERS, TENANTS)


def addresses(fleet: Fleet) -> list[str]:
    """Sorted; trunks known by name only are left out, since a name may point anywhere tomorrow."""
    hosts = {server.ip for server in fleet.servers()}
    hosts |= {address for _, trunk in trunks_of(fleet) for address in trunk.known_by}
    listed = {item.key.removeprefix(NEVER_BAN) for item in fleet.items(NEVER_BAN)}
    return sorted(listed.union(host for host in hosts if is_address(host)))


def needs_of(fleet: Fleet) -> tuple[list[str], list[str]]:
    """The addresses of all nodes, and of all trunks."""
    nodes = {server.ip for server in fleet.servers() if is_address(server.ip)}
    return sorted(nodes), sorted({address for _, _, address in addresses_of_trunks(fleet)})


def addresses_of_trunks(fleet: Fleet) -> list[tuple[int, Trunk, str]]:
    """The addresses that carriers are known by, each with its virtual PBX and trunk."""
    return [
        (pbx, trunk, address) for pbx, trunk in trunks_of(fleet) for address in trunk.known_by if is_address(address)
    ]


def trunks_of(fleet: Fleet) -> list[tuple[int, Trunk]]:
    return [(pbx.id, trunk) for pbx in fleet.tenants() for trunk in pbx.trunks]
