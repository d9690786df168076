"""Any console shows the fleet's calls, from the other nodes while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from asterisk_ext.domain.access import PEER, ROOT, Act, Actor, Role
from asterisk_ext.domain.call_events import Created
from asterisk_ext.domain.call_news import Changed, Difference, Ended, Snapshot
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import Report, Server, Technology
from asterisk_ext.services.fleet_calls import FleetCalls
from asterisk_ext.services.live_calls import LiveCalls
from asterisk_ext.tasks import Tasks
from tests.unit.domain.channels import AT, channel
from tests.unit.services.fake_peers import FakePeers
from tests.unit.services.live_calls_world import FakeAudit, FakeChannels, FakeTenants

NOW = 1_800_000_000.0
TENANT = Actor("tenant 2", Role.SUPPORT, pbx=2)
OTHERS = ("node2", "node3")


class Members:
    def servers(self) -> list[Server]:
        kinds = {"node1": Technology.NODE, "node2": Technology.NODE, "node3": Technology.CORE_SERVER}
        kinds |= {"awaited": Technology.NODE, "database": Technology.DATABASE}
        return [
            Server(id=number, name=name, technology=kind, ip=f"198.18.{number}.1")
            for number, (name, kind) in enumerate(kinds.items(), 1)
        ]

    def reports(self) -> dict[str, Report]:
        return {name: Report(at=NOW) for name in ("node1", "database", *OTHERS)}


class World:
    """The console of node1."""

    def __init__(self) -> None:
        self.now = NOW
        self.channels, self.audit, self.peers = FakeChannels(), FakeAudit(), FakePeers()
        self.own = LiveCalls("node1", self.channels, FakeTenants(), self.audit, pause=0)
        self.own.merge([], [], 0, 0)
        self.calls = FleetCalls(
            "node1", self.own, self.peers, Members(), lambda: self.now, linger=0.01, pause=0, again=0.01
        )

    def begin(self, id: str) -> None:
        self.own.apply(Created(channel(id, f"PJSIP/1_{id}-{id:0>8}", "Ring", exten="200"), AT), 1)


def row(linkedid: str, server: str, pbx: str = "1") -> Row:
    return {
        "linkedid": linkedid,
        "pbx": pbx,
        "server": server,
        "started": "2026-11-23T07:00:00.000Z",
        "answered": None,
        "origin": {"channel": "PJSIP/x", "state": "Up", "caller": "1", "name": "", "dialled": "2", "codecs": []},
        "destinations": [],
    }


def seen(snapshot: Difference) -> set[tuple[str | None, str]]:
    assert isinstance(snapshot, Snapshot)
    return {(call["server"], call["linkedid"]) for call in snapshot.calls}


async def hear(differences: AsyncGenerator[Difference]) -> Difference:
    async with asyncio.timeout(5):
        return await anext(differences)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with Tasks() as tasks:
        tasks.start("calls", made.calls.run())
        yield made


async def test_a_page_nobody_watches_asks_every_hosting_server_that_has_reported(world: World) -> None:
    world.begin("1.1")
    world.peers.say("node2", row("1.1", "node2"))
    world.peers.say("awaited", row("1.2", "awaited"))
    world.peers.say("database", row("1.3", "database"))
    table = await world.calls.table(ROOT)
    assert seen(table) == {("node1", "1.1"), ("node2", "1.1")}
    assert not table.silent
    assert not world.peers.listened_to


async def test_a_watcher_is_told_of_every_servers_calls_as_they_come_and_go(world: World) -> None:
    world.begin("1.1")
    world.peers.say("node2", row("2.1", "node2"))
    differences = world.calls.watch(ROOT)
    assert seen(await hear(differences)) == {("node1", "1.1"), ("node2", "2.1")}
    world.peers.say("node3", row("1.1", "node3"))
    assert await hear(differences) == Changed(row("1.1", "node3"))
    world.peers.end("node2", "2.1")
    assert await hear(differences) == Ended("2.1", "node2")
    world.begin("1.2")
    changed = await hear(differences)
    assert isinstance(changed, Changed) and (changed.call["server"], changed.call["linkedid"]) == ("node1", "1.2")


async def test_the_other_nodes_are_listened_to_while_somebody_looks_only(world: World) -> None:
    differences = world.calls.watch(ROOT)
    await hear(differences)
    assert world.peers.listened_to.keys() == set(OTHERS)
    await differences.aclose()
    async with asyncio.timeout(5):
        await world.peers.until_listened_to()
    again = world.calls.watch(ROOT)
    await hear(again)
    assert world.peers.listened_to.keys() == set(OTHERS)


async def test_a_server_whose_asterisk_tells_late_is_named_as_long_as_it_does(world: World) -> None:
    differences = world.calls.watch(ROOT)
    await hear(differences)
    for late in (["node2"], []):
        world.peers.listened_to["node2"].put_nowait(Snapshot(calls=[row("2.1", "node2")], late=late))
        snapshot = await hear(differences)
        assert isinstance(snapshot, Snapshot) and seen(snapshot) == {("node2", "2.1")}
        assert snapshot.late == late and snapshot.sure


async def test_a_server_that_falls_silent_keeps_its_last_calls_apart_with_their_age(world: World) -> None:
    world.peers.say("node2", row("2.1", "node2"))
    differences = world.calls.watch(ROOT)
    assert seen(await hear(differences)) == {("node2", "2.1")}
    world.now += 60
    world.peers.fall_silent("node2")
    snapshot = await hear(differences)
    assert isinstance(snapshot, Snapshot) and seen(snapshot) == set()
    [silent] = snapshot.silent
    assert (silent.server, silent.since, list(silent.calls)) == ("node2", NOW, [row("2.1", "node2")])
    assert (await world.calls.table(ROOT)).silent == [silent]
    world.peers.silent.clear()
    snapshot = await hear(differences)
    assert seen(snapshot) == {("node2", "2.1")}
    assert isinstance(snapshot, Snapshot) and not snapshot.silent


async def test_a_server_that_never_answered_is_named_and_not_shown_as_empty(world: World) -> None:
    world.peers.silent = {"node3"}
    for snapshot in (await world.calls.table(ROOT), await hear(world.calls.watch(ROOT))):
        assert isinstance(snapshot, Snapshot)
        assert [(silent.server, silent.since) for silent in snapshot.silent] == [("node3", 0.0)]


async def test_another_node_is_told_this_nodes_calls_alone(world: World) -> None:
    world.begin("1.1")
    world.peers.say("node2", row("2.1", "node2"))
    assert seen(await world.calls.table(PEER)) == {("node1", "1.1")}
    assert seen(await hear(world.calls.watch(PEER))) == {("node1", "1.1")}
    assert not world.peers.listened_to


async def test_a_tenants_token_sees_its_calls_on_every_server_and_no_others(world: World) -> None:
    world.peers.say("node2", row("2.1", "node2", pbx="2"))
    world.peers.say("node2", row("2.2", "node2", pbx="3"))
    assert seen(await world.calls.table(TENANT)) == {("node2", "2.1")}
    differences = world.calls.watch(TENANT)
    assert seen(await hear(differences)) == {("node2", "2.1")}
    world.peers.fall_silent("node2")
    snapshot = await hear(differences)
    assert isinstance(snapshot, Snapshot)
    assert [call["linkedid"] for call in snapshot.silent[0].calls] == ["2.1"]


async def test_a_call_is_hung_up_where_it_is_for_who_asked(world: World) -> None:
    world.begin("1.1")
    world.peers.say("node2", row("1.1", "node2"))
    world.peers.say("node3", row("3.1", "node3"))
    support = Actor("ana", Role.SUPPORT)
    await world.calls.hang_up(support, "1.1", "node2")
    await world.calls.hang_up(support, "3.1")
    assert world.peers.hung_up == [("node2", "1.1", "ana"), ("node3", "3.1", "ana")]
    assert world.channels.hung_up == []
    assert world.audit.noted == []
    await world.calls.hang_up(support, "1.1")
    assert world.channels.hung_up == ["1.1"]
    assert [(who, act, thing) for who, act, thing, _ in world.audit.noted] == [("ana", Act.HANG_UP, "1.1")]


async def test_hanging_up_what_is_not_there_or_not_ones_own_to_end_is_refused(world: World) -> None:
    world.peers.say("node2", row("2.1", "node2"))
    for actor, linkedid, problem in (
        (ROOT, "9.9", "call.unknown"),
        (Actor("peer", Role.SUPPORT, peer=True), "2.1", "call.unknown"),
        (Actor("viewer", Role.VIEWER), "2.1", "access.forbidden"),
    ):
        with pytest.raises(Refusal) as refused:
            await world.calls.hang_up(actor, linkedid)
        assert refused.value.error_id == problem
    world.peers.silent = {"node2"}
    with pytest.raises(Refusal) as refused:
        await world.calls.hang_up(ROOT, "2.1", "node2")
    assert refused.value.error_id == "server.silent"
    assert world.peers.hung_up == []


async def test_the_detail_of_a_call_comes_from_the_server_where_it_is(world: World) -> None:
    world.begin("100")
    world.peers.rows["node2"]["200"] = row("200", "node2")
    world.peers.rows["node3"]["300"] = row("300", "node3", pbx="2")
    assert (await world.calls.detail(ROOT, "100"))["call"]["server"] == "node1"
    assert (await world.calls.detail(ROOT, "200"))["call"]["server"] == "node2"
    assert (await world.calls.detail(TENANT, "300", "node3"))["call"]["server"] == "node3"


@pytest.mark.parametrize(
    ("actor", "linkedid", "server"), [(TENANT, "100", ""), (TENANT, "200", "node2"), (ROOT, "200", "node3")]
)
async def test_the_detail_of_a_call_that_is_not_there_to_be_seen_is_refused(
    world: World, actor: Actor, linkedid: str, server: str
) -> None:
    world.begin("100")
    world.peers.rows["node2"]["200"] = row("200", "node2")
    with pytest.raises(Refusal) as refusal:
        await world.calls.detail(actor, linkedid, server)
    assert refusal.value.error_id == "call.unknown"
