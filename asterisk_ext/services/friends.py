"""Addresses that the guard must never ban: the fleet's own servers and the carriers of its trunks."""

from __future__ import annotations

from asterisk_ext.domain.pbx import is_address
from asterisk_ext.ports import Fleet, Guard


class Friends:
    def __init__(self, fleet: Fleet, guard: Guard) -> None:
        self._fleet = fleet
        self._guard = guard

    async def run(self) -> None:
        """Tell the guard whenever the copy has changed, for ever; raises when the guard does not answer."""
        told: list[str] | None = None
        while True:
            revision = self._fleet.revision
            friends = addresses(self._fleet)
            if friends != told:
                await self._guard.set_fleet(friends)
                told = friends
            await self._fleet.after(revision)


def addresses(fleet: Fleet) -> list[str]:
    """Sorted; trunks known by name only are left out, since a name may point anywhere tomorrow."""
    hosts = {server.ip for server in fleet.servers()}
    hosts |= {address for pbx in fleet.tenants() for trunk in pbx.trunks for address in trunk.known_by}
    return sorted(host for host in hosts if is_address(host))
