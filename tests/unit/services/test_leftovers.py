"""What the registry's own server takes out of it: a removed server's bans, and what is too large for a node."""

from __future__ import annotations

import asyncio

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.node_rights import LARGEST
from asterisk_ext.services import records
from asterisk_ext.services.leftovers import Leftovers
from asterisk_ext.tasks import Tasks
from tests.unit.services.conftest import World

LARGE = b"x" * (LARGEST + 1)
STAYS = {
    "a living server's ban": records.evidence_key("node2", "192.0.2.9"),
    "a removed server's line of the journal": f"{records.AUDIT}node9/1",
    "a living server's rules": f"{records.FIREWALL_RULES}node2",
    "a list of addresses, whatever its size": f"{records.FIREWALL_LISTS}large",
    "a console's line of the journal, whatever its size": f"{records.AUDIT}node1/1",
}
GOES = {
    "a removed server's ban": records.evidence_key("node9", "192.0.2.9"),
    "a server's ban whose name begins alike": records.evidence_key("node22", "192.0.2.9"),
    "a large ban": records.evidence_key("node2", "192.0.2.10"),
    "a large line of the journal": f"{records.AUDIT}node2/2",
    "a draft that is too large": f"{records.FIREWALL_DRAFTS}node2",
    "a name that is too long": records.evidence_key("node2", "1" * 300),
}
OF_NO_SIZE = ("a removed server's ban", "a server's ban whose name begins alike", "a name that is too long")


async def written(world: World) -> None:
    for name, key in (STAYS | GOES).items():
        large = (name in GOES and name not in OF_NO_SIZE) or "whatever" in name
        revision = await world.registry.create(key, LARGE if large else b"true")
    await world.registry.create(records.CONSOLES, records.encode(["node1"]))
    await world.fleet.after(revision)


async def left(world: World) -> set[str]:
    return {item.key for item in (await world.registry.snapshot(""))[0]} & {*STAYS.values(), *GOES.values()}


async def test_a_removed_servers_bans_and_what_is_too_large_for_a_node_are_taken_out_and_nothing_else(
    world: World,
) -> None:
    await written(world)
    await Leftovers(world.registry, world.fleet, lambda: True).sweep()
    assert await left(world) == {*STAYS.values()}


async def test_a_server_that_is_removed_leaves_no_bans(world: World) -> None:
    async with Tasks() as tasks:
        tasks.start("leftovers", Leftovers(world.registry, world.fleet, lambda: True, pause=0).run())
        key = records.evidence_key("node2", "192.0.2.9")
        revision = await world.registry.create(key, b"true")
        await world.fleet.after(revision - 1)
        assert await world.registry.get(key) is not None
        await world.servers.remove(ROOT, "node2")
        async with asyncio.timeout(20):
            while world.fleet.item(key) is not None:
                await world.fleet.after(world.fleet.revision)


async def test_who_does_not_keep_the_registry_takes_nothing_out(world: World) -> None:
    await written(world)
    async with Tasks() as tasks:
        tasks.start("leftovers", Leftovers(world.registry, world.fleet, lambda: False, pause=0).run())
        await asyncio.sleep(0)
        assert await left(world) == {*STAYS.values(), *GOES.values()}
