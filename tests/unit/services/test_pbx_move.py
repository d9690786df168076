"""One virtual PBX moves alone, for good."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import Map, known_here
from asterisk_ext.domain.pbx import Mode, Pbx, Trunk
from asterisk_ext.domain.server import Report
from asterisk_ext.services.pbx_move import PbxMove
from asterisk_ext.services.registering import registering
from tests.unit.services.conftest import NOW, World

TENANT = Pbx(id=1, name="P", domain="p1.example.net", home="node1", mode=Mode.GATE_ONLY)
OTHER = Pbx(id=2, name="Q", domain="p2.example.net", home="node1", mode=Mode.GATE_ONLY)


def moving(world: World) -> PbxMove:
    return PbxMove(world.registry, world.fleet, world.tenants, world.clock, patience=0)


async def test_it_alone_is_served_elsewhere_and_its_former_home_goes_on_knowing_it(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    await world.tenants.save(ROOT, OTHER)
    moved = await moving(world).move(ROOT, 1, "node2")
    assert (moved.former, moved.server, moved.served) == ("node1", "node2", False)
    assert [row.server for row in world.tenants.table(ROOT)] == ["node2", "node1"]
    known = {node: [pbx.id for pbx in known_here(node, Map(), world.fleet.tenants())] for node in ("node1", "node2")}
    assert known == {"node1": [1, 2], "node2": [1]}


async def test_moving_it_back_is_a_move_like_any_other(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    await moving(world).move(ROOT, 1, "node2")
    await moving(world).move(ROOT, 1, "node1")
    assert (world.fleet.tenant(1).home, world.fleet.tenant(1).former) == ("node1", "node2")


async def test_a_later_change_of_the_record_keeps_the_former_home(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    await moving(world).move(ROOT, 1, "node2")
    await world.tenants.save(ROOT, Pbx(id=1, name="R", domain="p1.example.net", home="node2", mode=Mode.GATE_ONLY))
    assert world.fleet.tenant(1).former == "node1"


async def test_once_its_phones_have_followed_the_former_home_forgets_it(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    await moving(world).move(ROOT, 1, "node2")
    assert await world.tenants.settle(ROOT, 1)
    assert known_here("node1", Map(), world.fleet.tenants()) == []
    assert not await world.tenants.settle(ROOT, 1)


async def test_a_server_that_cannot_take_it_is_refused_and_nothing_moves(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    for server, error_id in (("node1", "pbx.at_home"), ("node9", "server.unknown")):
        with pytest.raises(Refusal) as refusal:
            await moving(world).move(ROOT, 1, server)
        assert refusal.value.error_id == error_id
    world.now = NOW + 60
    with pytest.raises(Refusal) as refusal:
        await moving(world).move(ROOT, 1, "node2")
    assert refusal.value.error_id == "pbx.host_silent"
    assert world.fleet.tenant(1).home == "node1"


def test_its_trunks_register_at_the_new_home_once_the_former_has_let_go() -> None:
    trunk = Trunk(name="trunk1", host="198.18.20.1", username="u", secret="s", register=True)
    moved = Pbx(id=1, name="P", domain="d", home="node2", former="node1", trunks=(trunk,))

    def ready(revision: int | None, at: float = 99) -> list[int]:
        reports = {"node1": Report(at=at, trunks=revision)}
        return [pbx.id for pbx in registering("node2", Map(), 0, [moved], reports, set(), 100, {1: 12})[0]]

    assert ready(11) == []
    assert ready(12) == [1]
    assert ready(11, at=30) == [1], "it has been silent for a minute"
    assert ready(None) == [1], "one of an older version does not say"
