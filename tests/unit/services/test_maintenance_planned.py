"""A maintenance that begins at a time to come."""

from __future__ import annotations

import asyncio

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance_plan import Heading
from asterisk_ext.services.maintenance_plans import expected_at, hurried
from asterisk_ext.services.maintenance_runner import MaintenanceRunner
from asterisk_ext.tasks import Tasks
from tests.unit.services.conftest import World
from tests.unit.services.test_maintenance_runner import TENANT, plan

HOUR = 3600.0


async def planned(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    flipped = await world.maintenance.enter(ROOT, "node1", "node2", starts=world.now + HOUR)
    assert not flipped.flipped
    await world.fleet.reached((await world.registry.snapshot(""))[1])


async def test_until_its_time_nothing_moves_and_the_destination_takes_them_in(world: World) -> None:
    await planned(world)
    await world.runner.step("node1")
    assert world.fleet.maintenance().entries == {}
    assert (await plan(world)).journal == ()
    assert expected_at("node2", world.fleet) == ("node1",)


async def test_until_it_is_over_phones_and_resolvers_ask_again_soon(world: World) -> None:
    await planned(world)
    assert hurried(world.fleet) == {"node1"}
    await world.maintenance.leave(ROOT, "node1")
    assert hurried(world.fleet) == frozenset()


async def test_at_its_time_whichever_console_is_alive_begins_it(world: World) -> None:
    await planned(world)
    world.now += HOUR
    await world.report("node2")
    other = MaintenanceRunner("node2", world.registry, world.fleet, world.audit, world.calls, world.clock, 0.01)
    await world.registry.create("registry/consoles", b'["node1","node2"]')
    async with Tasks() as tasks:
        tasks.start("maintenances", other.run())
        async with asyncio.timeout(5):
            while not world.fleet.maintenance().entries:  # noqa: ASYNC110 - a fake has no event
                await asyncio.sleep(0.01)
    assert world.fleet.maintenance().follow("node1") == "node2"


async def test_it_can_be_called_off(world: World) -> None:
    await planned(world)
    await world.maintenance.leave(ROOT, "node1")
    found = await plan(world)
    assert (found.heading, found.closed) == (Heading.HOME, True)
    world.now += HOUR
    await world.runner.step("node1")
    assert world.fleet.maintenance().entries == {}


@pytest.mark.parametrize("ahead", [-1.0, 31 * 24 * HOUR])
async def test_a_time_that_is_over_or_far_away_is_refused(world: World, ahead: float) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.maintenance.enter(ROOT, "node1", "node2", starts=world.now + ahead)
    assert refusal.value.error_id == "maintenance.bad_time"
