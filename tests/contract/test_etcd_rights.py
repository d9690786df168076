"""An etcd cluster knows the nodes by their certificates: a stolen node's credentials write only what is its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports import UNREACHABLE, Change
from asterisk_ext.registry.etcd import EtcdRegistry
from asterisk_ext.registry.etcd_link import DENIED, Link, Presented
from asterisk_ext.services import records
from asterisk_ext.trust import cluster as trust
from asterisk_ext.trust import identity
from asterisk_ext.trust.authority import Authority, authority_at
from firewall.kernel.tcp_end import end_connections
from tests.contract.test_registry import PATIENT
from tests.contract.test_stolen_node import CONSOLES_ONLY, NOBODYS, STOLEN
from tests.etcd_servers import Cluster, cluster
from tests.silence import Cable

REMOVED_ADDRESS = "127.7.9.3"
"""Of this machine, and nobody else's meanwhile."""
NODES, CONSOLES = ("node1", "node2", STOLEN), ("node1", "node2")


class Fleet:
    """Nodes with certificates of the fleet's authority, and the cluster that knows them; node1 keeps it."""

    def __init__(self, authority: Authority, servers: Cluster, now: float) -> None:
        self.authority, self.servers, self.now = authority, servers, now
        self.opened: list[EtcdRegistry] = []

    def reached_by(self, node: str, *places: str) -> EtcdRegistry:
        """At the cluster's own places, or at those that lead there."""
        shown = presented(self.authority, node, self.now)
        link = Link(places or self.servers.endpoints, lambda: shown, PATIENT)
        self.opened.append(EtcdRegistry(link, lambda: self.now))
        return self.opened[-1]

    async def close(self) -> None:
        for one in self.opened:
            await one.close()


def presented(authority: Authority, node: str, now: float) -> Presented:
    request = identity.request_for(node)
    signed = authority.sign(request.text, node, "127.0.0.1", now)
    return Presented(authority.pem.encode(), signed.pem.encode(), request.key)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Authority, Cluster, float]]:
    now, place = time.time(), tmp_path_factory.mktemp("secured")
    authority = authority_at(place / "authority", now)
    trust.furnish(authority, ["127.0.0.1"], place / "etcd", now)
    shown = presented(authority, "node1", now)
    credentials = grpc.ssl_channel_credentials(shown.authority, shown.key, shown.certificate)
    with cluster(place, 1, trust.options(place / "etcd"), credentials) as made:
        yield authority, made, now


@pytest.fixture
async def fleet(servers: tuple[Authority, Cluster, float]) -> AsyncIterator[Fleet]:
    """The cluster emptied, its users made as the keeper makes them."""
    made = Fleet(*servers)
    await made.reached_by("node1").admit("node1", NODES, CONSOLES)
    made.servers.wipe()
    yield made
    await made.close()


async def test_what_an_operator_changes_a_stolen_nodes_certificate_cannot(fleet: Fleet) -> None:
    keeper, stolen = fleet.reached_by("node1"), fleet.reached_by(STOLEN)
    certificates = [records.certificate_key(node) for node in NODES]
    journal = [f"{records.AUDIT}node2/1"]
    for key in (*CONSOLES_ONLY.values(), *NOBODYS.values(), *certificates, *journal):
        await denied(stolen, keeper, key)


async def test_a_console_neither_replaces_the_registry_nor_speaks_for_another(fleet: Fleet) -> None:
    keeper, console = fleet.reached_by("node1"), fleet.reached_by("node2")
    foreign = [key for key in NOBODYS.values() if not key.startswith(f"{records.EVIDENCE}node2/")]
    for key in (*foreign, records.evidence_key(STOLEN, "192.0.2.9"), f"{records.AUDIT}{STOLEN}/1"):
        await denied(console, keeper, key)


