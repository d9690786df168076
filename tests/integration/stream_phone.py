"""A SIP phone or carrier that speaks over a connection: TCP, TLS (RFC 3261, 18) or a WebSocket (RFC 7118)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import aiohttp

from tests.integration.sip_phone import Phone, parse

_END = b"\r\n\r\n"


class StreamPhone(Phone):
    """As ``Phone``, without media; ``via`` is TCP, TLS or WS."""

    def __init__(self, server: tuple[str, int], ip: str, port: int, account: str, password: str, via: str) -> None:
        super().__init__(server, ip, port, account, password)
        self.via = via
        self.contact = f"sip:{account}@{ip}:{port};transport={via.lower()}"
        self._write: Callable[[bytes], None] | None = None
        self._reading: set[asyncio.Task[None]] = set()
        self._close: list[Callable[[], object]] = []

    def use(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak over this connection; also the callback of a server that listens."""
        self._write = writer.write
        # A polite end of TLS waits for the other side, for which nobody waits here.
        self._close.append(writer.transport.abort)
        self._start(self._read_stream(reader))

    def listen(self, server: asyncio.Server) -> None:
        self._close.append(server.close)

    def use_websocket(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        def write(data: bytes) -> None:
            self._start(websocket.send_str(data.decode()))

        self._write = write
        self._start(self._read_websocket(websocket))

    def close(self) -> None:
        for task in self._reading:
            task.cancel()
        for close in self._close:
            close()

    def _start(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read_stream(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                head = (await reader.readuntil(_END)).lstrip(b"\r\n")
                length = int(parse(head).get("Content-Length") or 0) if head else 0
                body = await reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if head:
                self._signal(head + body)

    async def _read_websocket(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in websocket:
            self._signal(str(message.data).encode())

    def _send(self, data: bytes) -> None:
        assert self._write is not None, "nobody has connected yet"
        self._write(data.replace(b"SIP/2.0/UDP", b"SIP/2.0/" + self.via.encode(), 1))


def trusting() -> ssl.SSLContext:
    """A client's context that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
