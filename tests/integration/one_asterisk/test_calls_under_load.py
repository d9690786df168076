"""Under a mixed load, with drops and restarts of everything in between, the table agrees with Asterisk's own list.

``make soak`` does for ten minutes what runs here for one: ASTERISK_EXT_SOAK_SECONDS says how long.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.call_load import CallLoad, loaded_tenant
from tests.integration.one_asterisk.watched_calls import WatchedCalls

SECONDS = float(os.environ.get("ASTERISK_EXT_SOAK_SECONDS", "0"))
"""For how long rounds are begun; one is made in any case."""
SHORTEST, LONGEST = (20, 40) if SECONDS else (15, 25)
"""Seconds that a call lasts."""
QUIET = 4.0 if SECONDS else 2.0
"""Seconds of comparing after each disturbance."""
UP = 300 if SECONDS else 140
"""Calls that must be up at once."""
CALLS = UP + 20
"""Some are always between two calls."""
RATE = 45
RECONNECTED = 2.0 if SECONDS else 10.0
"""Seconds until the table is right again. The short run shares its machine with other tests and is more patient."""
ADVANCE = 1.0 if SECONDS else 30.0
"""Seconds that the table may be behind Asterisk's list: events wait longer than a list where the processor is short."""
OFTEN = 3.0


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"), verbose=0)
    try:
        one.start([loaded_tenant()])
        one.start_agi()
        yield one
    finally:
        one.stop()


@pytest.fixture
async def load(asterisk: OneAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CallLoad]:
    made = CallLoad(asterisk, tmp_path_factory.mktemp("sipp"), CALLS, RATE, (SHORTEST, LONGEST))
    await made.open()
    yield made
    made.close()


class Watch:
    """What was seen: the most calls up at once, and how often the two lists were compared."""

    def __init__(self, calls: WatchedCalls) -> None:
        self._calls = calls
        self.most_up = self.samples = 0

    async def agree(self, seconds: float) -> None:
        """Compare the lists for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            missing, ghosts = await self._calls.differences(ADVANCE)
            assert (missing, ghosts) == (set(), set())
            self.samples += 1
            self.most_up = max(self.most_up, await self.up())
            await asyncio.sleep(min(OFTEN, max(0.0, until - time.monotonic())))

    async def up(self) -> int:
        """Calls up by Asterisk's own list; each has two legs."""
        return sum(state == "Up" for state in (await self._calls.listed()).values()) // 2

    async def heard(self, calls: WatchedCalls) -> None:
        """Until Asterisk receives the media of three quarters of those calls that have some."""
        async with asyncio.timeout(60):
            while await calls.with_media() < CALLS // 10 * 3 // 4:
                await self.agree(1)

    async def full(self) -> None:
        async with asyncio.timeout(180):
            while (up := await self.up()) < UP:
                await self.agree(1)
        self.most_up = max(self.most_up, up)


def sleep_in_the_loop(seconds: float) -> None:
    """A node service that reads nothing for a while."""
    time.sleep(seconds)


async def test_the_table_agrees_with_asterisk_through_drops_and_restarts(asterisk: OneAsterisk, load: CallLoad) -> None:
    async with WatchedCalls(asterisk).open() as calls:
        await calls.until_sure(30)
        watch, until = Watch(calls), time.monotonic() + SECONDS
        while True:
            load.begin()
            await watch.full()
            await watch.heard(calls)
            await disturb(calls, watch)
            if time.monotonic() >= until:
                break
            await restart_asterisk(asterisk, calls, load)
        load.end()
        async with asyncio.timeout(2 * LONGEST + 60):
            while await calls.listed():
                await watch.agree(1)
        await watch.agree(1)
        assert calls.names() == set()
        assert watch.most_up >= UP
        load.begin()
        await calls.rows_until(lambda rows: len(rows) >= 20, 60)
        await restart_asterisk(asterisk, calls, load)
        print(f"{watch.samples} samples, {watch.most_up} calls up at most")


async def disturb(calls: WatchedCalls, watch: Watch) -> None:
    """Every connection cut, the service started anew, the service deaf for a while; the table agrees after each."""
    calls.drop()
    await calls.until_unsure(30)
    await calls.until_sure(RECONNECTED)
    await watch.agree(QUIET)
    await calls.restart()
    assert not calls.sure
    await calls.until_sure(RECONNECTED)
    await watch.agree(QUIET)
    sleep_in_the_loop(3)
    await watch.agree(QUIET)


async def restart_asterisk(asterisk: OneAsterisk, calls: WatchedCalls, load: CallLoad) -> None:
    """With all calls up; nothing of them is shown afterwards."""
    load.end(signal.SIGKILL)
    await asyncio.to_thread(asterisk.stop_asterisk)
    await calls.until_unsure(30)
    await asyncio.to_thread(asterisk.start_asterisk)
    await calls.until_sure(RECONNECTED + 1)  # it tries again every second
    assert await calls.differences(ADVANCE) == (set(), set())
