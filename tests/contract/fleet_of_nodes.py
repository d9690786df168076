"""Whole node services in this process, joined by tokens over real TLS; none of them has an Asterisk."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext import config
from asterisk_ext.cli.client import ask
from asterisk_ext.composition import hosting
from asterisk_ext.composition.membership import IDENTITY
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.runtime import running
from asterisk_ext.services.no_asterisk import NoAsterisk
from asterisk_ext.services.reporting import Reporting
from asterisk_ext.trust import door, identity

PATIENCE = 120.0
"""Seconds for what happens at once on an idle machine."""
TURNS = 20
"""Of the loop, in which what other ends of this process have closed is noticed."""


def as_hosts(monkeypatch: pytest.MonkeyPatch, *prepared: str) -> None:
    """Nodes report from now on as such that host virtual PBXs, and have taken in those of ``prepared`` beforehand."""

    def reporting(*told: Any, hosts: bool) -> Reporting:
        return Reporting(*told)

    monkeypatch.setattr(hosting, "Reporting", reporting)
    monkeypatch.setattr(NoAsterisk, "prepared", prepared)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Node:
    def __init__(self, place: Path, name: str, *, serve: bool = False, consoles: tuple[str, ...] = ()) -> None:
        self.name, self.place = name, place / name
        (self.place / "run").mkdir(parents=True)
        nowhere = str(self.place / "nowhere")
        self.config = config.Config(
            node=config.Node(name=name, state=str(self.place / "state"), run=str(self.place / "run")),
            registry=config.Registry(serve=serve, consoles=consoles),
            guard=config.Guard(socket=str(self.place / "guard.sock")),
            countries=config.Countries(sources=(), schedule=""),
            admin_http=config.AdminHttp(port=free_port()),
            fleet=config.Fleet(host="127.0.0.1", port=free_port()),
            fastagi=config.FastAgi(port=free_port()),
            asterisk=config.Asterisk(here=False, realtime=f"{nowhere}/realtime.sqlite3", sounds=f"{nowhere}/sounds"),
        )
        self._life: AsyncExitStack | None = None

    @property
    def state(self) -> Path:
        return self.place / "state"

    def record(self, number: int) -> dict[str, Any]:
        record = {"id": number, "name": self.name, "technology": "NODE", "ip": "127.0.0.1"}
        return {**record, "port": self.config.admin_http.port, "fleet_port": self.config.fleet.port}

    async def start(self) -> None:
        self._life = AsyncExitStack()
        await self._life.enter_async_context(running(self.config))

    async def stop(self) -> None:
        if self._life is not None:
            with warnings.catch_warnings():
                # Whom a server has accepted in the moment it closes CPython 3.11 drops, and says so.
                warnings.simplefilter("ignore", ResourceWarning)
                await self._life.aclose()
            self._life = None

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """As root on that machine."""
        return await asyncio.to_thread(ask, str(self.place / "run/admin.sock"), method, path, body)

    async def servers(self) -> dict[str, dict[str, Any]]:
        return {row["server"]["name"]: row for row in await self.ask("GET", "servers")}

    async def edit(self, server: str, registration: str) -> None:
        """Change a server's record; again where somebody else's change or a busy machine came between."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.ask("PATCH", f"servers/{server}", {"registration": registration})
                except Refusal as refusal:
                    if refusal.error_id not in ("registry.conflict", "registry.unreachable", "registry.unsure"):
                        raise
                    await asyncio.sleep(0.2)
                else:
                    return

    async def join(self, token: str) -> None:
        """As `asterisk-ext node join` does."""
        read = door.token_of(token, self.name)
        request = identity.request_for(self.name)
        certificate, authority = await door.knock(read, request)
        home = identity.Home(read.url, read.keeper)
        identity.keep(self.state / IDENTITY, request.key, certificate, authority, home)

    async def until(self, wanted: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        """Wait until this node's table of servers is as ``wanted``."""
        async with asyncio.timeout(PATIENCE):
            while not wanted(await self.servers()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@asynccontextmanager
async def fleet(place: Path, size: int) -> AsyncIterator[list[Node]]:
    """node1 keeps the registry, node2 is a console like it, further ones are not; all are active."""
    first = Node(place, "node1", serve=True, consoles=("node2",))
    nodes = [first, *(Node(place, f"node{number}") for number in range(2, size + 1))]
    try:
        await first.start()
        for number, node in enumerate(nodes, 1):
            await first.ask("POST", "servers", node.record(number))
            if node is not first:
                await node.join((await first.ask("POST", f"servers/{node.name}/join-token"))["token"])
                await node.start()
        for node in nodes:
            await node.until(lambda rows: [row["state"] for row in rows.values()] == ["active"] * size)
        yield nodes
    finally:
        for node in nodes:
            await node.stop()
        # Whom a server was still greeting when it stopped it forgets only when it hears that the other has gone too.
        for _ in range(TURNS):
            await asyncio.sleep(0)
