"""Bans of one node hold on the others, and lifting one sticks everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.server import Server, Technology
from asterisk_ext.domain.shared_ban import Evidence
from asterisk_ext.ports.guard import Attempt, Banned
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.bans import Bans
from asterisk_ext.services.records import encode, server_key, withdrawn_key
from asterisk_ext.services.shared_bans import BURST, SharedBans
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from tests.unit.admin_http.world import NOW, FakeGuard
from tests.unit.services.fake_peers import FakePeers

ADDRESS = "192.0.2.9"


class Node:
    def __init__(self, name: str, registry: FakeRegistry, place: Path) -> None:
        self.name, self.registry, self.now = name, registry, NOW
        self.guard = FakeGuard(self.clock)
        self.copy = LocalCopy(place / f"{name}.sqlite3", self.clock)
        self.shared = SharedBans(name, self.guard, registry, self.copy, self.clock)
        self.bans = Bans(
            name, self.guard, Audit(registry, self.copy, self.clock), FakePeers(), self.copy, registry, self.clock
        )

    def clock(self) -> float:
        return self.now

    def ban(self, transport: str, origin: str = "log") -> None:
        attempt = Attempt(NOW, "PJSIP", transport, "1_200", "ChallengeResponseFailed", "")
        self.guard.banned[ADDRESS] = Banned(ADDRESS, NOW, NOW + 3600, 4, "", origin, (attempt,))

    async def catch_up(self) -> None:
        """As after a while out of reach: the whole of the registry, then what follows from it."""
        _, revision = await self.registry.snapshot("")
        if self.copy.revision < revision:
            async with Tasks() as tasks:
                tasks.start("copy", self.copy.follow(self.registry))
                await self.copy.reached(revision)
        await self.shared.make_all()
        await self.shared.tell_all()

    def holds(self) -> bool:
        return ADDRESS in self.guard.banned


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[list[Node]]:
    registry = FakeRegistry(lambda: NOW)
    for number in (1, 2, 3):
        server = Server(id=number, name=f"node{number}", technology=Technology.NODE, ip=f"198.18.1.{number}")
        await registry.create(server_key(server.name), encode(server))
    made = [Node(f"node{number}", registry, tmp_path) for number in (1, 2, 3)]
    for node in made:
        await node.catch_up()
    yield made
    for node in made:
        node.copy.close()


async def all_catch_up(nodes: list[Node]) -> None:
    for node in nodes:
        await node.catch_up()


@pytest.mark.parametrize(("transport", "holds"), [("TCP", True), ("TLS", True), ("WSS", True), ("UDP", False)])
async def test_a_proven_ban_holds_on_every_node_and_an_unproven_one_where_it_was_made(
    nodes: list[Node], transport: str, holds: bool
) -> None:
    nodes[0].ban(transport)
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [True, holds, holds]


async def test_what_two_nodes_saw_holds_on_a_third(nodes: list[Node]) -> None:
    nodes[0].ban("UDP")
    nodes[1].ban("UDP")
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [True, True, True]


async def test_an_operators_ban_holds_on_every_node(nodes: list[Node]) -> None:
    nodes[0].ban("UDP", origin="operator")
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [True, True, True]


async def test_lifting_sticks_everywhere_and_on_a_node_that_was_out_of_reach(nodes: list[Node]) -> None:
    nodes[0].ban("TCP")
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    nodes[1].now += 5
    await nodes[1].bans.lift(ROOT, ADDRESS)
    await nodes[1].catch_up()
    assert [node.holds() for node in nodes] == [True, False, True]
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [False, False, False]


async def test_who_is_banned_again_after_a_lift_is_banned_everywhere_again(nodes: list[Node]) -> None:
    nodes[0].ban("TCP")
    await all_catch_up(nodes)
    await nodes[0].bans.lift(ROOT, ADDRESS)
    await all_catch_up(nodes)
    nodes[2].guard.banned[ADDRESS] = Banned(ADDRESS, NOW + 60, NOW + 3600, 4, "", "operator")
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [True, True, True]


async def test_a_ban_that_one_server_lifted_by_itself_is_not_made_there_again(nodes: list[Node]) -> None:
    nodes[0].ban("TCP")
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    await nodes[1].guard.lift(ADDRESS, "root")
    await nodes[1].catch_up()
    assert [node.holds() for node in nodes] == [True, False, True]


async def test_an_ended_ban_leaves_the_registry(nodes: list[Node]) -> None:
    nodes[0].ban("TCP")
    await nodes[0].catch_up()
    await nodes[0].catch_up()
    assert (await nodes[0].registry.snapshot("evidence/"))[0] != []
    del nodes[0].guard.banned[ADDRESS]
    await nodes[0].catch_up()
    assert (await nodes[0].registry.snapshot("evidence/"))[0] == []


async def test_what_happens_at_the_guard_is_told_at_once(nodes: list[Node]) -> None:
    node = nodes[0]
    node.ban("TCP")
    await asyncio.wait_for(node.shared.tell(), 5)
    assert (await node.registry.snapshot("evidence/"))[0] != []


async def test_a_lift_sticks_and_a_later_ban_holds_although_the_servers_clocks_are_hours_apart(
    nodes: list[Node],
) -> None:
    nodes[0].ban("TCP")
    fast = nodes[0].guard.banned[ADDRESS]
    nodes[0].guard.banned[ADDRESS] = replace(fast, since=NOW + 7200, until=NOW + 90_000)
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    nodes[1].now -= 3600
    await nodes[1].bans.lift(ROOT, ADDRESS)
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [False, False, False]
    nodes[2].ban("TLS")
    nodes[2].guard.banned[ADDRESS] = replace(nodes[2].guard.banned[ADDRESS], since=NOW - 3600)
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [True, True, True]


async def test_a_ban_made_out_of_reach_before_a_lift_is_lifted_when_the_node_returns(nodes: list[Node]) -> None:
    nodes[0].ban("TCP")
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    nodes[2].guard.banned[ADDRESS] = Banned(ADDRESS, NOW + 1, NOW + 3600, 4, "", "operator")
    await nodes[0].bans.lift(ROOT, ADDRESS)
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [False, False, False]


async def test_a_node_that_floods_the_fleet_with_bans_is_held_back_with_an_alarm(
    nodes: list[Node], caplog: pytest.LogCaptureFixture
) -> None:
    flood = {f"198.51.{number // 250}.{number % 250}": number for number in range(1200)}
    attempt = Attempt(NOW, "PJSIP", "TLS", "1_200", "ChallengeResponseFailed", "")
    for address in flood:
        nodes[0].guard.banned[address] = Banned(address, NOW, NOW + 3600, 4, "", "log", (attempt,))
    await nodes[0].catch_up()
    await nodes[1].catch_up()
    assert len(nodes[1].guard.banned) == BURST
    assert nodes[1].shared.held == {"node1": 1200 - BURST}
    assert "node1 tells of more bans than are made at once" in caplog.text
    nodes[1].now += 100
    await nodes[1].catch_up()
    assert len(nodes[1].guard.banned) == BURST + 100


async def test_what_a_node_has_shared_is_withdrawn_by_one_act_and_not_revived_by_its_return(
    nodes: list[Node],
) -> None:
    nodes[0].ban("TCP")
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    await nodes[1].registry.create(withdrawn_key("node1"), b"{}")
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [node.holds() for node in nodes] == [True, False, False]
    other = "192.0.2.10"
    nodes[0].guard.banned[other] = replace(nodes[0].guard.banned[ADDRESS], address=other)
    await all_catch_up(nodes)
    await all_catch_up(nodes)
    assert [other in node.guard.banned for node in nodes] == [True, True, True]


WRITTEN = encode(Evidence(node="node3", address=ADDRESS, since=NOW, until=NOW + 60, proven=True))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"node3/{ADDRESS}", b"garbage"),
        (f"node3/{ADDRESS}", b"{}"),
        ("node3/0.0.0.0/0", WRITTEN),
        ("node3/everybody", WRITTEN),
    ],
    ids=["no record", "half a record", "everybody's address", "no address"],
)
async def test_what_a_stolen_node_writes_as_evidence_bans_nobody_else_and_stops_nothing(
    nodes: list[Node], key: str, value: bytes
) -> None:
    await nodes[0].registry.create(f"evidence/{key}", value)
    other = "192.0.2.77"
    attempt = Attempt(NOW, "PJSIP", "TLS", "1_200", "ChallengeResponseFailed", "")
    nodes[1].guard.banned[other] = Banned(other, NOW, NOW + 3600, 4, "", "log", (attempt,))
    await all_catch_up(nodes[:2])
    await all_catch_up(nodes[:2])
    assert set(nodes[0].guard.banned) == {other}


async def test_a_node_counts_once_whatever_names_it_gives_itself(nodes: list[Node]) -> None:
    """Unproven failures need a second node, and a stolen one is not two."""
    for name, key in (("node2", f"node3/{ADDRESS}"), ("node3", "node3/192.0.2.10")):
        told = Evidence(node=name, address=ADDRESS, since=NOW, until=NOW + 60, proven=False)
        await nodes[0].registry.create(f"evidence/{key}", encode(told))
    await nodes[0].catch_up()
    assert not nodes[0].guard.banned
