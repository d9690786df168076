"""Asks the guard: for the node's service and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from asterisk_ext.domain.errors import Problem
from firewall.socket_api import (
    LONGEST_REQUEST,
    Allow,
    BanAddress,
    Emergency,
    Events,
    Explain,
    Fleet,
    LiftBan,
    ListBans,
    ListSpared,
    Metrics,
    Request,
    Status,
)

UNREACHABLE = Problem(
    "guard.unreachable",
    503,
    "The guard does not answer at {path}: {reason}.",
    "Start it (asterisk-ext guard run). Bans in force hold meanwhile.",
)


class BanRow(msgspec.Struct, frozen=True):
    """One ban as listed; times are seconds since 1970, ``origin`` is ``log``, ``operator`` or ``fleet``."""

    source: str
    since: float
    until: float
    failures: int
    origin: str
    reason: str = ""


class SparedRow(msgspec.Struct, frozen=True):
    """Who is slowed down (``reason``: ``slowed``) until when, or why a ban was held back."""

    source: str
    since: float
    until: float
    failures: int
    accounts: tuple[str, ...]
    reason: str


class GuardClient:
    """One request a connection. All methods raise ``guard.unreachable``, or the guard's own refusal as it gave it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def status(self) -> dict[str, Any]:
        return dict(await self._ask(Status()))

    async def metrics(self) -> str:
        """In Prometheus' text format."""
        return str(await self._ask(Metrics()))

    async def bans(self) -> list[BanRow]:
        return msgspec.convert(await self._ask(ListBans()), list[BanRow])

    async def spared(self) -> list[SparedRow]:
        return msgspec.convert(await self._ask(ListSpared()), list[SparedRow])

    async def ban(self, address: str, seconds: float, reason: str = "") -> BanRow:
        return msgspec.convert(await self._ask(BanAddress(address, seconds, reason)), BanRow)

    async def lift(self, address: str) -> None:
        await self._ask(LiftBan(address))

    async def allow(self, network: str, note: str = "", *, remove: bool = False) -> str:
        return str(await self._ask(Allow(network, note, remove)))

    async def explain(self, address: str) -> dict[str, Any]:
        return dict(await self._ask(Explain(address)))

    async def emergency(self, addresses: Iterable[str], seconds: float = 30.0) -> None:
        """Report all addresses that have an emergency call up; again before ``seconds`` are over while it lasts."""
        await self._ask(Emergency(list(addresses), seconds))

    async def fleet(self, networks: Iterable[str]) -> None:
        """Report all addresses of nodes, trunks, proxies and administrators, which are never banned."""
        await self._ask(Fleet(list(networks)))

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """What happens from now on: ``banned``, ``slowed``, ``held``, ``lifted``, ``suspended``, ``resumed``,
        ``repaired``, each as ``{"event": …}``; ends when the guard does."""
        async with self._connection() as (reader, writer):
            writer.write(msgspec.json.encode(Events()) + b"\n")
            _result(await reader.readline())
            while line := await reader.readline():
                yield msgspec.json.decode(line)

    async def _ask(self, request: Request) -> Any:
        async with self._connection() as (reader, writer):
            writer.write(msgspec.json.encode(request) + b"\n")
            line = await reader.readline()
        if not line:
            raise UNREACHABLE.refuse(path=self._path, reason="it hung up")
        return _result(line)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=16 * LONGEST_REQUEST)
        except OSError as error:
            raise UNREACHABLE.refuse(path=self._path, reason=error.strerror or error) from error
        try:
            yield reader, writer
        except ConnectionError as error:
            raise UNREACHABLE.refuse(path=self._path, reason=error.strerror or error) from error
        finally:
            writer.close()


def _result(line: bytes) -> Any:
    reply = msgspec.json.decode(line)
    if reply["ok"]:
        return reply["result"]
    # The guard's words are final: braces in them are no places to fill.
    what, remedy = (str(reply[name]).replace("{", "{{").replace("}", "}}") for name in ("what", "remedy"))
    raise Problem(reply["error_id"], reply["status"], what, remedy).refuse(field=reply["field"])
