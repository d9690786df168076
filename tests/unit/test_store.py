"""A node's own copy of the registry."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from asterisk_ext.domain.pbx import Mode, Pbx
from asterisk_ext.domain.registry_life import Life
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.services import records
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks


def clock() -> float:
    return 1_800_000_000.0


def tenant(number: int, home: str = "node1") -> bytes:
    pbx = Pbx(id=number, name="Padaria", domain="padaria.example.net", home=home, mode=Mode.GATE_ONLY)
    return records.encode(pbx)


async def test_what_was_copied_is_there_after_a_restart_without_the_registry(tmp_path: Path) -> None:
    registry = FakeRegistry(clock)
    await registry.create(records.tenant_key(1), tenant(1))
    copy = LocalCopy(tmp_path / "copy.sqlite", clock)
    async with Tasks() as tasks:
        tasks.start("copy", copy.follow(registry))
        await copy.reached(1)
    copy.close()
    again = LocalCopy(tmp_path / "copy.sqlite", clock)
    assert [pbx.id for pbx in again.tenants()] == [1]
    assert again.revision == 1
    again.close()


async def test_a_copy_that_was_away_too_long_takes_everything_anew(tmp_path: Path) -> None:
    registry = FakeRegistry(clock)
    gone = await registry.create(records.tenant_key(1), tenant(1))
    copy = LocalCopy(tmp_path / "copy.sqlite", clock)
    async with Tasks() as tasks:
        tasks.start("copy", copy.follow(registry))
        await copy.reached(gone)
    await registry.delete(records.tenant_key(1), gone)
    last = await registry.create(records.tenant_key(2), tenant(2))
    registry.forget()
    await asyncio.wait_for(copy.follow(registry), 5)
    assert (copy.revision, [pbx.id for pbx in copy.tenants()]) == (last, [2])
    copy.close()


@pytest.mark.parametrize("kinds", [(), (records.TENANTS,)])
async def test_who_waits_for_news_hears_of_a_registry_that_counts_lower_than_the_one_before(
    tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    former, accepted = FakeRegistry(clock), FakeRegistry(clock)
    await former.create(records.LIFE, records.encode(Life(1, "first")))
    for number in range(1, 10):
        await former.create(records.tenant_key(number), tenant(number))
    await accepted.create(records.LIFE, records.encode(Life(2, "second")))
    copy = LocalCopy(tmp_path / "copy.sqlite", clock)
    async with Tasks() as tasks:
        following = tasks.start("copy", copy.follow(former))
        await copy.reached(10)
        following.cancel()
        seen = copy.revision
        news = asyncio.ensure_future(copy.after_touch(seen, *kinds) if kinds else copy.after(seen))
        tasks.start("copy again", copy.follow(accepted))
        await asyncio.wait_for(news, 5)
        assert (copy.revision, copy.tenants()) == (1, [])
    copy.close()


async def test_a_deleted_record_leaves_the_copy(tmp_path: Path) -> None:
    registry = FakeRegistry(clock)
    first = await registry.create(records.tenant_key(1), tenant(1))
    copy = LocalCopy(tmp_path / "copy.sqlite", clock)
    async with Tasks() as tasks:
        tasks.start("copy", copy.follow(registry))
        await copy.reached(first)
        await copy.reached(await registry.delete(records.tenant_key(1), first))
        assert (copy.tenants(), copy.items("pbx/")) == ([], [])
    copy.close()


async def test_how_many_live_on_a_server_is_right_after_every_change(tmp_path: Path) -> None:
    registry = FakeRegistry(clock)
    copy = LocalCopy(tmp_path / "copy.sqlite", clock)
    first = await registry.create(records.tenant_key(1), tenant(1))
    async with Tasks() as tasks:
        tasks.start("copy", copy.follow(registry))
        await copy.reached(first)
        assert copy.homes() == {"node1": 1}
        await copy.reached(await registry.create(records.tenant_key(2), tenant(2, "node2")))
        assert copy.homes() == {"node1": 1, "node2": 1}
        moved = await registry.compare_and_set(records.tenant_key(1), tenant(1, "node2"), first)
        await copy.reached(moved)
        assert copy.homes() == {"node2": 2}
        await copy.reached(await registry.delete(records.tenant_key(1), moved))
        assert copy.homes() == {"node2": 1}
    copy.close()


DAMAGES: list[Callable[[Path], object]] = [
    Path.unlink,
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"not a database" * 1000),
    lambda path: _run(path, "DELETE FROM item"),
    lambda path: _run(path, "DROP TABLE item; CREATE TABLE item (name TEXT)"),
]


def _run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)


async def filled(path: Path, registry: FakeRegistry) -> LocalCopy:
    copy = LocalCopy(path, clock, patience=0.01)
    async with Tasks() as tasks:
        tasks.start("copy", copy.follow(registry))
        await copy.reached(1)
    return copy


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_copy_is_filled_anew_when_the_node_starts(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    path, registry = tmp_path / "copy.sqlite", FakeRegistry(clock)
    await registry.create(records.tenant_key(1), tenant(1))
    (await filled(path, registry)).close()
    damage(path)
    again = LocalCopy(path, clock)
    assert (again.revision, again.tenants()) == (0, [])
    again.close()
    again = await filled(path, registry)
    assert [pbx.id for pbx in again.tenants()] == [1]
    again.close()


@pytest.mark.parametrize("damage", DAMAGES[3:])
async def test_a_copy_damaged_under_a_running_node_forgets_nothing_and_is_filled_anew(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    path, registry = tmp_path / "copy.sqlite", FakeRegistry(clock)
    await registry.create(records.tenant_key(1), tenant(1))
    copy = await filled(path, registry)
    damage(path)
    async with Tasks() as tasks:
        tasks.keep("copy", lambda: copy.follow(registry), pause=0.01)
        await copy.reached(await registry.create(records.tenant_key(2), tenant(2)))
        assert [pbx.id for pbx in copy.tenants()] == [1, 2]
    copy.close()


async def test_a_locked_copy_is_written_when_it_is_free_again(tmp_path: Path) -> None:
    path, registry = tmp_path / "copy.sqlite", FakeRegistry(clock)
    await registry.create(records.tenant_key(1), tenant(1))
    copy = await filled(path, registry)
    async with Tasks() as tasks:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            tasks.keep("copy", lambda: copy.follow(registry), pause=0.01)
            revision = await registry.create(records.tenant_key(2), tenant(2))
            await asyncio.sleep(0.05)
            assert [pbx.id for pbx in copy.tenants()] == [1]
        await copy.reached(revision)
        assert [pbx.id for pbx in copy.tenants()] == [1, 2]
    copy.close()


async def test_one_record_that_cannot_be_read_costs_no_other_its_place(tmp_path: Path) -> None:
    path, registry = tmp_path / "copy.sqlite", FakeRegistry(clock)
    await registry.create(records.tenant_key(1), tenant(1))
    await registry.create(records.tenant_key(2), b'{"id": "two"}')
    copy = await filled(path, registry)
    assert [pbx.id for pbx in copy.tenants()] == [1]
    copy.close()


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_the_copys_age_is_right_though_the_clock_jumps_by_an_hour(tmp_path: Path, jump: float) -> None:
    now, ticks = [1_800_000_000.0], [5.0]
    registry = FakeRegistry(lambda: now[0])
    await registry.create("server/x", b"{}")
    copy = LocalCopy(tmp_path / "copy.sqlite", lambda: now[0], ticks=lambda: ticks[0])
    async with Tasks() as tasks:
        tasks.start("copy", copy.follow(registry))
        await copy.after(0)
    ticks[0] += 30
    now[0] += 30 + jump
    assert copy.age(now[0]) == 30
    copy.close()
