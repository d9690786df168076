"""What watching costs: the table of 10,000 calls over the API, 200 clients of the stream, a change in a real browser.

    python -m tests.bench.calls_watched [--calls 10000] [--clients 200] [--seconds 20]

The console runs in a process of its own, whose processor time is told; each change carries the time at which it was
made, so that a client knows how late it is. Reference: ``json.dumps`` alone of the same rows; a bare echo.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from tests import chromium
from tests.bench.calls_console import Console
from tests.bench.table import show
from tests.unit.admin_http.world import PASSWORD

ROUNDS = 15
LONGEST_LINE = 1 << 24
WATCHED = """
  window.lags = [];
  new MutationObserver((changes) => {
    const now = Date.now() / 1000;
    for (const { target } of changes) {
      const made = Number(target.textContent);
      if (target.dataset?.slot === "name" && made > 1e9) window.lags.push(now - made);
    }
  }).observe(document.querySelector("[data-calls]"), { childList: true, subtree: true, characterData: true });
"""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--calls", type=int, default=10_000)
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--seconds", type=float, default=20)
    asked = options.parse_args()
    with console(asked.calls, 20) as many:
        show(f"{asked.calls:,} calls, 20 changes a second", asyncio.run(snapshots(many)))
    with console(300, 30) as few:
        show("300 calls, 30 changes a second", asyncio.run(watched(few, asked.clients, asked.seconds)))


@contextmanager
def console(calls: int, rate: float) -> Iterator[Console]:
    opened = Console.start(calls, rate)
    try:
        yield opened
    finally:
        opened.stop()


async def snapshots(one: Console) -> list[tuple[str, ...]]:
    """The whole table asked for again and again, while somebody follows the stream."""
    lags: list[float] = []
    async with aiohttp.ClientSession(headers=one.headers) as session:
        heard = asyncio.Event()
        following = asyncio.create_task(follow(session, one, lags, heard))
        await heard.wait()
        taken, body = [], b""
        for _ in range(ROUNDS):
            began = time.perf_counter()
            async with session.get(f"{one.base}/api/v1/calls") as answer:
                body = await answer.read()
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)
        following.cancel()
    rows = json.loads(body)
    began = time.perf_counter()
    json.dumps(rows)
    alone = time.perf_counter() - began
    median = sorted(taken)[len(taken) // 2]
    return [
        ("figure", "value"),
        ("rows told", f"{len(rows):,}"),
        ("GET /api/v1/calls, median", f"{median * 1000:.0f} ms"),
        ("`json.dumps` alone of the same rows", f"{alone * 1000:.0f} ms, {median / alone:.1f} ×"),
        ("a stream's change meanwhile, p99", f"{percent(lags, 0.99) * 1000:.0f} ms"),
    ]


async def watched(one: Console, clients: int, seconds: float) -> list[tuple[str, ...]]:
    lags: list[float] = []
    async with aiohttp.ClientSession(
        headers=one.headers, connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout()
    ) as session:
        own = [(list[float](), asyncio.Event()) for _ in range(clients)]
        tasks = [asyncio.create_task(follow(session, one, *each)) for each in own]
        await asyncio.gather(*(heard.wait() for _, heard in own))
        before, began = one.processor_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        share = (one.processor_time() - before) / (time.perf_counter() - began)
        for task in tasks:
            task.cancel()
        lags = [lag for each, _ in own for lag in each[1:]]
    seen = await in_browser(one, seconds)
    return [
        ("figure", "value"),
        (f"console with {clients} clients of the stream", f"{share:.0%} of a core"),
        (f"a change at {len(lags):,} readings, median", f"{percent(lags, 0.5) * 1000:.0f} ms"),
        ("… p95", f"{percent(lags, 0.95) * 1000:.0f} ms"),
        (f"a row changed in Chromium, {len(seen)} times, median", f"{percent(seen, 0.5) * 1000:.0f} ms"),
        ("… p95", f"{percent(seen, 0.95) * 1000:.0f} ms"),
    ]


async def follow(session: aiohttp.ClientSession, one: Console, lags: list[float], heard: asyncio.Event) -> None:
    """Read the stream; how late each change is, in seconds."""
    async with session.get(f"{one.base}/api/v1/calls/stream", read_bufsize=LONGEST_LINE) as stream:
        kind = b""
        while line := await stream.content.readuntil(b"\n"):
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: ") and kind == b"call":
                made = line.partition(b'"name":"')[2].partition(b'"')[0]
                lags.append(time.time() - float(made))
                heard.set()


async def in_browser(one: Console, seconds: float) -> list[float]:
    async with chromium.running() as browser:
        page = await browser.new_page()
        await page.goto(f"{one.base}/login")
        await page.fill("input[name=name]", "operator")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{one.base}/")
        await page.goto(f"{one.base}/calls")
        await page.evaluate(WATCHED)
        # The page's policy lets no text be run as code, so it cannot be asked to wait by itself.
        while await page.evaluate("window.lags.length") <= 5:  # noqa: ASYNC110 - a browser tells of no event
            await asyncio.sleep(0.05)
        await page.evaluate("window.lags = []")
        await asyncio.sleep(seconds)
        found: list[float] = await page.evaluate("window.lags")
        return found


def percent(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


if __name__ == "__main__":
    main()
