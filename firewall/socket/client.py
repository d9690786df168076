"""Asks the guard: for the node's service and the command line."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from asterisk_ext.domain.errors import Problem
from firewall.socket.api import (
    LONGEST_REQUEST,
    AcceptCountries,
    Allow,
    BanAddress,
    Countries,
    Country,
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
    TakeCountries,
)

UNREACHABLE = Problem(
    "guard.unreachable",
    503,
    "The guard does not answer at {path}: {reason}.",
    "Start it (asterisk-ext guard run). Bans in force hold meanwhile.",
)
PATIENCE_SECONDS = 10
"""A guard with as many callers as its queue takes gets to the next one within moments."""
TIMEVAL = struct.Struct("@ll")


class BanRow(msgspec.Struct, frozen=True):
    """One ban as listed; times are seconds since 1970, ``origin`` is ``log``, ``operator`` or ``fleet``."""

    source: str
    since: float
    until: float
    failures: int
    origin: str
    reason: str = ""


class CountryRow(msgspec.Struct, frozen=True):
    """A country's code, how many prefixes its list has, and how many IPv4 addresses."""

    code: str
    prefixes4: int
    prefixes6: int
    addresses4: int


class CountryTable(msgspec.Struct, frozen=True):
    """``since`` is the day of the registries' data (``2026-02-01``); ``in_use`` are the codes that rules name."""

    since: str
    source: str
    licence: str
    countries: list[CountryRow]
    in_use: list[str]


class CountryRanges(msgspec.Struct, frozen=True):
    """Packed as in ``countries/pack.py``."""

    country: CountryRow
    packed4: bytes
    packed6: bytes


class SparedRow(msgspec.Struct, frozen=True):
    """Who is slowed down (``reason``: ``slowed``) until when, or why a ban was held back."""

    source: str
    since: float
    until: float
    failures: int
    accounts: tuple[str, ...]
    reason: str


class GuardClient:
    """One call a connection. All methods raise ``guard.unreachable``, or the guard's own refusal as it gave it;
    ``patience``: seconds for which a guard whose queue of callers is full is asked again."""

    def __init__(self, path: Path, patience: int = PATIENCE_SECONDS) -> None:
        self._path = path
        self._patience = patience

    async def status(self) -> dict[str, Any]:
        return dict(await self._ask(Status()))

    async def metrics(self) -> str:
        """In Prometheus' text format."""
        return str(await self._ask(Metrics()))

    async def bans(self) -> list[BanRow]:
        return msgspec.convert(await self._ask(ListBans()), list[BanRow])

    async def spared(self) -> list[SparedRow]:
        return msgspec.convert(await self._ask(ListSpared()), list[SparedRow])

    async def ban(
        self, address: str, seconds: float, reason: str = "", origin: Literal["operator", "fleet"] = "operator"
    ) -> BanRow:
        return msgspec.convert(await self._ask(BanAddress(address, seconds, reason, origin)), BanRow)

    async def lift(self, address: str) -> None:
        await self._ask(LiftBan(address))

    async def allow(self, network: str, note: str = "", *, remove: bool = False) -> str:
        return str(await self._ask(Allow(network, note, remove)))

    async def explain(self, address: str) -> dict[str, Any]:
        return dict(await self._ask(Explain(address)))

    async def explain_all(self, addresses: Sequence[str]) -> list[dict[str, Any]]:
        """Many at once, in their order; over one connection, since the guard's queue of callers is for all."""
        return [dict(told) for told in await self._ask_all([Explain(address) for address in addresses])]

    async def emergency(self, addresses: Iterable[str], seconds: float = 30.0) -> None:
        """Report all addresses that have an emergency call up; again before ``seconds`` are over while it lasts."""
        await self._ask(Emergency(list(addresses), seconds))

    async def fleet(self, networks: Iterable[str]) -> None:
        """Report all addresses of nodes, trunks, proxies and administrators, which are never banned."""
        await self._ask(Fleet(list(networks)))

    async def countries(self) -> CountryTable:
        """The country lists that the guard uses."""
        return msgspec.convert(await self._ask(Countries()), CountryTable)

    async def country(self, code: str) -> CountryRanges:
        """One country's ranges."""
        return msgspec.convert(await self._ask(Country(code)), CountryRanges)

    async def take_countries(self, accepted: Iterable[str] = ()) -> CountryTable:
        """Have the lists on offer taken; ``accepted``, which is root's to give, may differ as they like."""
        codes = list(accepted)
        return msgspec.convert(await self._ask(AcceptCountries(codes) if codes else TakeCountries()), CountryTable)

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """What happens from now on: ``banned``, ``slowed``, ``held``, ``lifted``, ``suspended``, ``resumed``,
        ``repaired``, each as ``{"event": …}``; ends when the guard does."""
        async with self._connection() as (reader, writer):
            writer.write(msgspec.json.encode(Events()) + b"\n")
            result_of(await reader.readline())
            while line := await reader.readline():
                yield msgspec.json.decode(line)

    async def ask(self, request: Request) -> Any:
        """Any request; the answer as it was sent."""
        return await self._ask(request)

    async def _ask(self, request: Request) -> Any:
        return (await self._ask_all([request]))[0]

    async def _ask_all(self, requests: Sequence[Request]) -> list[Any]:
        if not requests:
            return []
        answers = []
        async with self._connection() as (reader, writer):
            for request in requests:
                writer.write(msgspec.json.encode(request) + b"\n")
                line = await reader.readline()
                if not line:
                    raise UNREACHABLE.refuse(path=self._path, reason="it hung up")
                answers.append(result_of(line))
        return answers

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            caller = await self._connected()
        except OSError as error:
            raise UNREACHABLE.refuse(path=self._path, reason=error.strerror or error) from error
        reader, writer = await asyncio.open_unix_connection(sock=caller, limit=16 * LONGEST_REQUEST)
        try:
            yield reader, writer
        except ConnectionError as error:
            raise UNREACHABLE.refuse(path=self._path, reason=error.strerror or error) from error
        finally:
            writer.close()

    async def _connected(self) -> socket.socket:
        """A Unix socket connects at once, or not: EAGAIN says that the queue of callers is full (unix(7)), and what
        asyncio makes of it is a connection that is none."""
        caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            caller.setblocking(False)
            try:
                caller.connect(str(self._path))
            except BlockingIOError:
                await asyncio.to_thread(self._queue, caller)
        except BaseException:
            caller.close()
            raise
        return caller

    def _queue(self, caller: socket.socket) -> None:
        """Wait for a place in the queue, as the kernel grants them."""
        caller.setblocking(True)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, TIMEVAL.pack(self._patience, 0))
        caller.connect(str(self._path))
        caller.setblocking(False)


def result_of(line: bytes) -> Any:
    reply = msgspec.json.decode(line)
    if reply["ok"]:
        return reply["result"]
    problem = Problem(reply["error_id"], reply["status"], reply["what"], reply["remedy"])
    raise problem.refuse(field=reply["field"], **reply["params"])
