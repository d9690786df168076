"""Names at a real DNS server: BIND and Knot, each in a network of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.names import Name
from asterisk_ext.names.server import DnsServer
from asterisk_ext.ports.names import NAMES_WRONG
from asterisk_ext.services.naming import Naming
from tests.dns_servers import HOST, KEY, PORT, SECRET, ZONE, Server, running
from tests.own_network import in_own_network
from tests.unit.services.conftest import World, small_fleet

ONE, TWO = f"node1.{ZONE}", f"node2.{ZONE}"
RECORDS = """
node1 3600 A 198.18.1.1
node1 3600 AAAA 2001:db8::1
node2 A 198.18.1.2
other A 198.18.1.9
p1 CNAME node1
alias CNAME other
"""
Body = Callable[[DnsServer, Server], Awaitable[None]]
pytestmark = pytest.mark.parametrize("kind", ["bind", "knot"])


def opened(secret: str = SECRET) -> DnsServer:
    return DnsServer(HOST, PORT, ZONE, KEY, secret, "hmac-sha256", patience=30)


def on(kind: str, place: Path, body: Body) -> None:
    def started() -> None:
        with running(kind, place, [ONE, TWO, f"alias.{ZONE}"], RECORDS) as server:
            asyncio.run(_awaited(body(opened(), server)))

    in_own_network(started)


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as refusal:
        await work
    return refusal.value.error_id


def test_one_update_moves_several_names_and_shortens_what_resolvers_remember(kind: str, tmp_path: Path) -> None:
    async def body(names: DnsServer, server: Server) -> None:
        before = await names.look([ONE])
        assert before == {ONE: Name(frozenset({"198.18.1.1", "2001:db8::1"}), 3600)}
        await names.point({ONE: "198.18.1.2", TWO: "2001:db8::2"}, 30)
        assert await names.look([ONE, TWO]) == {
            ONE: Name(frozenset({"198.18.1.2"}), 30),
            TWO: Name(frozenset({"2001:db8::2"}), 30),
        }
        tenant = await names.look([f"p1.{ZONE}"])
        assert tenant[f"p1.{ZONE}"].addresses == {"198.18.1.2"}, "the tenant's alias follows"

    on(kind, tmp_path, body)


def test_an_update_is_all_or_nothing_and_touches_the_servers_names_alone(kind: str, tmp_path: Path) -> None:
    async def body(names: DnsServer, server: Server) -> None:
        wanted = {ONE: "198.18.1.2", f"other.{ZONE}": "198.18.1.2"}
        assert await refused(names.point(wanted, 30)) == "dns.refused"
        assert (await names.look([ONE]))[ONE].addresses == {"198.18.1.1", "2001:db8::1"}

    on(kind, tmp_path, body)


def test_a_wrong_key_is_refused_and_said_to_be(kind: str, tmp_path: Path) -> None:
    async def body(names: DnsServer, server: Server) -> None:
        stranger = opened("d3Jvbmctc2VjcmV0LW9mLWEtdGVzdC1rZXktMzItYnk=")
        assert await refused(stranger.point({ONE: "198.18.1.2"}, 30)) == "dns.refused"

    on(kind, tmp_path, body)


def test_a_dns_server_that_is_down_is_told_from_one_that_refuses(kind: str, tmp_path: Path) -> None:
    async def body(names: DnsServer, server: Server) -> None:
        server.kill()
        assert await refused(names.look([ONE])) == "dns.silent"
        assert await refused(names.point({ONE: "198.18.1.2"}, 30)) == "dns.silent"

    on(kind, tmp_path, body)


async def in_fleet(place: Path, names: DnsServer, body: Callable[[World, Naming], Awaitable[None]]) -> None:
    async with contextlib.asynccontextmanager(small_fleet)(place) as world:
        for node, name in (("node1", ONE), ("node2", TWO)):
            await world.servers.edit(ROOT, node, registration=name)
        await body(world, Naming(world.registry, world.fleet, names, ZONE, 30, world.clock))


def test_names_follow_a_maintenance_and_come_home(kind: str, tmp_path: Path) -> None:
    async def body(names: DnsServer, server: Server) -> None:
        async def night(world: World, naming: Naming) -> None:
            state = await naming.keep()
            assert state is not None
            assert (state.true, state.old_until) == (True, world.now + 3600), "resolvers may remember an hour"
            await world.maintenance.enter(ROOT, "node1", "node2")
            await naming.keep()
            assert (await names.look([ONE]))[ONE].addresses == {"198.18.1.2"}
            await world.maintenance.leave(ROOT, "node1")
            await naming.keep()
            assert (await names.look([ONE]))[ONE].addresses == {"198.18.1.1"}

        await in_fleet(tmp_path, names, night)

    on(kind, tmp_path, body)


def test_what_another_hand_changes_or_a_dead_server_missed_is_made_right_again(kind: str, tmp_path: Path) -> None:
    async def body(names: DnsServer, server: Server) -> None:
        async def night(world: World, naming: Naming) -> None:
            server.kill()
            state = await naming.keep()
            assert state is not None
            assert not state.true
            assert HOST in state.error
            server.start()
            state = await naming.keep()
            assert state is not None
            assert state.true
            await names.point({ONE: "198.18.1.77"}, 30)
            await naming.keep()
            assert (await names.look([ONE]))[ONE].addresses == {"198.18.1.1"}

        await in_fleet(tmp_path, names, night)

    on(kind, tmp_path, body)


def test_a_name_that_is_an_alias_is_said_to_be_wrong(kind: str, tmp_path: Path) -> None:
    async def body(names: DnsServer, server: Server) -> None:
        async def night(world: World, naming: Naming) -> None:
            await world.servers.edit(ROOT, "node1", registration=f"alias.{ZONE}")
            state = await naming.keep()
            assert state is not None
            told = NAMES_WRONG.what.format(name=f"alias.{ZONE}", address="198.18.1.1")
            assert (state.true, state.error) == (False, told)

        await in_fleet(tmp_path, names, night)

    on(kind, tmp_path, body)
