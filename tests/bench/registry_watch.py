"""A registry of each engine under a fleet: changes seen by many watchers, heartbeats, a killed leader, a big start.

python -m tests.bench.registry_watch [--watchers 1000] [--nodes 1000] [--tenants 100000] [--writes 20] [--seconds 10]

The registry's server is a process of its own, as are etcd's three; all watchers share one process. The nodes that beat
have a connection each, and listen to all reports as often as nodes do where nobody looks.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import multiprocessing
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from aiohttp import web

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Mode, Pbx
from asterisk_ext.domain.spread import pause
from asterisk_ext.ports import Change, Item, Registry
from asterisk_ext.registry import wire
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.etcd import EtcdRegistry
from asterisk_ext.registry.etcd_link import OPTIONS, Link
from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.registry.served import LARGEST, application
from asterisk_ext.services.records import encode, tenant_key
from asterisk_ext.services.reporting import PERIOD, until_moment
from asterisk_ext.tasks import Tasks
from tests.bench.table import show
from tests.etcd_servers import Cluster, cluster

T = TypeVar("T")

CLOCKS_DIFFER = 0.005
"""Seconds that a node's clock may be off either way."""
APART = (*OPTIONS, ("grpc.use_local_subchannel_pool", 1))
"""Each node has a connection of its own."""
ONE = "node0"
"""Whom everybody speaks for at the embedded registry, which does not know who asks without TLS."""
REPORT = b"x" * 400
"""As long as a report is."""
ELECTION_SECONDS = 30.0
"""Within which a cluster that has lost its leader answers again, or the bench fails."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=1000, help="that beat")
    parser.add_argument("--tenants", type=int, default=100_000)
    parser.add_argument("--writes", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0, help="of heartbeats, and of writes around the kill")
    arguments = parser.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    rows: list[tuple[str, ...]] = [
        ("engine", "change seen, median", "p99", f"{arguments.nodes} nodes beat each {PERIOD} s, servers' CPU")
    ]
    with tempfile.TemporaryDirectory() as place:
        with served(Path(place), reports=arguments.nodes) as (url, pids):
            rows.append(("embedded", *asyncio.run(_fleet(lambda: RemoteRegistry(url), pids, arguments))))
        with cluster(Path(place), 3) as servers:
            pids = [process.pid for process in servers.processes]
            etcd = partial(_etcd, servers)
            rows.append(("etcd of three", *asyncio.run(_fleet(etcd, pids, arguments))))
            lost = asyncio.run(_killed(servers, arguments.seconds))
        start = asyncio.run(_start(Path(place), arguments.tenants))
    show(f"{arguments.watchers} watchers", rows)
    show("etcd's leader killed during writes", [("acknowledged", "lost", "longest without a write"), lost])
    show(
        f"a copy of {arguments.tenants} tenants",
        [("cold, from the registry", "its peak", "from its own file", "its peak"), start],
    )


def _etcd(servers: Cluster) -> Registry:
    return EtcdRegistry(Link(servers.endpoints, None, options=APART), time.time)


@contextlib.contextmanager
def served(place: Path, name: str = "registry.sqlite3", reports: int = 0) -> Iterator[tuple[str, list[int]]]:
    """The embedded registry's server at a free port."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(str(place / name), theirs, reports))
    process.start()
    try:
        yield ours.recv(), [process.pid or 0]
    finally:
        process.kill()
        process.join()


def _serve(place: str, theirs: Any, reports: int) -> None:
    async def run() -> None:
        root = web.Application(client_max_size=LARGEST)
        kept = EmbeddedRegistry(Path(place), time.time)
        for number in range(reports):
            await kept.beat(f"node{number}", 6.0, REPORT)
        root.add_subapp(
            wire.PREFIX, application(kept, lambda request: request.headers.get("X-Node", "node0"), lambda: ["node0"])
        )
        runner = web.AppRunner(root)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        await site.start()
        theirs.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.Event().wait()

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    uvloop.run(run())


async def _fleet(registry: Callable[[], Registry], pids: list[int], arguments: argparse.Namespace) -> tuple[str, ...]:
    seen = await _seen(registry, arguments.watchers, arguments.writes)
    return (*seen, await _beating(registry, pids, arguments.nodes, arguments.seconds))


async def _seen(registry: Callable[[], Registry], watchers: int, writes: int) -> tuple[str, str]:
    made = [registry() for _ in range(min(watchers, 50))]
    writer = registry()
    _, start = await writer.snapshot("none/")
    delays: list[float] = []
    written: dict[str, float] = {}
    got = asyncio.Semaphore(0)

    async def watch(one: Registry) -> None:
        async for change in one.watch("flip/", start):
            if isinstance(change, Change):
                delays.append(time.monotonic() - written[change.key])
                got.release()

    async with Tasks() as tasks:
        for number in range(watchers):
            tasks.keep(f"watcher {number}", partial(watch, made[number % len(made)]), pause=0.2)
        await asyncio.sleep(3 + watchers / 200)
        for number in range(writes):
            key = f"flip/{number}"
            written[key] = time.monotonic()
            await writer.create(key, b"x" * 300)
            for _ in range(watchers):
                await asyncio.wait_for(got.acquire(), 30)
    for one in (*made, writer):
        await one.close()
    delays.sort()
    return f"{statistics.median(delays) * 1000:.0f} ms", f"{delays[int(len(delays) * 0.99)] * 1000:.0f} ms"


