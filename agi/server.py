"""The FastAGI server: one task a session, every wait has an end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from agi.protocol import Decoder, Environment, Hangup, ProtocolError, Reply, command

log = logging.getLogger(__name__)

HELLO_TIMEOUT = 2.0
REPLY_TIMEOUT = 2.0
CHUNK = 4096


class HungUp(Exception):  # noqa: N818 - an event of the call, not a fault
    """The caller is gone, or Asterisk has closed the connection."""


class Session:
    """One call's conversation with Asterisk."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder()
        self._messages: list[Environment | Reply | Hangup] = []
        self.environment = Environment({})

    async def start(self) -> None:
        """Wait for the environment; raises TimeoutError, ProtocolError, HungUp."""
        message = await self._next(HELLO_TIMEOUT)
        if not isinstance(message, Environment):
            raise ProtocolError("no environment")
        self.environment = message

    async def ask(self, *words: str, within: float = REPLY_TIMEOUT) -> Reply:
        """Send one command and wait for its reply; raises HungUp, TimeoutError, ProtocolError, ValueError."""
        self._writer.write(command(*words))
        message = await self._next(within)
        if not isinstance(message, Reply):
            raise HungUp
        return message

    async def set_variable(self, name: str, value: str) -> None:
        await self.ask("SET VARIABLE", name, value)

    async def get_variable(self, name: str) -> str:
        """Its value; empty where it is not set."""
        return (await self.ask("GET VARIABLE", name)).data

    async def execute(self, application: str, arguments: str = "", within: float = REPLY_TIMEOUT) -> Reply:
        """Run a dialplan application."""
        return await self.ask("EXEC", application, arguments, within=within)

    async def _next(self, within: float) -> Environment | Reply | Hangup:
        async with asyncio.timeout(within):
            while not self._messages:
                data = await self._reader.read(CHUNK)
                if not data:
                    raise HungUp
                self._messages += self._decoder.feed(data)
        return self._messages.pop(0)


Script = Callable[[Session], Awaitable[None]]


class Server:
    """Listens for Asterisk; ``scripts`` by the path of the AGI address. Used as an async context."""

    def __init__(self, scripts: Mapping[str, Script], host: str, port: int, limit: int = 1000) -> None:
        self._scripts = scripts
        self._host = host
        self._port = port
        self._limit = limit
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port listened on, also where 0 was asked for; 0 while not listening."""
        return self._server.sockets[0].getsockname()[1] if self._server and self._server.sockets else 0

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(
            self._accept, self._host, self._port, limit=2 * CHUNK, backlog=self._limit, start_serving=True
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._sessions):
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._sessions) >= self._limit:
            writer.close()
            return
        self._sessions.add(task)
        try:
            await self._converse(Session(reader, writer))
        finally:
            self._sessions.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, session: Session) -> None:
        try:
            await session.start()
            script = self._scripts.get(session.environment.script)
            if script is None:
                log.warning("Asterisk asked for an AGI script that is not there")
                return
            await script(session)
        except (HungUp, ConnectionError):
            return
        except (TimeoutError, ProtocolError, ValueError) as error:
            log.warning("an AGI session ended early: %s", error or type(error).__name__)
        except Exception:
            log.exception("an AGI session failed")
