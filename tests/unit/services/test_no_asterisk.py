"""DATABASE and CDN servers: they are in the table and report, and host no virtual PBX, neither at home nor visiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import Report, State, Technology
from asterisk_ext.services import records
from asterisk_ext.services.no_asterisk import NoAsterisk
from asterisk_ext.services.reporting import Reporting
from tests.unit.services.conftest import World

FILE = b"tenants: [{id: 1, name: A, domain: a.example.net, home: db, mode: gate_only}]"


class NoBans:
    done = 0
    held: Mapping[str, int] = {}


async def report(world: World, node: str, hosts: bool = False) -> None:
    await world.registry.beat(node, 6.0, records.encode(Report(hosts=hosts)))
    await world.fleet.hear(world.registry)


@pytest.fixture(params=[Technology.DATABASE, Technology.CDN])
async def kind(request: pytest.FixtureRequest, world: World) -> Technology:
    technology: Technology = request.param
    await world.add_server(9, "db", technology)
    await report(world, "db")
    return technology


async def test_it_is_in_the_table_and_active_while_it_reports(world: World, kind: Technology) -> None:
    row = world.servers.row(ROOT, "db")
    assert (row.server.technology, row.state, row.home) == (kind, State.ACTIVE, 0)


async def test_no_virtual_pbx_can_have_its_home_there(world: World, kind: Technology) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.tenants.import_file(ROOT, FILE)
    assert refusal.value.error_id == "pbx.no_host"
    assert world.fleet.tenants() == []


async def test_it_is_refused_as_a_destination_of_maintenance(world: World, kind: Technology) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.maintenance.enter(ROOT, "node1", "db")
    assert (refusal.value.error_id, refusal.value.params["why"]) == (
        "maintenance.dead_end",
        f"its technology is {kind}",
    )
    assert world.fleet.maintenance().entries == {}


async def test_a_node_without_asterisk_hosts_nothing_whatever_its_record_says(world: World) -> None:
    await world.add_server(9, "db", Technology.NODE)
    await report(world, "db")
    with pytest.raises(Refusal) as at_home:
        await world.tenants.import_file(ROOT, FILE)
    with pytest.raises(Refusal) as visiting:
        await world.maintenance.enter(ROOT, "node1", "db")
    assert (at_home.value.error_id, visiting.value.error_id) == ("pbx.no_host", "maintenance.dead_end")


async def test_it_reports_that_it_serves_nobody_by_the_newest_map(world: World, kind: Technology) -> None:
    absent = NoAsterisk(world.fleet)
    reporting = Reporting("db", "1", absent, absent, absent, dict, world.fleet, NoBans(), world.clock, hosts=False)
    running = asyncio.ensure_future(reporting.run(world.registry))
    await world.report("node2")
    flipped = await world.maintenance.enter(ROOT, "node1", "node2")
    assert not flipped.served
    async with asyncio.timeout(20):
        while world.fleet.reports()["db"].map_revision != world.fleet.map_revision:
            await asyncio.sleep(0)
            await world.fleet.hear(world.registry)
    running.cancel()
    told = world.fleet.reports()["db"]
    assert (told.hosts, told.pbx, told.calls, told.registered) == (False, 0, 0, 0)
    assert told.calls_known
    assert await absent.contacts() == []