async def denied(node: EtcdRegistry, keeper: EtcdRegistry, key: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await node.create(key, b"mine")
    assert refusal.value.problem is DENIED, key
    written = await keeper.create(key, b"true")
    before = await keeper.snapshot("")
    for change in (node.compare_and_set(key, b"mine", written), node.delete(key, written)):
        with pytest.raises(Refusal) as refusal:
            await change
        assert refusal.value.problem is DENIED, key
    assert await keeper.snapshot("") == before
    await keeper.delete(key, written)


async def test_a_console_changes_what_an_operator_changes(fleet: Fleet) -> None:
    console = fleet.reached_by("node2")
    for key in CONSOLES_ONLY.values():
        if key not in (f"{records.FIREWALL_DRAFTS}node2", f"{records.FIREWALL_RULES}node2"):
            await console.delete(key, await console.compare_and_set(key, b"new", await console.create(key, b"old")))
    name = await console.put_blob(b"audio")
    await console.drop_blob(name)


async def test_a_stolen_node_neither_brings_nor_takes_audios_nor_reports_for_another(fleet: Fleet) -> None:
    keeper, stolen = fleet.reached_by("node1"), fleet.reached_by(STOLEN)
    name = await keeper.put_blob(b"audio")
    for change in (stolen.put_blob(b"another"), stolen.drop_blob(name), stolen.beat("node2", 6.0, b"well")):
        with pytest.raises(Refusal) as refusal:
            await change
        assert refusal.value.problem is DENIED
    assert await keeper.blobs() == [name]
    assert await keeper.beats() == {}


async def test_a_node_that_is_no_console_reads_watches_and_writes_what_is_its_own(fleet: Fleet) -> None:
    keeper, node = fleet.reached_by("node1"), fleet.reached_by(STOLEN)
    await keeper.put_blob(b"audio")
    revision = await keeper.create("pbx/1", b"a")
    assert [item.key for item in (await node.snapshot(""))[0]] == ["pbx/1"]
    changes = node.watch("", revision)
    for key in (
        records.evidence_key(STOLEN, "192.0.2.9"),
        f"{records.FIREWALL_DRAFTS}{STOLEN}",
        f"{records.AUDIT}{STOLEN}/1",
    ):
        written = await node.create(key, b"mine")
        assert await anext(changes) == Change(key, b"mine", written)
    await node.beat(STOLEN, 6.0, b"report")
    assert set(await keeper.beats()) == {STOLEN}


async def test_a_removed_node_writes_and_reads_nothing_from_then_on(fleet: Fleet) -> None:
    keeper, removed = fleet.reached_by("node1"), fleet.reached_by(STOLEN)
    await keeper.admit("node1", ("node1", "node2"), CONSOLES)
    for ask in (removed.create(records.evidence_key(STOLEN, "192.0.2.9"), b"x"), removed.get("pbx/1")):
        with pytest.raises(Refusal) as refusal:
            await ask
        assert refusal.value.problem is DENIED


async def test_a_removed_nodes_open_watch_ends_with_its_connections_and_is_not_opened_again(fleet: Fleet) -> None:
    keeper, staying = fleet.reached_by("node1"), fleet.reached_by("node2")
    async with Cable(int(fleet.servers.endpoints[0].rpartition(":")[2]), REMOVED_ADDRESS) as cable:
        removed = fleet.reached_by(STOLEN, f"https://127.0.0.1:{cable.port}")
        revision = await keeper.create("pbx/1", b"a")
        theirs, others = removed.watch("", revision), staying.watch("", revision)
        first = await keeper.create("pbx/2", b"b")
        assert await anext(theirs) == await anext(others) == Change("pbx/2", b"b", first)
        await keeper.admit("node1", ("node1", "node2"), CONSOLES)
        assert end_connections([REMOVED_ADDRESS]) > 0
        second = await keeper.create("pbx/3", b"c")
        with pytest.raises(Refusal):
            await anext(theirs)
        assert await anext(others) == Change("pbx/3", b"c", second)


async def test_a_node_that_is_no_console_any_more_loses_its_rights_at_once(fleet: Fleet) -> None:
    keeper, console = fleet.reached_by("node1"), fleet.reached_by("node2")
    await console.create("pbx/1", b"a")
    await keeper.admit("node1", NODES, ["node1"])
    with pytest.raises(Refusal) as refusal:
        await console.create("pbx/2", b"b")
    assert refusal.value.problem is DENIED


async def test_a_stranger_without_a_certificate_or_of_another_authority_is_told_nothing(
    fleet: Fleet, tmp_path: Path
) -> None:
    other = presented(authority_at(tmp_path / "other", fleet.now), "node1", fleet.now)
    forged = Presented(fleet.authority.pem.encode(), other.certificate, other.key)
    for shown in (forged, None):
        stranger = EtcdRegistry(Link(fleet.servers.endpoints, (lambda: forged) if shown else None, 1.0), lambda: 0.0)
        with pytest.raises(Refusal) as refusal:
            await stranger.get("pbx/1")
        assert refusal.value.problem is UNREACHABLE
        await stranger.close()


async def test_a_renewed_certificate_is_shown_where_the_former_is_not_good_any_more(fleet: Fleet) -> None:
    month = 40 * 86400.0
    shown = [presented(fleet.authority, "node2", fleet.now - month)]
    node = EtcdRegistry(Link(fleet.servers.endpoints, lambda: shown[-1], PATIENT), lambda: fleet.now)
    with pytest.raises(Refusal):
        await node.get("pbx/1")
    shown.append(presented(fleet.authority, "node2", fleet.now))
    assert await node.get("pbx/1") is None
    await node.close()


async def test_writes_go_on_while_the_clusters_users_change(fleet: Fleet) -> None:
    keeper, console = fleet.reached_by("node1"), fleet.reached_by("node2")
    done = asyncio.Event()

    async def change() -> None:
        for number in range(10):
            await keeper.admit("node1", [*NODES, f"node{number + 4}"], CONSOLES)
        done.set()

    changing, written = asyncio.ensure_future(change()), 0
    while not done.is_set():
        await console.create(f"pbx/{written}", b"x")
        written += 1
    await changing
    assert len((await keeper.snapshot("pbx/"))[0]) == written
