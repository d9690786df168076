"""`asterisk-ext registry`: a whole registry moved to a real etcd and back, and one accepted after a restore."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from asterisk_ext.cli.registry import registry as command
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.registry_life import Life
from asterisk_ext.ports import MOVED, MOVED_MARK, Registry
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.engine import open_etcd
from asterisk_ext.services.records import LIFE, decode, encode
from asterisk_ext.store import LocalCopy
from tests.etcd_servers import Cluster, cluster


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, 1) as made:
        yield made


def asked(state: Path, *arguments: str, lines: str = "") -> Result:
    settings = state / "config.toml"
    settings.write_text(f'[node]\nstate = "{state}"\n[registry]\n{lines}\n')
    return CliRunner().invoke(command, [arguments[0], "--config", str(settings), *arguments[1:]])


async def filled(database: Path) -> str:
    embedded = EmbeddedRegistry(database, lambda: 0.0)
    await embedded.create(LIFE, encode(Life(1, "first")))
    await embedded.create("audio/a", b"{}")
    audio = await embedded.put_blob(b"audio" * 500_000)
    await embedded.close()
    return audio


async def revision_of(opened: Callable[[], Registry]) -> int:
    registry = opened()
    try:
        return (await registry.snapshot(""))[1]
    finally:
        await registry.close()


def test_a_registry_moves_to_etcd_and_back_with_its_records_and_audios(tmp_path: Path, servers: Cluster) -> None:
    audio = asyncio.run(filled(tmp_path / "registry.sqlite3"))
    address = servers.endpoints[0].removeprefix("http://")
    there = asked(tmp_path, "migrate", "--to", f"etcd://{address}")
    assert there.exit_code == 0, there.output
    assert f"1 records and 1 audios moved to etcd://{address}; epoch 2" in there.output
    etcd_settings = f'engine = "etcd"\netcd = ["{servers.endpoints[0]}"]'
    known = asyncio.run(revision_of(lambda: open_etcd(servers.endpoints, lambda: 0.0, None)))
    back = asked(tmp_path, "migrate", "--to", "embedded", lines=etcd_settings)
    assert back.exit_code == 0, back.output

    async def look() -> None:
        embedded = EmbeddedRegistry(tmp_path / "registry.sqlite3", lambda: 0.0)
        items, _ = await embedded.snapshot("")
        assert min(item.revision for item in items) > known
        assert [item.key for item in items] == ["audio/a", LIFE]
        assert decode(items[1].value, Life).epoch == 3
        assert await embedded.get_blob(audio) == b"audio" * 500_000
        await embedded.close()

    asyncio.run(look())


def test_a_destination_that_is_none_is_refused_and_nothing_moves(tmp_path: Path) -> None:
    asyncio.run(filled(tmp_path / "registry.sqlite3"))
    refused = asked(tmp_path, "migrate", "--to", "zookeeper://10.0.0.1")
    assert "registry.bad_destination" in str(getattr(refused.exception, "error_id", ""))


def test_only_the_server_that_keeps_the_registry_moves_it(tmp_path: Path) -> None:
    refused = asked(tmp_path, "migrate", "--to", "embedded", lines="serve = false")
    assert getattr(refused.exception, "error_id", "") == "registry.not_here"


def test_a_cluster_without_a_server_and_a_certificate_for_no_address_are_refused(tmp_path: Path) -> None:
    for words, lines, error_id in (
        (("accept",), 'engine = "etcd"\netcd = []', "registry.no_cluster"),
        (("etcd-certificate", "etcd1.example.net", "--into", str(tmp_path)), "", "registry.not_an_address"),
    ):
        assert getattr(asked(tmp_path, *words, lines=lines).exception, "error_id", "") == error_id


def test_a_restored_backup_is_accepted_as_a_new_epoch_and_what_it_lacks_is_listed(tmp_path: Path) -> None:
    database = tmp_path / "registry.sqlite3"
    asyncio.run(filled(database))
    shutil.copy(database, tmp_path / "backup")

    async def go_on() -> int:
        embedded = EmbeddedRegistry(database, lambda: 0.0)
        last = await embedded.create("user/ana", b"{}")
        copy = LocalCopy(tmp_path / "copy.sqlite3", lambda: 0.0)
        following = asyncio.ensure_future(copy.follow(embedded))
        await copy.reached(last)
        following.cancel()
        copy.close()
        await embedded.close()
        return last

    known = asyncio.run(go_on())
    shutil.copy(tmp_path / "backup", database)
    accepted = asked(tmp_path, "accept")
    assert accepted.exception is None, accepted.exc_info
    assert accepted.output == "lost: user/ana\naccepted as epoch 2; 1 records differ from what this server knew\n"
    assert asyncio.run(revision_of(lambda: EmbeddedRegistry(database, lambda: 0.0))) > known


def test_only_a_cluster_is_made_room_in(tmp_path: Path, servers: Cluster) -> None:
    refused = asked(tmp_path, "make-room")
    assert "registry.has_room" in str(getattr(refused.exception, "error_id", ""))
    made = asked(tmp_path, "make-room", lines=f'engine = "etcd"\netcd = ["{servers.endpoints[0]}"]')
    assert made.exit_code == 0, made.output


def test_a_registry_whose_move_was_killed_takes_changes_again_once_it_is_accepted(tmp_path: Path) -> None:
    asyncio.run(filled(tmp_path / "registry.sqlite3"))

    async def change(key: str) -> None:
        embedded = EmbeddedRegistry(tmp_path / "registry.sqlite3", lambda: 0.0)
        try:
            await embedded.create(key, b"{}")
        finally:
            await embedded.close()

    asyncio.run(change(MOVED_MARK))
    with pytest.raises(Refusal) as refusal:
        asyncio.run(change("pbx/1"))
    assert refusal.value.problem is MOVED
    accepted = asked(tmp_path, "accept")
    assert "accepted as epoch 2" in accepted.output
    asyncio.run(change("pbx/1"))
