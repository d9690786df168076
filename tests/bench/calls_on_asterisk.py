"""What being watched costs a real Asterisk, and how late its events are with 1,000 calls at once.

    python -m tests.bench.calls_on_asterisk [--calls 160] [--seconds 15] [--rounds 3] [--many 1000] [--rates 30 90]

SIPp calls without a pause; Asterisk's processor time a call is told for each way of watching, in turn. Reference: no
way at all, and a panel that asks AMI for all channels every second.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path

from asterisk_ext.domain.call_events import Event
from tests.bench.table import show
from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.call_load import CallLoad, loaded_tenant
from tests.integration.one_asterisk.watched_calls import WatchedCalls

MANAGER = """
[general]
enabled = yes
bindaddr = 127.0.0.1
[panel]
secret = panel-password
read = all
write = all
"""
Watching = Callable[[OneAsterisk], AbstractAsyncContextManager[None]]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--calls", type=int, default=160)
    options.add_argument("--seconds", type=float, default=15)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--many", type=int, default=1000)
    options.add_argument("--rates", type=int, nargs="+", default=[30, 90])
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        one = OneAsterisk(Path(directory) / "asterisk", verbose=0)
        one.more_files["manager.conf"] = MANAGER
        try:
            one.start([loaded_tenant()])
            asyncio.run(measure(one, Path(directory), asked))
        finally:
            one.stop()


async def measure(one: OneAsterisk, place: Path, asked: argparse.Namespace) -> None:
    load = CallLoad(one, place / "cost", asked.calls, 60, (4, 8), silent=True)
    await load.open()
    load.begin()
    await until_up(one, asked.calls * 3 // 4)
    costs: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(asked.rounds):
        for name, watching in WAYS.items():
            async with watching(one):
                costs[name].append(await cost_of_a_call(one, asked.seconds))
    await finish(one, load)
    nobody = statistics.median(costs[NOBODY])
    rows: list[tuple[str, ...]] = [("who watches", "Asterisk's processor time a call", "of nobody")]
    for name, taken in costs.items():
        median = statistics.median(taken)
        rows.append((name, f"{median * 1000:.2f} ms", f"{median / nobody:.2f}"))
    show(f"{asked.calls} calls at once, of 4 to 8 s", rows)
    for rate in asked.rates:
        told = await many(one, place / str(rate), asked.many, rate, asked.seconds)
        show(f"{asked.many:,} calls at once, signalling only, up to {rate} new ones a second", told)


async def cost_of_a_call(one: OneAsterisk, seconds: float) -> float:
    calls, used = processed(one), one.processor_time()
    await asyncio.sleep(seconds)
    return (one.processor_time() - used) / (processed(one) - calls)


def processed(one: OneAsterisk) -> int:
    found = re.search(r"(\d+) calls? processed", one.cli("core show calls"))
    assert found
    return int(found[1])


async def finish(one: OneAsterisk, load: CallLoad) -> None:
    """The next load finds an Asterisk without calls."""
    load.close()
    one.cli("channel request hangup all")
    async with asyncio.timeout(120):
        while "0 active calls" not in one.cli("core show calls"):  # noqa: ASYNC110 - Asterisk is asked
            await asyncio.sleep(0.5)


async def until_up(one: OneAsterisk, calls: int) -> None:
    async with asyncio.timeout(120):
        while True:
            found = re.search(r"(\d+) active calls?", one.cli("core show calls"))
            if found and int(found[1]) >= calls:
                return
            await asyncio.sleep(0.5)


@asynccontextmanager
async def nobody(one: OneAsterisk) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def ours(one: OneAsterisk) -> AsyncIterator[None]:
    async with WatchedCalls(one).open() as calls:
        await calls.until_sure(10)
        yield


@asynccontextmanager
async def unfiltered(one: OneAsterisk) -> AsyncIterator[None]:
    async with WatchedCalls(one).connected() as (ari, acting), ari.events("unfiltered") as messages:
        await acting.subscribe("unfiltered")
        reading = asyncio.create_task(drain(messages))
        yield
        reading.cancel()


async def drain(messages: AsyncIterator[str]) -> None:
    async for _ in messages:
        pass


@asynccontextmanager
async def panel(one: OneAsterisk) -> AsyncIterator[None]:
    def connect() -> socket.socket:
        made = socket.create_connection(("127.0.0.1", 5038))
        made.setblocking(False)
        return made

    reader, writer = await asyncio.open_connection(sock=one.in_network(connect), limit=1 << 24)
    writer.write(b"Action: Login\r\nUsername: panel\r\nSecret: panel-password\r\nEvents: off\r\n\r\n")

    async def poll() -> None:
        while True:
            writer.write(b"Action: CoreShowChannels\r\n\r\n")
            await reader.readuntil(b"EventList: Complete")
            await asyncio.sleep(1)

    polling = asyncio.create_task(poll())
    yield
    polling.cancel()
    writer.close()


async def many(one: OneAsterisk, place: Path, calls: int, rate: int, seconds: float) -> list[tuple[str, ...]]:
    """How late an event is applied by Asterisk's own time stamp; the two lists compared at the end.

    To set up ``rate`` calls a second takes Asterisk some 30 ms of processor each: two cores end at about 60.
    """
    load = CallLoad(one, place, calls, rate, (30, 60), silent=True)
    await load.open()
    async with WatchedCalls(one).open() as watched:
        await watched.until_sure(10)
        lags: list[float] = []
        told = 0
        apply = watched.calls.apply

        def timed(event: Event, now: float) -> None:
            nonlocal told
            apply(event, now)
            if event.at:
                lags.append(now - datetime.fromisoformat(event.at).timestamp())
                told += watched.calls.freshness.state == "late"

        watched.calls.apply = timed  # type: ignore[method-assign]
        load.begin()
        await until_up(one, calls * 95 // 100)
        await asyncio.sleep(seconds)
        up = sum(state == "Up" for state in (await watched.listed()).values())
        missing, ghosts = await watched.differences()
    await finish(one, load)
    lags.sort()
    return [
        ("figure", "value"),
        ("channels up", f"{up:,}"),
        (f"{len(lags):,} events applied, late by: median", f"{lags[len(lags) // 2] * 1000:.0f} ms"),
        ("… p99", f"{lags[int(len(lags) * 0.99)] * 1000:.0f} ms"),
        (
            "… more than 2 s late; applied while the table said that it is late",
            f"{sum(lag > 2 for lag in lags):,}; {told:,}",
        ),
        ("channels missing from the table, and shown that had ended", f"{len(missing)}, {len(ghosts)}"),
    ]


NOBODY = "nobody"
WAYS: dict[str, Watching] = {
    NOBODY: nobody,
    "ours: the events it needs": ours,
    "the same without a filter of events": unfiltered,
    "a panel that polls AMI every second": panel,
}

if __name__ == "__main__":
    main()
