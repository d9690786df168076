"""A node's own copy of the registry."""

from __future__ import annotations

import asyncio
from pathlib import Path

from asterisk_ext.domain.pbx import Mode, Pbx
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.services import records
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks


def clock() -> float:
    return 1_800_000_000.0


def tenant(number: int) -> bytes:
    pbx = Pbx(id=number, name="Padaria", domain="padaria.example.net", home="node1", mode=Mode.GATE_ONLY)
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
