"""The fleet's consoles: who may act for the others, and what the others are told."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import ROOT, Role
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.services import consoles
from asterisk_ext.services.bans import Bans
from tests.unit.admin_http.world import FakeGuard
from tests.unit.services.conftest import World
from tests.unit.services.fake_peers import FakePeers


async def appoint(world: World, *names: str) -> None:
    await consoles.appoint(world.registry, world.fleet, names)
    await world.fleet.reached((await world.registry.snapshot(""))[1])


async def test_the_registrys_server_names_the_consoles_and_writes_only_what_has_changed(world: World) -> None:
    await appoint(world, "node2", "node1")
    revision = world.fleet.revision
    assert consoles.of(world.fleet) == ["node1", "node2"]
    await appoint(world, "node1", "node2", "node2")
    assert world.fleet.revision == revision
    await appoint(world, "node1")
    assert consoles.of(world.fleet) == ["node1"]


async def test_before_consoles_are_named_every_node_only_looks_on(world: World) -> None:
    assert consoles.peer(world.fleet, "node1").role is Role.VIEWER
    await appoint(world, "node1")
    assert consoles.peer(world.fleet, "node1").role is Role.SUPPORT
    assert consoles.peer(world.fleet, "node2").role is Role.VIEWER


async def test_a_node_that_is_no_console_sees_the_numbers_that_it_shows_its_own_users(world: World) -> None:
    assert consoles.peer(world.fleet, "node2").sees_numbers


async def test_a_ban_is_lifted_nowhere_where_it_could_not_be_lifted_everywhere(world: World) -> None:
    await appoint(world, "node1")
    guard = FakeGuard(world.clock)
    bans = Bans("node2", guard, world.audit, FakePeers(), world.fleet, world.registry, world.clock)
    await guard.ban("192.0.2.9", "", "root")
    with pytest.raises(Refusal) as refusal:
        await bans.lift(ROOT, "192.0.2.9")
    assert refusal.value.error_id == "registry.not_a_console"
    assert set(guard.banned) == {"192.0.2.9"}
