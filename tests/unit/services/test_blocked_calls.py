"""Blocked calls of the whole fleet, and who may see them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asterisk_ext.domain.access import PEER, ROOT, Actor, Role
from asterisk_ext.domain.blocked_calls import Wanted
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.gate import Audio, BlockedCall, Direction
from asterisk_ext.services.blocked_calls import BlockedCalls
from tests.unit.services.conftest import World
from tests.unit.services.fake_audios import CallsInMemory
from tests.unit.services.fake_peers import FakePeers

CALL = BlockedCall(
    at=100.0, pbx=2, channel="", caller="200", number="4833334444", direction=Direction.OUTBOUND, audio=Audio.PARTIAL,
    file="", heard=2.0,
)  # fmt: skip


@pytest.fixture
def peers() -> FakePeers:
    made = FakePeers()
    made.blocked["node2"].noted.append(replace(CALL, at=150.0, pbx=3))
    return made


@pytest.fixture
def blocked(world: World, peers: FakePeers) -> BlockedCalls:
    log = CallsInMemory()
    log.noted += [CALL, replace(CALL, at=200.0)]
    return BlockedCalls("node1", log, peers, world.fleet, world.audit)


async def test_the_calls_of_every_server_are_one_list_newest_first(blocked: BlockedCalls) -> None:
    table = await blocked.table(ROOT, Wanted(count=2))
    assert [(found.call.at, found.server) for found in table.calls] == [(200.0, "node1"), (150.0, "node2")]
    assert [(count.pbx, count.calls, count.heard) for count in table.counts] == [(2, 2, 4.0), (3, 1, 2.0)]


async def test_a_silent_server_is_named_and_its_calls_left_out(blocked: BlockedCalls, peers: FakePeers) -> None:
    peers.silent.add("node2")
    table = await blocked.table(ROOT, Wanted())
    assert table.silent == ["node2"]
    assert {found.server for found in table.calls} == {"node1"}


async def test_another_node_gets_this_servers_alone(blocked: BlockedCalls) -> None:
    assert {found.server for found in (await blocked.table(PEER, Wanted())).calls} == {"node1"}


async def test_a_tenants_token_sees_its_own_only(blocked: BlockedCalls) -> None:
    tenant = Actor("t", Role.VIEWER, pbx=3)
    assert [found.call.pbx for found in (await blocked.table(tenant, Wanted(pbx=3))).calls] == [3]
    for wanted in (Wanted(), Wanted(pbx=2)):
        with pytest.raises(Refusal) as refusal:
            await blocked.table(tenant, wanted)
        assert refusal.value.error_id == "access.out_of_scope"


async def test_erasing_takes_an_administrator_and_is_noted(world: World, blocked: BlockedCalls) -> None:
    with pytest.raises(Refusal) as refusal:
        await blocked.forget(Actor("ana", Role.OPERATOR), 2)
    assert refusal.value.error_id == "access.forbidden"
    assert await blocked.forget(ROOT, 2) == 2
    assert await blocked.counts_here(ROOT, 2) == []
    await world.fleet.reached((await world.registry.snapshot(""))[1])
    assert world.audit.latest(ROOT, 1)[0].facts == {"erased": "2"}
