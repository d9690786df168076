"""The disk that the embedded registry lies on is full: what has no room is refused whole, until there is some."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_aiohttp import AiohttpServer

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports import DISK_FULL, Registry
from asterisk_ext.registry.embedded import EmbeddedRegistry
from tests.contract.test_registry import served

LARGE = b"a virtual PBX" * 10_000


class Crowded:
    """``registry`` is how it is asked: on its own server, or from another over HTTP."""

    def __init__(self, own: EmbeddedRegistry, registry: Registry) -> None:
        self.registry = registry
        self._own = own

    async def pages(self, more: int) -> None:
        """Let the file grow by so many pages and no further, as a full disk does (SQLITE_FULL)."""
        [(now,)] = await self._own._rows("PRAGMA page_count")
        await self._own._rows(f"PRAGMA max_page_count = {now + more}")


@pytest.fixture(params=["here", "over HTTP"])
async def crowded(
    request: pytest.FixtureRequest, tmp_path: Path, aiohttp_server: AiohttpServer
) -> AsyncIterator[Crowded]:
    own, remote = await served(tmp_path, aiohttp_server)
    made = Crowded(own, own if request.param == "here" else remote)
    await made.registry.create("pbx/1", b"before")
    await made.pages(0)
    yield made
    await remote.close()
    await own.close()


async def test_a_change_without_room_is_refused_and_there_is_one_as_soon_as_there_is_room(crowded: Crowded) -> None:
    registry = crowded.registry
    before = await registry.get("pbx/1")
    assert before is not None
    for write in (registry.compare_and_set("pbx/1", LARGE, before.revision), registry.create("pbx/2", LARGE)):
        with pytest.raises(Refusal) as refused:
            await write
        assert refused.value.problem is DISK_FULL
    assert await registry.snapshot("") == ([before], before.revision)
    await crowded.pages(1000)
    assert await registry.compare_and_set("pbx/1", LARGE, before.revision) > before.revision


async def test_an_audio_without_room_is_refused(crowded: Crowded) -> None:
    with pytest.raises(Refusal) as refused:
        await crowded.registry.put_blob(LARGE)
    assert refused.value.problem is DISK_FULL
    assert await crowded.registry.blobs() == []


async def test_signs_of_life_need_no_room(tmp_path: Path) -> None:
    ticks = iter(range(0, 10_000_000, 100)).__next__
    registry = EmbeddedRegistry(tmp_path / "registry.sqlite", lambda: 1_800_000_000.0, lambda: float(ticks()))
    await registry._rows("PRAGMA max_page_count = 1")
    await registry.beat("node1", 6, LARGE)
    assert (await registry.beats())["node1"][1] == LARGE
    await registry.create("pbx/1", b"")
    await registry.close()
    with closing(sqlite3.connect(tmp_path / "registry.sqlite")) as file:
        assert file.execute("SELECT count(*) FROM beat").fetchone() == (0,)
