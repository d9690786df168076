"""What others ask of a node meanwhile, one after the other, in a process of its own: REGISTERs and the API."""

from __future__ import annotations

import asyncio
import gc
import itertools
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

import aiohttp

from tests.integration.one_asterisk.asterisk import NODE, PHONES
from tests.integration.one_asterisk.node_on_asterisk import NodeOnAsterisk
from tests.integration.sip_phone import Phone

PAUSE = 0.005
FIRST_PORT = 7000


class Asked(NamedTuple):
    """Monotonic seconds."""

    at: float
    took: float


class Meanwhile:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def since(self, begun: float) -> dict[str, list[float]]:
        """How long each request begun since then took, in ms, by its kind."""
        self._pipe.send(begun)
        found: dict[str, list[float]] = self._pipe.recv()
        return found


@contextmanager
def meanwhile(node: NodeOnAsterisk, accounts: list[str]) -> Iterator[Meanwhile]:
    """Ask until the end of the block; ``accounts`` are phones with the password ``secret``."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=lambda: asyncio.run(_ask(node, accounts, there)), daemon=True)
    process.start()
    try:
        assert here.recv() == "asking"
        yield Meanwhile(here)
    finally:
        process.kill()
        process.join()


async def _ask(node: NodeOnAsterisk, accounts: list[str], pipe: Connection) -> None:
    phones = [
        await Phone((NODE, 5060), PHONES, FIRST_PORT + 2 * at, account, "secret").open(node.one.socket)
        for at, account in enumerate(accounts)
    ]
    # How long the answers took is told, without this process's waits for a processor and its searches for garbage.
    gc.disable()
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(50))
    turns = itertools.cycle(phones)
    asked: dict[str, list[Asked]] = {"REGISTER": [], "API": []}
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(node.socket)) as session:

        async def register() -> None:
            assert (await next(turns).register()).final == 200

        async def read() -> None:
            async with session.get("http://node/api/v1/servers") as response:
                await response.read()
                assert response.status == 200

        def answer() -> None:
            begun = pipe.recv()
            pipe.send({kind: [one.took * 1000 for one in these if one.at >= begun] for kind, these in asked.items()})

        asyncio.get_running_loop().add_reader(pipe.fileno(), answer)
        pipe.send("asking")
        await asyncio.gather(_again(register, asked["REGISTER"]), _again(read, asked["API"]))


async def _again(request: Callable[[], Awaitable[None]], asked: list[Asked]) -> None:
    while True:
        begun = time.monotonic()
        await request()
        asked.append(Asked(begun, time.monotonic() - begun))
        await asyncio.sleep(PAUSE)
