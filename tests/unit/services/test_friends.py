"""What the guard is told of the fleet: whom never to ban, and which servers and carriers to let in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from asterisk_ext.domain.access import ROOT
from asterisk_ext.services.friends import Friends
from asterisk_ext.services.records import NEVER_BAN
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from tests.unit.services.conftest import World
from tests.unit.services.fake_firewall import FakeFirewallGuard


class Told(FakeFirewallGuard):
    """The guard and its firewall; ``until`` waits for what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet: Sequence[str] = ()
        self.times = 0
        self._news = asyncio.Event()

    async def set_fleet(self, networks: Sequence[str]) -> None:
        self.fleet = networks

    async def set_needs(self, nodes: Sequence[str], trunks: Sequence[str]) -> None:
        await super().set_needs(nodes, trunks)
        self.times += 1
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not wanted():
                await self._news.wait()


async def test_a_removed_server_is_told_at_once_also_where_its_address_is_on_the_never_ban_list(world: World) -> None:
    servers = {server.name: server.ip for server in world.fleet.servers()}
    gone = servers.pop("node2")
    await world.registry.create(f"{NEVER_BAN}{gone}", b"true")
    guard = Told()
    async with Tasks() as tasks:
        tasks.start("friends", Friends(world.fleet, guard, guard).run())  # type: ignore[arg-type]
        await guard.until(lambda: gone in guard.needs[0])
        await world.servers.remove(ROOT, "node2")
        await guard.until(lambda: gone not in guard.needs[0])
    assert guard.needs[0] == sorted(servers.values())
    assert gone in guard.fleet


async def test_a_copy_that_was_never_filled_tells_the_guard_nothing(tmp_path: Path, world: World) -> None:
    guard = Told()
    copy = LocalCopy(tmp_path / "another.sqlite3", world.clock)
    async with Tasks() as tasks:
        tasks.start("friends", Friends(copy, guard, guard).run())  # type: ignore[arg-type]
        await asyncio.sleep(0)
        assert guard.times == 0
        tasks.start("copy", copy.follow(world.registry))
        await guard.until(lambda: bool(guard.needs[0]))
    assert guard.times == 1
    copy.close()
