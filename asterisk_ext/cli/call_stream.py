"""Live calls as the node service streams them: server-sent events over its Unix socket."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec

from asterisk_ext.cli.client import NOT_RUNNING
from asterisk_ext.domain.call_rows import Row

_LONGEST_EVENT = 64 * 1024 * 1024
_FOR_EVER = aiohttp.ClientTimeout(total=None, sock_connect=5)


class _Data(msgspec.Struct):
    calls: list[Row] | None = None
    sure: bool | None = None
    late: list[str] = []
    call: Row | None = None
    linkedid: str | None = None


class Table:
    """The calls as the events so far leave them."""

    def __init__(self) -> None:
        self.sure = False
        self.late: list[str] = []
        self._rows: dict[str, Row] = {}

    def rows(self) -> list[Row]:
        """The newest first, as the node shows them."""
        return sorted(self._rows.values(), key=lambda row: (row["started"], row["linkedid"]), reverse=True)

    def take(self, data: bytes) -> None:
        event = msgspec.json.decode(data, type=_Data)
        if event.calls is not None:
            self._rows = {row["linkedid"]: row for row in event.calls}
            self.sure, self.late = event.sure is not False, event.late
        elif event.call is not None:
            self._rows[event.call["linkedid"]] = event.call
        elif event.linkedid is not None:
            self._rows.pop(event.linkedid, None)


async def follow(socket: str, table: Table, changed: asyncio.Event) -> None:
    """Keep ``table`` as the node has it until the node service ends the stream. Refuses ``node.not_running``."""
    connector = aiohttp.UnixConnector(socket)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_FOR_EVER, read_bufsize=_LONGEST_EVENT) as session,
            session.get("http://node/api/v1/calls/stream") as response,
        ):
            response.raise_for_status()
            async for line in response.content:
                if line.startswith(b"data:"):
                    table.take(line.removeprefix(b"data:"))
                    changed.set()
    except (aiohttp.ClientError, OSError) as error:
        raise NOT_RUNNING.refuse(socket=socket) from error
