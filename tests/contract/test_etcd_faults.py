"""etcd servers killed, frozen and emptied under the registry's engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports import Change, Gap
from asterisk_ext.registry.etcd import EtcdRegistry
from asterisk_ext.registry.etcd_link import BAD_ENDPOINT, Link
from tests.etcd_servers import Cluster, cluster


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, 3) as made:
        yield made


@pytest.fixture
async def registry(servers: Cluster) -> AsyncIterator[EtcdRegistry]:
    etcd = EtcdRegistry(Link(servers.endpoints, None), lambda: 0.0)
    yield etcd
    await etcd.close()


async def test_nothing_acknowledged_is_lost_when_the_leader_is_killed_and_a_watch_goes_on(
    servers: Cluster, registry: EtcdRegistry
) -> None:
    written: dict[str, int] = {}
    seen: dict[str, int] = {}
    enough = asyncio.Event()

    async def write() -> None:
        for number in range(600):
            key = f"pbx/{number}"
            try:
                written[key] = await registry.create(key, b"x")
                if len(written) == 50:
                    enough.set()
            except Refusal as refusal:
                assert refusal.error_id in ("registry.unreachable", "registry.unsure")

    async def watch() -> None:
        async for change in registry.watch("pbx/", 0):
            assert isinstance(change, Change)
            assert change.revision not in seen.values()
            seen[change.key] = change.revision
            if change.key == "pbx/last":
                return

    watching = asyncio.ensure_future(watch())
    writing = asyncio.ensure_future(write())
    await enough.wait()
    await asyncio.to_thread(servers.kill, servers.leader())
    await writing
    written["pbx/last"] = await registry.create("pbx/last", b"x")
    items, _ = await registry.snapshot("pbx/")
    there = {item.key: item.revision for item in items}
    assert {key: there.get(key) for key in written} == written
    await asyncio.wait_for(watching, 20)
    assert seen == there
    assert len(written) > 500


async def test_a_server_that_has_gone_silent_is_left_for_another(servers: Cluster, registry: EtcdRegistry) -> None:
    revision = await registry.create("pbx/1", b"a")
    changes = registry.watch("pbx/", revision)
    waiting = asyncio.ensure_future(anext(changes))
    servers.freeze(0)
    try:
        written = await asyncio.wait_for(registry.create("pbx/2", b"b"), 20)
        assert await asyncio.wait_for(waiting, 30) == Change("pbx/2", b"b", written)
    finally:
        servers.thaw(0)


async def test_without_a_majority_nothing_is_written_and_nothing_old_is_read(
    servers: Cluster, registry: EtcdRegistry
) -> None:
    await registry.create("pbx/1", b"a")
    servers.kill(0)
    servers.kill(1)
    with pytest.raises(Refusal) as unsure:
        await registry.create("pbx/2", b"b")
    assert unsure.value.error_id in ("registry.unreachable", "registry.unsure")
    with pytest.raises(Refusal) as unread:
        await registry.get("pbx/1")
    assert unread.value.error_id == "registry.unreachable"
    servers.start(0)
    await asyncio.to_thread(servers.leader)
    item = await registry.get("pbx/1")
    assert item is not None


async def test_a_watcher_from_a_wiped_registrys_former_life_is_told_a_gap(
    servers: Cluster, registry: EtcdRegistry
) -> None:
    revision = await registry.create("pbx/1", b"a")
    assert await asyncio.wait_for(anext(registry.watch("", revision + 1000)), 10) == Gap()


async def test_an_address_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(Refusal) as refusal:
        Link(["198.18.1.1:2379"], None)
    assert refusal.value.problem is BAD_ENDPOINT
