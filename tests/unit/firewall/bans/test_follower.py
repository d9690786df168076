"""The log under the guard: rotation, absence, half lines, restarts, a full disk. Nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext.domain.errors import Refusal
from firewall.bans import follower as following
from firewall.bans.follower import LogFollower
from firewall.guard_state import GuardState
from firewall.log.tail import UNREADABLE, LogFile
from tests.scenarios.security.asterisk_writer import Happening, record
from tests.unit.firewall.test_guard_service import ATTACKER, Guard

DEADLINE = 5.0
A_WHILE = 0.02
LOGGED = 1_795_413_707.0
"""When the lines were written, by their own words."""


def line(number: int, address: str = ATTACKER) -> bytes:
    return record(
        Happening("ChallengeResponseFailed", address, session=b"%d@x" % number, challenge=b"n", response=b"%d" % number)
    )


@asynccontextmanager
async def followed(guard: Guard) -> AsyncIterator[Path]:
    """A guard that follows the log from where it has stopped."""
    path = guard.directory / "security"
    follower = LogFollower(path, guard.engine, guard.state.place())
    follower.start()
    try:
        yield path
    finally:
        follower.close()


async def counts(guard: Guard, failures: int) -> None:
    """Wait for them, and see that there are not more."""
    take, taken = guard.engine.take, asyncio.Event()

    def told(*found: Any) -> None:
        take(*found)
        taken.set()

    guard.engine.take = told  # type: ignore[method-assign,assignment]
    async with asyncio.timeout(DEADLINE):
        while guard.engine.counts.failures < failures:
            await taken.wait()
            taken.clear()
    guard.engine.take = take  # type: ignore[method-assign]
    await asyncio.sleep(A_WHILE)
    assert guard.engine.counts.failures == failures


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    made = Guard(tmp_path)
    made.now = LOGGED + 60
    yield made
    made.state.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as log:
        log.write(data)


async def test_what_is_written_to_the_renamed_file_before_the_new_one_is_there_counts_too(guard: Guard) -> None:
    (guard.directory / "security").write_bytes(line(1))
    async with followed(guard) as path:
        await counts(guard, 1)
        old = path.rename(path.with_name("security.0"))
        append(old, line(2))
        path.write_bytes(line(3))
        await counts(guard, 3)
        append(path, line(4))
        await counts(guard, 4)
    assert list(guard.kernel.bans()) == [ATTACKER]


@pytest.mark.parametrize("longer", [False, True], ids=["shorter", "longer than it was"])
async def test_a_log_that_is_emptied_and_written_again_is_read_from_its_beginning(guard: Guard, longer: bool) -> None:
    (guard.directory / "security").write_bytes(line(1) + line(2))
    async with followed(guard) as path:
        await counts(guard, 2)
        with path.open("r+b") as log:
            log.truncate()
            log.write(b"".join(map(line, range(3, 9 if longer else 4))))
        await counts(guard, 8 if longer else 3)


async def test_a_log_that_appears_later_is_read_whole(guard: Guard) -> None:
    async with followed(guard) as path:
        path.write_bytes(line(1))
        await counts(guard, 1)
        path.unlink()
        path.write_bytes(line(2))
        await counts(guard, 2)


async def test_half_a_line_counts_once_the_other_half_is_there(guard: Guard) -> None:
    whole = line(1)
    async with followed(guard) as path:
        path.write_bytes(whole[:200])
        await counts(guard, 0)
        append(path, whole[200:])
        await counts(guard, 1)


async def test_a_restart_in_the_middle_of_a_line_reads_it_whole_and_nothing_twice(guard: Guard) -> None:
    whole = line(2)
    (guard.directory / "security").write_bytes(line(1) + whole[:200])
    async with followed(guard):
        await counts(guard, 1)
    guard.again()
    append(guard.directory / "security", whole[200:])
    async with followed(guard):
        await counts(guard, 1)
    assert guard.engine.policy.failures_of(ATTACKER, guard.now) in (0, 2)


async def test_after_a_rotation_while_it_was_down_the_rest_of_the_old_file_is_read_first(guard: Guard) -> None:
    path = guard.directory / "security"
    path.write_bytes(line(1))
    async with followed(guard):
        await counts(guard, 1)
    append(path, line(2))
    path.rename(path.with_name("security.0"))
    path.write_bytes(line(3))
    guard.again()
    async with followed(guard):
        await counts(guard, 2)


async def test_a_log_that_may_not_be_read_any_more_is_told_of_and_the_guard_lives(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = asyncio.Event()
    monkeypatch.setattr(following.log, "error", lambda *_: told.set())
    async with followed(guard) as path:
        path.write_bytes(line(1))
        await counts(guard, 1)
        real = LogFile._try_open

        def denied(_: Path) -> int:
            raise UNREADABLE.refuse(path=path, reason="Permission denied")

        monkeypatch.setattr(LogFile, "_try_open", staticmethod(denied))
        path.rename(path.with_name("security.0"))
        path.write_bytes(line(2))
        await asyncio.wait_for(told.wait(), DEADLINE)
        monkeypatch.setattr(LogFile, "_try_open", staticmethod(real))
        append(path, line(3))
        await counts(guard, 3)


@contextmanager
def full_disk(state: GuardState) -> Iterator[None]:
    """SQLite's own limit: the same error as of a disk without room."""
    [pages] = state._db.execute("PRAGMA page_count").fetchone()
    state._db.execute(f"PRAGMA max_page_count = {pages}")
    yield
    state._db.execute("PRAGMA max_page_count = 1000000")


def wide(number: int) -> bytes:
    """Too long for the pages that are there."""
    return record(
        Happening("ChallengeResponseFailed", ATTACKER, session=b"%d@x" % number + b"A" * 1900, response=b"%d" % number)
    )


async def test_with_a_full_disk_attackers_are_banned_and_all_is_written_once_there_is_room(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    async with followed(guard) as path:
        with full_disk(guard.state):
            path.write_bytes(b"".join(map(wide, range(1, 5))))
            await counts(guard, 4)
            assert list(guard.kernel.bans()) == [ATTACKER]
            assert guard.state.place() is None
            assert "cannot write its state" in caplog.text
            with pytest.raises(Refusal) as refused:
                guard.engine.allow("198.51.100.0/24", "x" * 10_000)
            assert refused.value.error_id == "guard.state_unwritable"
            assert "198.51.100.1" not in guard.engine.policy.never_ban
        append(path, line(5, "203.0.113.99"))
        await counts(guard, 5)
        place = guard.state.place()
        assert place is not None and place.offset == path.stat().st_size
    guard.again()
    assert [ban.source for ban in guard.engine.bans()] == [ATTACKER]
    assert len(guard.state.failures_of(ATTACKER)) == 4


async def test_a_guard_killed_while_the_disk_is_full_reads_that_part_of_the_log_again(guard: Guard) -> None:
    async with followed(guard) as path:
        with full_disk(guard.state):
            path.write_bytes(b"".join(map(wide, range(1, 5))))
            await counts(guard, 4)
    guard.again()
    async with followed(guard):
        await counts(guard, 4)
    assert [ban.source for ban in guard.engine.bans()] == [ATTACKER]


def test_an_operators_ban_that_cannot_be_written_is_refused_and_not_made(guard: Guard) -> None:
    with full_disk(guard.state), pytest.raises(Refusal) as refused:
        guard.engine.ban("192.0.2.1", 60, reason="x" * 10_000)
    assert refused.value.error_id == "guard.state_unwritable"
    assert guard.kernel.bans() == {}
