"""The whole fleet's never-ban list, lifts with who has carried them out, and a server whose word counts no more."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import ROOT, Actor, Role
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import Report
from asterisk_ext.domain.shared_ban import Lift
from asterisk_ext.services import records
from asterisk_ext.services.fleet_bans import FleetBans
from asterisk_ext.services.friends import addresses
from tests.unit.services.conftest import World


@pytest.fixture
def fleet(world: World) -> FleetBans:
    return FleetBans(world.registry, world.fleet, world.audit, world.clock)


async def report(world: World, node: str, lifts: int) -> None:
    await world.registry.beat(node, 6.0, records.encode(Report(lifts=lifts)))
    await world.fleet.hear(world.registry)


async def test_whom_operators_name_no_server_bans(world: World, fleet: FleetBans) -> None:
    made = await fleet.never_ban(ROOT, "203.0.113.7/24", "office")
    await fleet.never_ban(ROOT, "2001:db8::5")
    assert (made.network, made.note, made.by) == ("203.0.113.0/24", "office", "root")
    assert {"203.0.113.0/24", "2001:db8::5", "198.18.1.1"} <= set(addresses(world.fleet))
    await fleet.ban_again(ROOT, "203.0.113.0/24")
    assert [row.network for row in fleet.never(ROOT)] == ["2001:db8::5"]
    assert "203.0.113.0/24" not in addresses(world.fleet)


@pytest.mark.parametrize("network", ["0.0.0.0/0", "203.0.0.0/23", "2001:db8::/47", "office", ""])
async def test_a_network_that_would_spare_half_the_world_is_refused(
    world: World, fleet: FleetBans, network: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        await fleet.never_ban(ROOT, network)
    assert refusal.value.error_id == "ban.no_network"
    assert fleet.never(ROOT) == []


async def test_support_staff_lifts_bans_and_names_nobody_who_is_never_banned(world: World, fleet: FleetBans) -> None:
    support = Actor("ana", Role.SUPPORT)
    for act in (fleet.never_ban(support, "192.0.2.1"), fleet.ban_again(support, "192.0.2.1")):
        with pytest.raises(Refusal) as refusal:
            await act
        assert refusal.value.error_id == "access.forbidden"
    with pytest.raises(Refusal) as unknown:
        await fleet.ban_again(ROOT, "192.0.2.1")
    assert unknown.value.error_id == "ban.not_listed"


async def test_a_lift_names_the_servers_that_have_carried_it_out_and_those_that_have_not(
    world: World, fleet: FleetBans
) -> None:
    lift = Lift(serial=1, at=world.now, by="ana")
    revision = await world.registry.create(records.lift_key("192.0.2.9"), records.encode(lift))
    await report(world, "node1", revision)
    await report(world, "node2", revision - 1)
    await world.fleet.reached(revision)
    told = fleet.lifts(ROOT)
    assert [(one.address, one.by, one.confirmed, one.waiting) for one in told] == [
        ("192.0.2.9", "ana", ["node1"], ["node2"])
    ]
    await report(world, "node2", revision)
    assert fleet.lifts(ROOT)[0].waiting == []


async def test_a_lift_that_an_older_version_wrote_is_read(world: World, fleet: FleetBans) -> None:
    revision = await world.registry.create(records.lift_key("192.0.2.9"), records.encode(world.now))
    await world.fleet.reached(revision)
    assert [(one.address, one.at) for one in fleet.lifts(ROOT)] == [("192.0.2.9", world.now)]


async def test_only_a_server_that_is_there_can_have_its_word_withdrawn(world: World, fleet: FleetBans) -> None:
    with pytest.raises(Refusal) as refusal:
        await fleet.withdraw(ROOT, "nowhere")
    assert refusal.value.error_id == "server.unknown"
