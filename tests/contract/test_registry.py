"""The registry's contract: the same for the fake, the embedded engine, and the embedded engine over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports import Change, Gap, Registry
from asterisk_ext.registry import embedded, wire
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.registry.served import LARGEST, application


def clock() -> float:
    return 1_800_000_000.0


@pytest.fixture(params=["fake", "embedded", "remote"])
async def registry(
    request: pytest.FixtureRequest, tmp_path: Path, aiohttp_server: AiohttpServer
) -> AsyncIterator[Registry]:
    if request.param == "fake":
        yield FakeRegistry(clock)
        return
    own = EmbeddedRegistry(tmp_path / "registry.sqlite", clock)
    if request.param == "embedded":
        yield own
        await own.close()
        return
    root = web.Application(client_max_size=LARGEST)
    root.add_subapp(wire.PREFIX, application(own, "fleet-secret"))
    server = await aiohttp_server(root)
    remote = RemoteRegistry(str(server.make_url("/")), "fleet-secret")
    yield remote
    await remote.close()
    await own.close()


async def test_a_record_that_does_not_exist_is_nothing(registry: Registry) -> None:
    assert await registry.get("server/a") is None


async def test_a_created_record_is_read_back_with_its_revision(registry: Registry) -> None:
    revision = await registry.create("server/a", b"one")
    item = await registry.get("server/a")
    assert item is not None
    assert (item.value, item.revision) == (b"one", revision)


async def test_creating_twice_is_refused_and_changes_nothing(registry: Registry) -> None:
    await registry.create("server/a", b"one")
    with pytest.raises(Refusal) as refusal:
        await registry.create("server/a", b"two")
    assert refusal.value.error_id == "registry.conflict"
    item = await registry.get("server/a")
    assert item is not None
    assert item.value == b"one"


async def test_of_two_writers_that_saw_the_same_revision_one_wins(registry: Registry) -> None:
    seen = await registry.create("maintenance", b"{}")
    results = await asyncio.gather(
        registry.compare_and_set("maintenance", b"A to B", seen),
        registry.compare_and_set("maintenance", b"B to A", seen),
        return_exceptions=True,
    )
    assert sorted(isinstance(result, Refusal) for result in results) == [False, True]


async def test_a_deleted_record_can_be_created_again_but_not_written_by_its_old_revision(registry: Registry) -> None:
    seen = await registry.create("pbx/1", b"one")
    await registry.delete("pbx/1", seen)
    with pytest.raises(Refusal):
        await registry.compare_and_set("pbx/1", b"two", seen)
    assert await registry.create("pbx/1", b"three") > seen


async def test_a_snapshot_holds_what_is_below_the_prefix_and_the_revision_of_that_moment(registry: Registry) -> None:
    await registry.create("pbx/2", b"b")
    await registry.create("server/a", b"x")
    last = await registry.create("pbx/1", b"a")
    items, revision = await registry.snapshot("pbx/")
    assert [(item.key, item.value) for item in items] == [("pbx/1", b"a"), ("pbx/2", b"b")]
    assert revision == last


async def test_a_watch_tells_every_change_after_its_revision_in_order(registry: Registry) -> None:
    first = await registry.create("pbx/1", b"a")
    changes = registry.watch("pbx/", first)
    second = await registry.compare_and_set("pbx/1", b"b", first)
    await registry.create("server/a", b"not of interest")
    third = await registry.delete("pbx/1", second)
    assert [await anext(changes), await anext(changes)] == [
        Change("pbx/1", b"b", second),
        Change("pbx/1", None, third),
    ]


async def test_a_watch_waits_for_what_comes_later(registry: Registry) -> None:
    _, revision = await registry.snapshot("")
    following = asyncio.ensure_future(anext(registry.watch("", revision)))
    await asyncio.sleep(0)
    written = await registry.create("pbx/1", b"a")
    assert await asyncio.wait_for(following, 5) == Change("pbx/1", b"a", written)


async def test_who_knows_a_revision_that_never_was_is_told_a_gap(registry: Registry) -> None:
    last = await registry.create("pbx/1", b"a")
    assert await asyncio.wait_for(anext(registry.watch("", last + 100)), 5) == Gap()


async def test_a_beat_is_remembered_with_its_time_and_is_not_a_change(registry: Registry) -> None:
    _, before = await registry.snapshot("")
    await registry.beat("node1", 6.0, b"report")
    assert await registry.beats() == {"node1": (clock(), b"report")}
    assert (await registry.snapshot(""))[1] == before


async def test_a_blob_is_named_by_its_hash(registry: Registry) -> None:
    name = await registry.put_blob(b"audio")
    assert await registry.get_blob(name) == b"audio"
    assert await registry.get_blob("0" * 64) is None


async def test_a_blob_may_be_put_twice_and_is_gone_when_dropped_once(registry: Registry) -> None:
    name = await registry.put_blob(b"audio")
    assert await registry.put_blob(b"audio") == name
    await registry.drop_blob(name)
    assert await registry.get_blob(name) is None
    await registry.drop_blob(name)


async def test_a_blob_may_have_some_megabytes(registry: Registry) -> None:
    audio = bytes(range(256)) * 40_000
    assert await registry.get_blob(await registry.put_blob(audio)) == audio


async def test_the_fake_tells_a_gap_when_its_log_was_forgotten() -> None:
    registry = FakeRegistry(clock)
    first = await registry.create("pbx/1", b"a")
    await registry.create("pbx/2", b"b")
    registry.forget()
    assert await anext(registry.watch("", first)) == Gap()


async def test_the_embedded_engine_tells_a_gap_to_who_comes_back_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "LOG_LENGTH", 2)
    registry = EmbeddedRegistry(tmp_path / "registry.sqlite", clock)
    first = await registry.create("pbx/1", b"a")
    for number in range(2, 7):
        await registry.create(f"pbx/{number}", b"x")
    assert await anext(registry.watch("", first)) == Gap()
    await registry.close()


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    registry = EmbeddedRegistry(tmp_path / "registry.sqlite", clock)
    revision = await registry.create("pbx/1", b"a")
    await registry.close()
    again = EmbeddedRegistry(tmp_path / "registry.sqlite", clock)
    items, at = await again.snapshot("")
    assert ([item.value for item in items], at) == ([b"a"], revision)
    await again.close()


async def test_a_stranger_without_the_fleets_secret_reads_nothing(
    tmp_path: Path, aiohttp_server: AiohttpServer
) -> None:
    own = EmbeddedRegistry(tmp_path / "registry.sqlite", clock)
    root = web.Application(client_max_size=LARGEST)
    root.add_subapp(wire.PREFIX, application(own, "fleet-secret"))
    server = await aiohttp_server(root)
    stranger = RemoteRegistry(str(server.make_url("/")), "guessed")
    with pytest.raises(Refusal) as refusal:
        await stranger.get("pbx/1")
    assert refusal.value.error_id == "registry.unreachable"
    await stranger.close()
    await own.close()
