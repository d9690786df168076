"""Blocked calls outlive the service, within their time and number."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agi.blocked_calls import DAY, BlockedCallLog
from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.gate import Audio, BlockedCall, Direction
from asterisk_ext.tasks import Tasks

NOW = 1_800_000_000.0
CALL = BlockedCall(
    at=NOW,
    pbx=2,
    channel="PJSIP/2_200-1",
    caller="200",
    number="4833334444",
    direction=Direction.OUTBOUND,
    audio=Audio.PARTIAL,
    file="/sounds/library/ab/audio",
    recording="aviso",
    heard=7.5,
)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "blocked.sqlite3"


def mode(path: Path) -> int:
    return path.stat().st_mode


def make(path: Path) -> None:
    path.mkdir(parents=True)


async def test_a_noted_call_is_read_back_by_the_next_life_of_the_service(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path, clock)
    log.note(CALL)
    await log.write()
    again = BlockedCallLog(path, clock)
    assert await again.calls(Wanted()) == [CALL]
    assert await again.counts() == [BlockedCount("2027-01-15", 2, "partial_block", 1, 7.5)]
    assert mode(path) & 0o077 == 0, "it names callers"


async def test_whoever_looks_while_the_first_call_is_written_is_answered(tmp_path: Path, clock: Clock) -> None:
    for number in range(100):
        log = BlockedCallLog(tmp_path / f"{number}.sqlite3", clock)
        log.note(CALL)
        seen, counted, _ = await asyncio.gather(log.calls(Wanted()), log.counts(), log.write())
        assert seen in ([], [CALL])
        assert len(counted) in (0, 1)


async def test_calls_are_listed_newest_first_by_tenant_and_by_page(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path, clock)
    for number in range(6):
        log.note(replace(CALL, at=NOW + number, pbx=number % 2, number=str(number)))
    await log.write()
    assert [call.number for call in await log.calls(Wanted(count=2))] == ["5", "4"]
    assert [call.number for call in await log.calls(Wanted(count=2, before=NOW + 4))] == ["3", "2"]
    assert [call.number for call in await log.calls(Wanted(pbx=1))] == ["5", "3", "1"]
    assert [count.calls for count in await log.counts(1)] == [3]


async def test_a_call_told_of_twice_is_listed_and_counted_once_as_it_was_told_last(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path, clock)
    log.note(replace(CALL, file="", recording="", heard=0.0))
    await log.write()
    log.note(CALL)
    await log.write()
    await log.add([CALL])
    assert await log.calls(Wanted()) == [CALL]
    assert [(count.calls, count.heard) for count in await log.counts()] == [(1, 7.5)]


async def test_calls_leave_after_their_time(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path, clock, days=90)
    log.note(CALL)
    await log.write()
    clock.now += 91 * DAY
    assert await log.calls(Wanted()) == [], "not shown, even before it is erased"
    log.note(replace(CALL, at=clock.now))
    await log.write()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM blocked").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM tally").fetchone() == (1,)
    database.close()


async def test_a_dialler_cannot_fill_the_disk_and_is_still_counted(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path, clock, most_rows=10)
    for batch in range(5):
        for number in range(20):
            log.note(replace(CALL, at=NOW + batch, number=f"{batch}{number:02}"))
        await log.write()
    listed = await log.calls(Wanted(count=1000))
    assert [call.number for call in listed] == [f"4{number:02}" for number in reversed(range(10, 20))]
    assert sum(count.calls for count in await log.counts()) == 100


async def test_what_a_caller_chose_is_kept_short(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path, clock)
    log.note(replace(CALL, caller="x" * 4000, number="'); DROP TABLE blocked; --"))
    await log.write()
    (call,) = await log.calls(Wanted())
    assert (len(call.caller), call.number) == (80, "'); DROP TABLE blocked; --")


async def test_what_could_not_be_written_is_written_later(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path / "not yet there" / "blocked.sqlite3", clock)
    log.note(CALL)
    with pytest.raises(OSError, match="No such file"):
        await log.write()
    make(path / "not yet there")
    log.note(replace(CALL, number="later"))
    await log.write()
    assert [call.number for call in await log.calls(Wanted())] == ["later", "4833334444"]


async def test_noting_never_waits_and_the_task_writes(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path, clock)
    written = asyncio.Event()
    write = log.write

    async def noticed() -> None:
        await write()
        written.set()

    log.write = noticed  # type: ignore[method-assign]
    async with Tasks() as tasks:
        tasks.start("blocked calls", log.run())
        log.note(CALL)
        async with asyncio.timeout(5):
            await written.wait()
    assert await log.calls(Wanted()) == [CALL]


async def test_a_tenants_calls_can_be_erased_and_the_counts_stay(path: Path, clock: Clock) -> None:
    log = BlockedCallLog(path, clock)
    log.note(CALL)
    log.note(replace(CALL, pbx=3))
    await log.write()
    assert await log.forget(2) == 1
    assert [call.pbx for call in await log.calls(Wanted())] == [3]
    assert len(await log.counts()) == 2
