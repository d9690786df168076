"""The registry is moved, restored and emptied; what the nodes' copies make of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.registry_life import Life
from asterisk_ext.ports import MOVED
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.services import registry_life
from asterisk_ext.services.records import LIFE, decode
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks


def clock() -> float:
    return 1_800_000_000.0


async def caught_up(copy: LocalCopy, registry: FakeRegistry, revision: int) -> None:
    async with Tasks() as tasks:
        tasks.start("copy", copy.follow(registry))
        await asyncio.wait_for(copy.after(revision - 1), 5)


@pytest.fixture
async def followed(tmp_path: Path) -> tuple[FakeRegistry, LocalCopy]:
    registry, copy = FakeRegistry(clock), LocalCopy(tmp_path / "copy.sqlite3", clock)
    await registry_life.begin(registry, None)
    last = await registry.create("user/ana", b"1")
    await caught_up(copy, registry, last)
    return registry, copy


async def test_an_emptied_registry_is_not_followed_until_an_operator_accepts_it(
    followed: tuple[FakeRegistry, LocalCopy],
) -> None:
    _, copy = followed
    emptied = FakeRegistry(clock)
    await registry_life.begin(emptied, copy.life)
    with pytest.raises(Refusal) as refusal:
        await copy.follow(emptied)
    assert refusal.value.error_id == "registry.stale"
    assert copy.item("user/ana") is not None
    life = await registry_life.renew(emptied, copy.life)
    await caught_up(copy, emptied, 1)
    assert (life.epoch, copy.life, copy.item("user/ana")) == (2, life, None)
    copy.close()


async def test_a_registry_restored_to_an_earlier_moment_is_not_followed(
    followed: tuple[FakeRegistry, LocalCopy],
) -> None:
    registry, copy = followed
    restored = FakeRegistry(clock)
    life = await registry.get(LIFE)
    assert life is not None
    await restored.create(LIFE, life.value)
    with pytest.raises(Refusal) as refusal:
        await copy.follow(restored)
    assert refusal.value.error_id == "registry.stale"
    assert registry_life.lost(copy.items(""), (await restored.snapshot(""))[0]) == ["user/ana"]
    copy.close()


async def test_a_copy_of_a_refused_registry_grows_old_even_where_it_answers(
    followed: tuple[FakeRegistry, LocalCopy], tmp_path: Path
) -> None:
    _, copy = followed
    emptied = FakeRegistry(clock)
    with pytest.raises(Refusal):
        await copy.follow(emptied)
    await copy.hear(emptied)
    later = LocalCopy(tmp_path / "copy.sqlite3", lambda: clock() + 60)
    assert later.age(clock() + 60) == 60
    later.close()
    copy.close()


async def test_moving_takes_every_record_and_audio_along_and_leaves_a_mark(
    followed: tuple[FakeRegistry, LocalCopy],
) -> None:
    source, copy = followed
    audio = await source.put_blob(b"audio")
    destination = FakeRegistry(clock)
    moved = await registry_life.move(source, destination, "etcd://10.0.0.1:2379")
    assert moved == registry_life.Moved(records=1, audios=1, epoch=2)
    assert await destination.get_blob(audio) == b"audio"
    with pytest.raises(Refusal) as refusal:
        await source.create("user/bia", b"2")
    assert refusal.value.problem is MOVED
    await caught_up(copy, destination, 2)
    assert copy.life == decode((await destination.snapshot(LIFE))[0][0].value, Life)
    copy.close()


async def test_moving_into_a_registry_in_use_is_refused_and_the_source_goes_on(
    followed: tuple[FakeRegistry, LocalCopy],
) -> None:
    source, copy = followed
    with pytest.raises(Refusal) as refusal:
        await registry_life.move(source, source, "itself")
    assert refusal.value.error_id == "registry.not_empty"
    await source.create("user/bia", b"2")
    copy.close()


async def test_where_a_record_does_not_arrive_nothing_is_moved_and_the_source_goes_on(
    followed: tuple[FakeRegistry, LocalCopy],
) -> None:
    source, copy = followed

    class Forgetful(FakeRegistry):
        async def create(self, key: str, value: bytes) -> int:
            return await super().create(key, b"other" if key == "user/ana" else value)

    with pytest.raises(Refusal) as refusal:
        await registry_life.move(source, Forgetful(clock), "etcd://10.0.0.1:2379")
    assert refusal.value.error_id == "registry.incomplete"
    await source.create("user/bia", b"2")
    copy.close()


async def test_a_move_that_breaks_off_leaves_the_source_in_use(followed: tuple[FakeRegistry, LocalCopy]) -> None:
    source, copy = followed

    class Failing(FakeRegistry):
        async def create(self, key: str, value: bytes) -> int:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await registry_life.move(source, Failing(clock), "etcd://10.0.0.1:2379")
    await source.create("user/bia", b"2")
    copy.close()