async def _beating(registry: Callable[[], Registry], pids: list[int], size: int, seconds: float) -> str:
    nodes = {f"node{number}": registry() for number in range(size)}
    for some in _by(20, list(nodes.items())):
        await asyncio.gather(*(_connected(name, node) for name, node in some))
    before, started = _cpu(pids), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for name, node in nodes.items():
            group.create_task(_beats(name, node, seconds))
        group.create_task(_listen(list(nodes.values()), seconds))
    spent = (_cpu(pids) - before) / (time.monotonic() - started)
    for node in nodes.values():
        await node.close()
    return f"{spent * 100:.0f} % of a core"


def _by(size: int, listed: Sequence[T]) -> Iterator[Sequence[T]]:
    return (listed[start : start + size] for start in range(0, len(listed), size))


async def _connected(name: str, node: Registry) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(Refusal):
                return await node.beat(_spoken(name, node), 6.0, REPORT)
            await asyncio.sleep(0.2)


def _spoken(name: str, node: Registry) -> str:
    return name if isinstance(node, EtcdRegistry) else ONE


async def _listen(nodes: Sequence[Registry], seconds: float) -> None:
    """One after the other hears everybody's reports, as often as nodes do where nobody looks."""
    apart, started = max(PERIOD, pause(len(nodes))) / len(nodes), time.monotonic()
    for number in range(int(seconds / apart)):
        await asyncio.sleep(max(0.0, started + number * apart - time.monotonic()))
        heard = await nodes[number % len(nodes)].beats()
        assert len(heard) >= len(nodes)


async def _beats(name: str, node: Registry, seconds: float) -> None:
    """As `services.reporting` does, by a clock that is off a little; each report is another than the last."""
    off = random.uniform(-CLOCKS_DIFFER, CLOCKS_DIFFER)
    for number in range(int(seconds / PERIOD)):
        await asyncio.sleep(until_moment(name, time.time() + off))
        await node.beat(_spoken(name, node), 6.0, REPORT + number.to_bytes(4))


def _cpu(pids: list[int]) -> float:
    """Seconds of processor that they have used; proc(5)."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / 100


async def _killed(servers: Cluster, seconds: float) -> tuple[str, str, str]:
    registry = _etcd(servers)
    written: dict[str, int] = {}
    times = [time.monotonic()]

    async def write() -> None:
        until = time.monotonic() + seconds
        for number in itertools.count():
            if time.monotonic() > until:
                return
            with contextlib.suppress(Refusal):
                written[f"kill/{number}"] = await registry.create(f"kill/{number}", b"x")
                times.append(time.monotonic())

    writing = asyncio.gather(*[write()])
    await asyncio.sleep(seconds / 4)
    await asyncio.to_thread(servers.kill, servers.leader())
    await writing
    there = {item.key for item in await _read_again(registry, "kill/")}
    await registry.close()
    longest = max(b - a for a, b in itertools.pairwise(times))
    return str(len(written)), str(len(set(written) - there)), f"{longest:.1f} s"


async def _read_again(registry: Registry, prefix: str) -> list[Item]:
    """As soon as the servers that are left answer."""
    async with asyncio.timeout(ELECTION_SECONDS):
        while True:
            with contextlib.suppress(Refusal):
                return (await registry.snapshot(prefix))[0]


async def _start(place: Path, tenants: int) -> tuple[str, ...]:
    kept = EmbeddedRegistry(place / "many.sqlite3", time.time)
    pbx = Pbx(id=1, name="Padaria do Bairro", domain="p.example.net", home="node1", mode=Mode.GATE_ONLY)
    rows = [(tenant_key(number), encode(replace(pbx, id=number)), number) for number in range(1, tenants + 1)]
    await kept.close()
    with contextlib.closing(sqlite3.connect(place / "many.sqlite3")) as connection, connection:
        connection.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
        connection.execute("INSERT INTO change (revision, key, value) VALUES (?, 'x', NULL)", (tenants,))
    with served(place, "many.sqlite3") as (url, _):
        return await asyncio.to_thread(_copied, place, url, tenants)


def _copied(place: Path, url: str, tenants: int) -> tuple[str, ...]:
    """Twice, cold and from what the first has left; a process that imports what a node of this engine does."""
    command = [sys.executable, "-m", "tests.bench.copy_process", str(place), url, str(tenants)]
    results = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(2)]
    return tuple(text for took, peak in results for text in (f"{took:.2f} s", f"{peak:.0f} MB"))


if __name__ == "__main__":
    main()
