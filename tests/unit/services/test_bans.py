"""Blocked IPs of every server, and lifting a ban wherever it holds."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import PEER, ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports.guard import Banned
from asterisk_ext.services.bans import Bans
from tests.unit.admin_http.world import FakeGuard
from tests.unit.services.conftest import World
from tests.unit.services.fake_peers import FakePeers

ADDRESS = "192.0.2.9"


class Fleet:
    def __init__(self, world: World) -> None:
        self.guard, self.peers, self.world = FakeGuard(world.clock), FakePeers(), world
        self.bans = Bans("node1", self.guard, world.audit, self.peers, world.fleet, world.registry, world.clock)

    def ban_on(self, *servers: str) -> None:
        for server in servers:
            banned = self.guard.banned if server == "node1" else self.peers.banned[server]
            banned[ADDRESS] = Banned(ADDRESS, 1.0, 2.0, 4, "")


@pytest.fixture
def fleet(world: World) -> Fleet:
    return Fleet(world)


async def test_a_ban_tells_every_server_that_it_holds_on(fleet: Fleet) -> None:
    fleet.ban_on("node1", "node2")
    table = await fleet.bans.table(ROOT)
    assert [(ban.address, ban.servers) for ban in table.bans] == [(ADDRESS, ("node1", "node2"))]
    assert not table.silent


async def test_a_server_that_does_not_answer_is_named(fleet: Fleet) -> None:
    fleet.ban_on("node1", "node2")
    fleet.peers.silent = {"node2"}
    table = await fleet.bans.table(ROOT)
    assert ([ban.servers for ban in table.bans], table.silent) == ([("node1",)], ["node2"])


async def test_another_node_is_told_this_nodes_bans_alone(fleet: Fleet) -> None:
    fleet.ban_on("node2")
    assert (await fleet.bans.table(PEER)).bans == []


async def test_lifting_reaches_every_server_that_has_it_and_is_noted_once(fleet: Fleet) -> None:
    fleet.ban_on("node1", "node2")
    lifted = await fleet.bans.lift(ROOT, ADDRESS)
    assert (lifted.confirmed, lifted.silent) == (["node1", "node2"], [])
    assert not fleet.guard.banned and not fleet.peers.banned["node2"]
    await fleet.world.fleet.reached((await fleet.world.registry.snapshot(""))[1])
    assert [entry.thing for entry in fleet.world.audit.latest(ROOT)].count(ADDRESS) == 1


async def test_lifting_tells_who_did_not_answer(fleet: Fleet) -> None:
    fleet.ban_on("node1", "node2")
    fleet.peers.silent = {"node2"}
    lifted = await fleet.bans.lift(ROOT, ADDRESS)
    assert (lifted.confirmed, lifted.silent) == (["node1"], ["node2"])
    with pytest.raises(Refusal) as refused:
        await fleet.bans.lift(ROOT, ADDRESS)
    assert refused.value.error_id == "ban.not_lifted"


async def test_what_is_banned_nowhere_is_not_lifted(fleet: Fleet) -> None:
    with pytest.raises(Refusal) as refused:
        await fleet.bans.lift(ROOT, ADDRESS)
    assert refused.value.error_id == "ban.not_there"
