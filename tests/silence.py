"""Servers that let one in and then say nothing, and a cable that stops carrying while both ends stay connected."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class _Hears(asyncio.Protocol):
    """Says ``first`` once it has heard something."""

    def __init__(self, first: bytes, transports: set[asyncio.Transport]) -> None:
        self._first = first
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._transports.add(transport)

    def data_received(self, data: bytes) -> None:
        if self._first:
            self._transport.write(self._first)
            self._first = b""


@asynccontextmanager
async def mute(context: ssl.SSLContext | None = None, first: bytes = b"") -> AsyncIterator[int]:
    """The port of a server that hears everything and says ``first`` and no more; by TLS with ``context``."""
    loop, transports, shaking = asyncio.get_running_loop(), set[asyncio.Transport](), set[asyncio.Task[object]]()

    class Shakes(_Hears):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if context is not None:
                hears = _Hears(first, transports)
                starting = loop.start_tls(self._transport, hears, context, server_side=True)
                shaking.add(loop.create_task(starting))

    server = await loop.create_server(lambda: Shakes(first, transports), "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.sleep(0)
        for task in shaking:
            task.cancel()
        await asyncio.gather(*shaking, return_exceptions=True)
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)


class Cable:
    """Carries connections to ``port``, from the address ``source`` of this machine, until it is ``cut``: then nothing
    of them, in silence."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._to = port
        self._source = source
        self._whole = asyncio.Event()
        self._whole.set()
        self._pouring: set[asyncio.Task[None]] = set()
        self.port = 0

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def __aenter__(self) -> Cable:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *ended: object) -> None:
        self._server.close()
        for task in self._pouring:
            task.cancel()
        await asyncio.gather(*self._pouring, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._to, local_addr=(self._source, 0))
        for way in ((reader, ours), (theirs, writer)):
            task = asyncio.create_task(self._pour(*way))
            self._pouring.add(task)

    async def _pour(self, source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._whole.wait()
                into.write(data)
                await into.drain()
        except ConnectionError:
            return
        finally:
            into.close()
