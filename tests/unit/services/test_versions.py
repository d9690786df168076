"""Nodes of different versions in one fleet: what one does not know does not stop the other."""

from __future__ import annotations

import json

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.pbx import Mode, Pbx
from asterisk_ext.domain.server import Server, State, Technology
from asterisk_ext.services import records
from tests.unit.services.conftest import World

OLDER = b'{"map_revision":1,"pbx":2,"registered":3,"calls":1,"version":"0.0.9"}'
NEWER = b'{"map_revision":1,"pbx":2,"registered":3,"calls":1,"version":"9.9","mood":{"of":["the","day"]}}'


async def heard(world: World, report: bytes) -> None:
    await world.registry.beat("node2", 6.0, report)
    await world.fleet.hear(world.registry)


async def test_a_node_of_an_older_version_is_in_the_table_with_what_it_tells_and_may_host(world: World) -> None:
    await heard(world, OLDER)
    row = world.servers.row(ROOT, "node2")
    assert row.report is not None
    assert (row.state, row.report.version, row.report.registered, row.report.hosts) == (State.ACTIVE, "0.0.9", 3, True)


async def test_a_node_of_a_newer_version_is_read_as_far_as_it_is_understood(world: World) -> None:
    await heard(world, NEWER)
    row = world.servers.row(ROOT, "node2")
    assert row.report is not None
    assert (row.state, row.report.version, row.report.calls) == (State.ACTIVE, "9.9", 1)


async def test_records_with_fields_and_of_kinds_that_this_version_does_not_know_are_kept_and_harmless(
    world: World,
) -> None:
    server = json.loads(records.encode(Server(id=9, name="new", technology=Technology.NODE, ip="198.18.1.9"))) | {
        "colour": "red"
    }
    pbx = json.loads(records.encode(Pbx(id=7, name="A", domain="a.example.net", home="new", mode=Mode.GATE_ONLY))) | {
        "colour": "red"
    }
    await world.registry.create(records.server_key("new"), json.dumps(server).encode())
    await world.registry.create(records.tenant_key(7), json.dumps(pbx).encode())
    revision = await world.registry.create("horoscope/today", b"not even JSON")
    await world.fleet.reached(revision)
    assert world.fleet.server("new").ip == "198.18.1.9"
    assert world.fleet.tenant(7).home == "new"
    assert world.fleet.item("horoscope/today") is not None


async def test_a_record_of_a_newer_form_leaves_what_was_known_before_in_force(world: World) -> None:
    before = world.fleet.server("node2")
    item = world.fleet.item(records.server_key("node2"))
    assert item is not None
    revision = await world.registry.compare_and_set(item.key, b'{"name":["node2"]}', item.revision)
    await world.fleet.reached(revision)
    assert world.fleet.server("node2") == before
