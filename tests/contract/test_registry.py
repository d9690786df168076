"""The registry's contract: the same for the fake, the embedded engine, the embedded engine over HTTP, and etcd (one
server, a cluster of three)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from pytest import MonkeyPatch
from pytest_aiohttp import AiohttpServer

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports import MOVED, MOVED_MARK, STRANGER, Change, Gap, Registry
from asterisk_ext.registry import embedded, etcd, wire
from asterisk_ext.registry import remote as remote_engine
from asterisk_ext.registry import served as served_engine
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.etcd import EtcdRegistry
from asterisk_ext.registry.etcd_link import Link
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.registry.served import LARGEST, application
from tests.etcd_servers import Cluster, cluster

PATIENT = 20.0
"""Seconds for an answer of etcd: nothing here is about its silence."""


def clock() -> float:
    return 1_800_000_000.0


class Clusters:
    """Servers of etcd, started for the first test that asks and emptied for every one."""

    def __init__(self, stack: ExitStack, place: Path) -> None:
        self._stack = stack
        self._place = place
        self._made: dict[int, Cluster] = {}

    def emptied(self, size: int) -> Cluster:
        if size not in self._made:
            place = self._place / str(size)
            place.mkdir()
            self._made[size] = self._stack.enter_context(cluster(place, size))
        self._made[size].wipe()
        return self._made[size]


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    with ExitStack() as stack:
        yield Clusters(stack, tmp_path_factory.mktemp("etcd"))


async def served(
    tmp_path: Path, aiohttp_server: AiohttpServer, name: str = "node1"
) -> tuple[EmbeddedRegistry, RemoteRegistry]:
    """An embedded registry, and what the node ``name`` reaches it by; node1 is a console."""
    own = EmbeddedRegistry(tmp_path / "registry.sqlite", clock)
    root = web.Application(client_max_size=LARGEST)
    root.add_subapp(wire.PREFIX, application(own, lambda request: name, lambda: ["node1"]))
    server = await aiohttp_server(root)
    return own, RemoteRegistry(str(server.make_url("/")))


@pytest.fixture(params=["fake", "embedded", "remote", "etcd", "etcd of three"])
async def registry(
    request: pytest.FixtureRequest, tmp_path: Path, aiohttp_server: AiohttpServer, clusters: Clusters
) -> AsyncIterator[Registry]:
    if request.param.startswith("etcd"):
        servers = clusters.emptied(1 if request.param == "etcd" else 3)
        own_etcd = EtcdRegistry(Link(servers.endpoints, None, PATIENT), clock)
        yield own_etcd
        await own_etcd.close()
        return
    if request.param == "fake":
        yield FakeRegistry(clock)
        return
    if request.param == "embedded":
        own = EmbeddedRegistry(tmp_path / "registry.sqlite", clock)
        yield own
        await own.close()
        return
    own, remote = await served(tmp_path, aiohttp_server)
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
    ((node, (at, report)),) = (await registry.beats()).items()
    assert (node, report) == ("node1", b"report")
    assert abs(at - clock()) < PATIENT
    written = await registry.create("pbx/1", b"a")
    assert await anext(registry.watch("", before)) == Change("pbx/1", b"a", written)
    assert [item.key for item in (await registry.snapshot(""))[0]] == ["pbx/1"]


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


@pytest.mark.parametrize("registry", ["fake", "embedded", "etcd", "etcd of three"], indirect=True)
async def test_a_registry_that_has_moved_refuses_every_write_until_its_mark_is_taken_away(registry: Registry) -> None:
    seen = await registry.create("pbx/1", b"a")
    mark = await registry.create(MOVED_MARK, b"elsewhere")
    for write in (
        registry.create("pbx/2", b"b"),
        registry.compare_and_set("pbx/1", b"b", seen),
        registry.delete("pbx/1", seen),
    ):
        with pytest.raises(Refusal) as refusal:
            await write
        assert refusal.value.problem is MOVED
    await registry.delete(MOVED_MARK, mark)
    await registry.create("pbx/2", b"b")


async def test_other_nodes_are_told_that_the_registry_has_moved(tmp_path: Path, aiohttp_server: AiohttpServer) -> None:
    own, remote = await served(tmp_path, aiohttp_server)
    await own.create(MOVED_MARK, b"elsewhere")
    with pytest.raises(Refusal) as refusal:
        await remote.create("pbx/2", b"b")
    assert refusal.value.problem is MOVED
    await remote.close()
    await own.close()


@pytest.mark.parametrize("made", [True, False], ids=["it was made", "it was not"])
async def test_a_write_whose_answer_was_lost_is_made_once(
    tmp_path: Path, aiohttp_server: AiohttpServer, made: bool
) -> None:
    own = EmbeddedRegistry(tmp_path / "registry.sqlite", clock)
    inner = application(own, lambda request: "node1", lambda: ["node1"])
    lost = ["the first write's answer"]

    @web.middleware
    async def lose(request: web.Request, handler: Handler) -> web.StreamResponse:
        if lost and request.path.endswith("/write"):
            lost.clear()
            if made:
                await handler(request)
            assert request.transport is not None
            request.transport.abort()
        return await handler(request)

    root = web.Application(middlewares=[lose])
    root.add_subapp(wire.PREFIX, inner)
    remote = RemoteRegistry(str((await aiohttp_server(root)).make_url("/")))
    revision = await remote.create("pbx/1", b"a")
    item = await own.get("pbx/1")
    assert item is not None
    assert (item.value, item.revision, revision) == (b"a", 1, 1)
    await remote.close()
    await own.close()


async def test_all_blobs_are_named(registry: Registry) -> None:
    names = [await registry.put_blob(data) for data in (b"one", b"two")]
    assert await registry.blobs() == sorted(names)


async def test_a_blob_may_have_some_megabytes(registry: Registry) -> None:
    audio = bytes(range(256)) * 40_000
    assert await registry.get_blob(await registry.put_blob(audio)) == audio


async def test_the_fake_tells_a_gap_when_its_log_was_forgotten() -> None:
    registry = FakeRegistry(clock)
    first = await registry.create("pbx/1", b"a")
    await registry.create("pbx/2", b"b")
    registry.forget()
    assert await anext(registry.watch("", first)) == Gap()


async def test_etcd_tells_a_gap_when_the_cluster_was_compacted(clusters: Clusters) -> None:
    servers = clusters.emptied(1)
    registry = EtcdRegistry(Link(servers.endpoints, None, PATIENT), clock)
    first = await registry.create("pbx/1", b"a")
    await registry.create("pbx/2", b"b")
    await registry.create("pbx/3", b"c")
    servers.compact()
    assert await anext(registry.watch("", first)) == Gap()
    await registry.close()


async def test_a_snapshot_of_more_than_a_page_is_of_one_moment(clusters: Clusters, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "PAGE", 2)
    registry = EtcdRegistry(Link(clusters.emptied(1).endpoints, None, PATIENT), clock)
    for number in range(5):
        last = await registry.create(f"pbx/{number}", b"x")
    items, revision = await registry.snapshot("pbx/")
    assert ([item.key for item in items], revision) == ([f"pbx/{number}" for number in range(5)], last)
    await registry.close()


async def test_the_embedded_engine_tells_a_gap_to_who_comes_back_too_late(
    tmp_path: Path, monkeypatch: MonkeyPatch
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


async def test_who_is_no_node_of_the_fleet_reads_nothing(tmp_path: Path, aiohttp_server: AiohttpServer) -> None:
    own, stranger = await served(tmp_path, aiohttp_server, name="")
    with pytest.raises(Refusal) as refusal:
        await stranger.get("pbx/1")
    assert refusal.value.problem is STRANGER
    await stranger.close()
    await own.close()


class Times:
    """A node's clock, which somebody sets, and one that nobody does."""

    def __init__(self) -> None:
        self.now, self.ticks = clock(), 5.0

    async def jumped(self, registry: Registry, jump: float) -> dict[str, float]:
        """The ages of two nodes' reports, one of them silent for a minute in which the clock was set."""
        await registry.beat("silent", 6.0, b"")
        await registry.beat("living", 6.0, b"")
        await registry.beats()
        self.ticks += 60
        self.now += 60 + jump
        await registry.beat("living", 6.0, b"")
        return {node: self.now - at for node, (at, _) in (await registry.beats()).items()}


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_clock_that_jumps_by_an_hour_makes_no_silent_node_young_and_no_living_one_old(
    tmp_path: Path, jump: float
) -> None:
    times = Times()
    registry = EmbeddedRegistry(tmp_path / "registry.sqlite", lambda: times.now, lambda: times.ticks)
    assert await times.jumped(registry, jump) == {"silent": 60.0, "living": 0.0}
    await registry.close()
    again = EmbeddedRegistry(tmp_path / "registry.sqlite", lambda: times.now - 7200, lambda: times.ticks)
    assert all(at <= times.now - 7200 for at, _ in (await again.beats()).values())
    await again.close()


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_clock_that_jumps_by_an_hour_makes_nobody_in_a_cluster_younger_or_older(
    clusters: Clusters, jump: float
) -> None:
    times = Times()
    link = Link(clusters.emptied(1).endpoints, None, PATIENT)
    registry = EtcdRegistry(link, lambda: times.now, lambda: times.ticks)
    assert await times.jumped(registry, jump) == {"silent": 60.0, "living": 0.0}
    await registry.close()


async def test_a_node_whose_clock_is_an_hour_off_tells_the_others_reports_by_its_own(
    tmp_path: Path, aiohttp_server: AiohttpServer, monkeypatch: MonkeyPatch
) -> None:
    own, remote = await served(tmp_path, aiohttp_server)
    await own.beat("node2", 6.0, b"")
    off = clock() + 3600
    monkeypatch.setattr(served_engine, "time", SimpleNamespace(time=clock))
    monkeypatch.setattr(remote_engine, "time", SimpleNamespace(time=lambda: off))
    ((at, _),) = (await remote.beats()).values()
    assert at == off
    await remote.close()
    await own.close()


async def test_a_record_of_a_megabyte_is_read_and_watched_like_any_other(registry: Registry) -> None:
    large = b"x" * 1_000_000
    revision = await registry.create("firewall/list/large", large)
    assert await anext(registry.watch("", revision - 1)) == Change("firewall/list/large", large, revision)
    assert (await registry.snapshot("firewall/"))[0][0].value == large
