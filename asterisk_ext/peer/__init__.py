"""The other nodes of the fleet over their own HTTP, by mutual TLS."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import quote

import aiohttp
import msgspec

from asterisk_ext.domain.access import FORBIDDEN
from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.call_media import Detail
from asterisk_ext.domain.call_news import Changed, Difference, Ended, Snapshot
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.gate import BlockedCall
from asterisk_ext.domain.server import Server
from asterisk_ext.peer.link import PeerLink, RefusedError, decoded, url
from asterisk_ext.ports import ONLY_LOOKS, SILENT
from asterisk_ext.ports.guard import Banned, Spared
from asterisk_ext.services.live_calls import EMERGENCY, UNKNOWN

FOLLOWING = aiohttp.ClientTimeout(total=None, connect=1, sock_read=6)
"""A stream to a node says at least every two seconds that it lives."""


class _Event(msgspec.Struct):
    calls: list[Row] | None = None
    sure: bool = True
    late: list[str] = []
    call: Row | None = None
    linkedid: str = ""


class HttpPeers:
    """``ports.Peers`` by the node's certificate; rows bear the name of the server that was asked, and has proved it."""

    def __init__(self, link: PeerLink) -> None:
        self._link = link

    async def calls(self, server: Server) -> list[Row]:
        rows = decoded(server, await self._ask(server, "GET", "calls"), list[Row])
        return [_of(server, row) for row in rows]

    async def call_stream(self, server: Server) -> AsyncGenerator[Difference | None]:
        try:
            async with self._link.session.get(
                url(server, "calls/stream"), timeout=FOLLOWING, allow_redirects=False, server_hostname=server.name
            ) as response:
                if response.status != 200:
                    raise SILENT.refuse(server=server.name)
                async for line in response.content:
                    if line.startswith(b"data:"):
                        yield _difference(server, decoded(server, line.removeprefix(b"data:"), _Event))
                    elif line.startswith(b":"):
                        yield None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise SILENT.refuse(server=server.name) from error

    async def call(self, server: Server, linkedid: str) -> Detail:
        try:
            answer = await self._ask(server, "GET", f"calls/{quote(linkedid, safe='')}")
        except RefusedError as refused:
            if refused.error_id == UNKNOWN.error_id:
                raise UNKNOWN.refuse(linkedid=linkedid) from None
            raise SILENT.refuse(server=server.name) from refused
        detail = decoded(server, answer, Detail)
        return {**detail, "call": _of(server, detail["call"])}

    async def hang_up(self, server: Server, linkedid: str, by: str) -> None:
        try:
            await self._ask(server, "POST", f"calls/{quote(linkedid, safe='')}/hangup", by)
        except RefusedError as refused:
            for problem in (UNKNOWN, EMERGENCY):
                if refused.error_id == problem.error_id:
                    raise problem.refuse(linkedid=linkedid) from None
            raise _unwilling(server, refused) from refused

    async def bans(self, server: Server) -> list[Banned]:
        return decoded(server, await self._ask(server, "GET", "bans"), list[Banned])

    async def blocked_calls(self, server: Server, wanted: Wanted) -> list[BlockedCall]:
        query = f"blocked-calls?before={wanted.before}&count={wanted.count}{_of_pbx(wanted.pbx)}"
        return decoded(server, await self._ask(server, "GET", query), list[BlockedCall])

    async def blocked_counts(self, server: Server, pbx: int | None) -> list[BlockedCount]:
        query = f"blocked-calls/counts?count=0{_of_pbx(pbx)}"
        return decoded(server, await self._ask(server, "GET", query), list[BlockedCount])

    async def spared(self, server: Server) -> list[Spared]:
        return decoded(server, await self._ask(server, "GET", "bans/spared"), list[Spared])

    async def lift(self, server: Server, address: str, by: str) -> bool:
        try:
            await self._ask(server, "POST", f"bans/{quote(address, safe='')}/lift", by)
        except RefusedError as refused:
            if refused.status == 404:
                return False
            raise _unwilling(server, refused) from refused
        return True

    async def _ask(self, server: Server, method: str, path: str, by: str = "") -> bytes:
        try:
            return await self._link.ask(server, method, path, by)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise SILENT.refuse(server=server.name) from error
        except RefusedError as refused:
            if method == "GET":
                raise SILENT.refuse(server=server.name) from refused
            raise


def _unwilling(server: Server, refused: RefusedError) -> Refusal:
    return (ONLY_LOOKS if refused.error_id == FORBIDDEN.error_id else SILENT).refuse(server=server.name)


def _of_pbx(pbx: int | None) -> str:
    return "" if pbx is None else f"&pbx={pbx}"


def _difference(server: Server, event: _Event) -> Difference:
    if event.calls is not None:
        return Snapshot(calls=[_of(server, row) for row in event.calls], sure=event.sure, late=event.late)
    if event.call is not None:
        return Changed(_of(server, event.call))
    return Ended(event.linkedid, server.name)


def _of(server: Server, row: Row) -> Row:
    return {**row, "server": server.name}
