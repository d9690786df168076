"""What somebody else takes out of the kernel is noticed, put back and told of, each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from asterisk_ext.tasks import Tasks
from firewall.bans.engine import BanEngine
from firewall.kernel.port import KERNEL_REFUSED
from firewall.rules.repairs import Repairs
from firewall.socket.api import Stream
from tests.unit.firewall.rules.test_guard_firewall import SIP, World


class Engine:
    """Bans of which none is missing."""

    counts = SimpleNamespace(repaired=0)

    def repair(self, *, lost: bool) -> bool:
        return False

    def bans_in_force(self) -> int:
        return 0


class Told(Stream):
    def __init__(self) -> None:
        super().__init__()
        self.said: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def publish(self, kind: str, details: Any) -> None:
        self.said.put_nowait((kind, details))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.firewall.close()
    made.state.close()


@pytest.fixture
def watched(world: World) -> Callable[[Callable[[Told], Awaitable[None]]], Awaitable[None]]:
    async def run(body: Callable[[Told], Awaitable[None]]) -> None:
        await world.firewall.confirm(await world.apply(SIP))
        told = Told()
        async with Tasks() as tasks:
            repairs = Repairs(world.kernel, cast("BanEngine", Engine()), world.firewall, told, tasks)
            repairs.start()
            async with asyncio.timeout(30):
                await body(told)
            repairs.close()

    return run


Watched = Callable[[Callable[[Told], Awaitable[None]]], Awaitable[None]]


async def test_one_list_that_was_emptied_comes_back_and_is_named(world: World, watched: Watched) -> None:
    async def body(told: Told) -> None:
        full = dict(world.lists.loaded)
        for _ in range(2):
            world.lists.flush("country_br")
            assert await told.said.get() == ("repaired", {"rules": False, "lists": ["country_br"]})
            assert world.lists.loaded == full

    await watched(body)


async def test_when_everything_is_gone_it_comes_back_as_one_repair(world: World, watched: Watched) -> None:
    async def body(told: Told) -> None:
        world.kernel.flush()
        world.lists.flush("country_br")
        assert await told.said.get() == ("repaired", {"rules": True})
        assert world.lists.loaded["country_br"][4]

    await watched(body)


async def test_lists_that_are_still_there_are_not_loaded_again(world: World, watched: Watched) -> None:
    async def body(told: Told) -> None:
        world.lists.broken = KERNEL_REFUSED.refuse(reason="it was asked to load lists")
        world.kernel.flush()
        assert await told.said.get() == ("repaired", {"rules": True})

    await watched(body)
