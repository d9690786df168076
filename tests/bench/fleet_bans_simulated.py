"""A proven ban on one of many nodes until every other has made it; the nodes simulated, the registry real, over HTTP.

python -m tests.bench.fleet_bans_simulated [--nodes 40] [--bans 20]

The registry's server is a process of its own; all nodes share one. TLS and the guards' kernels are not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from asterisk_ext.domain.server import Server, Technology
from asterisk_ext.ports.guard import Attempt, Banned, GuardEvent
from asterisk_ext.registry import wire
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.registry.served import LARGEST, application
from asterisk_ext.services.records import encode, server_key
from asterisk_ext.services.shared_bans import SharedBans
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from tests.bench.table import show


class SimulatedGuard:
    """What ``SharedBans`` needs of a guard; says when each ban of the fleet was made."""

    def __init__(self) -> None:
        self.banned: dict[str, Banned] = {}
        self.made: asyncio.Queue[float] = asyncio.Queue()
        self._happens: asyncio.Queue[GuardEvent] = asyncio.Queue()

    async def bans(self) -> list[Banned]:
        return list(self.banned.values())

    async def events(self) -> AsyncIterator[GuardEvent]:
        while True:
            yield await self._happens.get()

    def prove(self, address: str) -> None:
        now = time.time()
        attempt = Attempt(now, "PJSIP", "TLS", "1_200", "ChallengeResponseFailed", "")
        self.banned[address] = Banned(address, now, now + 3600, 4, "", "log", (attempt,))
        self._happens.put_nowait(GuardEvent("banned", address))

    async def ban_for_fleet(self, address: str, seconds: float, node: str) -> None:
        now = time.time()
        self.banned[address] = Banned(address, now, now + seconds, 0, node, "fleet")
        self.made.put_nowait(time.monotonic())

    async def lift(self, address: str, by: str) -> None:
        self.banned.pop(address, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=40)
    parser.add_argument("--bans", type=int, default=20)
    arguments = parser.parse_args()
    names = [f"node{number}" for number in range(1, arguments.nodes + 1)]
    with tempfile.TemporaryDirectory() as place, served(Path(place), names) as url:
        delays = uvloop.run(_measured(Path(place), url, names, arguments.bans))
    delays.sort()
    row = (str(len(names)), *(f"{delay * 1000:.0f} ms" for delay in (statistics.median(delays), _p99(delays))))
    show("a proven ban, until another node has made it", [("nodes", "median", "p99"), row])


def _p99(delays: list[float]) -> float:
    return delays[int(len(delays) * 0.99)]


async def _measured(place: Path, url: str, names: list[str], bans: int) -> list[float]:
    guards = {name: SimulatedGuard() for name in names}
    registries = {name: RemoteRegistry(f"{url}/as/{name}") for name in names}
    copies = {name: LocalCopy(place / f"{name}.sqlite3", time.time) for name in names}
    delays: list[float] = []
    async with Tasks() as tasks:
        for name, guard in guards.items():
            copy, registry = copies[name], registries[name]
            shared = SharedBans(name, guard, registry, copy, time.time)  # type: ignore[arg-type]
            tasks.keep("copy", partial(copy.follow, registry))
            tasks.keep("own", shared.tell)
            tasks.keep("fleet", shared.make)
        for copy in copies.values():
            await copy.after(len(names) - 1)
        await asyncio.sleep(2)
        for number in range(bans):
            started = time.monotonic()
            guards[names[0]].prove(f"192.0.2.{number}")
            for name in names[1:]:
                delays.append(await asyncio.wait_for(guards[name].made.get(), 60) - started)
    for registry in registries.values():
        await registry.close()
    for copy in copies.values():
        copy.close()
    return delays


@contextlib.contextmanager
def served(place: Path, names: list[str]) -> Iterator[str]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(str(place), names, theirs))
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def _serve(place: str, names: list[str], theirs: Any) -> None:
    async def run() -> None:
        kept = EmbeddedRegistry(Path(place) / "registry.sqlite3", time.time)
        root = web.Application(client_max_size=LARGEST)
        for number, name in enumerate(names, 1):
            server = Server(id=number, name=name, technology=Technology.NODE, ip="198.18.1.1")
            await kept.create(server_key(name), encode(server))
            root.add_subapp(f"/as/{name}{wire.PREFIX}", application(kept, partial(_named, name), list))
        runner = web.AppRunner(root)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        theirs.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.Event().wait()

    uvloop.run(run())


def _named(name: str, request: web.Request) -> str:
    return name


if __name__ == "__main__":
    main()
