"""A stolen server fills an etcd cluster: consoles are told so, removing the server cures it, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import Server, Technology
from asterisk_ext.ports import FULL
from asterisk_ext.registry.etcd_link import DENIED
from asterisk_ext.services import records
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.leftovers import Leftovers
from asterisk_ext.services.servers import Servers
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from asterisk_ext.trust import cluster as trust
from asterisk_ext.trust.authority import authority_at
from tests.contract.test_etcd_rights import CONSOLES, NODES, Fleet, presented
from tests.contract.test_stolen_node import STOLEN
from tests.etcd_servers import cluster

ROOM = 8 * 1024 * 1024
MEGABYTE = b"x" * 1024 * 1024


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Fleet]:
    now = time.time()
    authority = authority_at(tmp_path / "authority", now)
    trust.furnish(authority, ["127.0.0.1"], tmp_path / "etcd", now)
    shown = presented(authority, "node1", now)
    credentials = grpc.ssl_channel_credentials(shown.authority, shown.key, shown.certificate)
    extra = [*trust.options(tmp_path / "etcd"), f"--quota-backend-bytes={ROOM}"]
    with cluster(tmp_path, 1, extra, credentials) as made:
        yield Fleet(authority, made, now)


async def test_a_stolen_server_that_fills_the_cluster_is_removed_and_changes_go_on(
    small: Fleet, tmp_path: Path
) -> None:
    keeper, stolen = small.reached_by("node1"), small.reached_by(STOLEN)
    await keeper.admit("node1", NODES, CONSOLES)
    copy = LocalCopy(tmp_path / "copy.sqlite3", time.time)
    servers = Servers(keeper, copy, Audit(keeper, copy, time.time, "node1"), time.time)
    leftovers = Leftovers(keeper, copy, lambda: True)
    async with Tasks() as tasks:
        tasks.keep("copy", lambda: copy.follow(keeper), pause=0.05)
        for place, name in enumerate(NODES, 1):
            await servers.add(ROOT, Server(id=place, name=name, technology=Technology.NODE, ip=f"198.18.1.{place}"))
        await keeper.create("x/1", b"kept")
        for number in range(2 * ROOM // len(MEGABYTE)):
            try:
                last = await stolen.create(records.evidence_key(STOLEN, f"192.0.2.{number}"), MEGABYTE)
            except Refusal as refusal:
                assert refusal.problem is FULL
                break
        for write in (keeper.create("x/2", b"new"), keeper.beat("node1", 6.0, b"well")):
            with pytest.raises(Refusal) as refused:
                await write
            assert refused.value.problem is FULL
        await copy.after(last - 1)

        await servers.remove(ROOT, STOLEN)
        await keeper.admit("node1", ("node1", "node2"), CONSOLES)
        with pytest.raises(Refusal) as refused:
            await stolen.get("x/1")
        assert refused.value.problem is DENIED
        while copy.item(records.server_key(STOLEN)):
            await copy.after(copy.revision)
        await leftovers.sweep()
        await keeper.make_room()
        await keeper.make_room()

        await copy.after(await keeper.create("x/2", b"new") - 1)
        assert [item.value for item in copy.items("x/")] == [b"kept", b"new"]
        assert copy.items(records.EVIDENCE) == []
        with pytest.raises(Refusal) as refused:
            await stolen.create(records.evidence_key(STOLEN, "192.0.2.250"), b"x")
        assert refused.value.problem is DENIED
        assert [server.name for server in copy.servers()] == ["node1", "node2"]
    copy.close()
    await small.close()
