"""The FastAGI server: one task a session, every wait has an end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from agi.protocol import Decoder, Environment, Hangup, ProtocolError, Reply, command

log = logging.getLogger(__name__)

HELLO_TIMEOUT = 2.0
REPLY_TIMEOUT = 2.0
MOST_WAITING = 100
"""Messages; Asterisk sends one for each command and at most one more, HANGUP."""


class HungUp(Exception):  # noqa: N818 - an event of the call, not a fault
    """The caller is gone, or Asterisk has closed the connection."""


class Session(asyncio.Protocol):
    """One call's conversation with Asterisk.

    A protocol rather than streams: of a session that lasts a millisecond these would be the greater part.
    """

    def __init__(self, opened: Callable[[Session], bool], begin: Callable[[Session], None]) -> None:
        """``opened`` says whether there is room for it; ``begin`` is called once it can be spoken with, or never will
        be: no task waits for a greeting.
        """
        self._opened = opened
        self._begin = begin
        self._decoder = Decoder()
        self._messages: list[Environment | Reply | Hangup] = []
        self._awaited: asyncio.Future[None] | None = None
        self._fault: Exception | None = None
        """Why no more messages will come."""
        self._hello: asyncio.TimerHandle | None = None
        self.environment = Environment({})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._opened(self):
            self._hello = asyncio.get_running_loop().call_later(HELLO_TIMEOUT, self._give_up)

    def data_received(self, data: bytes) -> None:
        try:
            self._messages += self._decoder.feed(data)
        except ProtocolError as error:
            self._fault = error
        if len(self._messages) > MOST_WAITING:
            self._fault = ProtocolError("replies that nobody has asked for")
        if self._fault is not None:
            self.close()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fault = self._fault or HungUp()
        self._wake()

    def close(self) -> None:
        self._transport.close()

    def start(self) -> None:
        """Take the environment; raises TimeoutError, ProtocolError, HungUp."""
        if not self._messages:
            raise self._fault or HungUp()
        message = self._messages.pop(0)
        if not isinstance(message, Environment):
            raise ProtocolError("no environment")
        self.environment = message

    async def ask(self, *words: str, within: float = REPLY_TIMEOUT) -> Reply:
        """Send one command and wait for its reply; raises HungUp, TimeoutError, ProtocolError, ValueError."""
        if self._fault is not None:
            raise self._fault
        self._transport.write(command(*words))
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
        while not self._messages:
            if self._fault is not None:
                raise self._fault
            loop = asyncio.get_running_loop()
            self._awaited = loop.create_future()
            end = loop.call_later(within, self._give_up)
            try:
                await self._awaited
            finally:
                self._awaited = None
                end.cancel()
        return self._messages.pop(0)

    def _wake(self) -> None:
        if self._hello is not None:
            if self._messages or self._fault is not None:
                self._hello.cancel()
                self._hello = None
                self._begin(self)
        elif self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    def _give_up(self) -> None:
        self._fault = self._fault or TimeoutError()
        self._wake()


Script = Callable[[Session], Awaitable[None]]


class Server:
    """Listens for Asterisk; ``scripts`` by the path of the AGI address. Used as an async context."""

    def __init__(self, scripts: Mapping[str, Script], host: str, port: int, limit: int = 1000) -> None:
        self._scripts = scripts
        self._host = host
        self._port = port
        self._limit = limit
        self._open: set[Session] = set()
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port listened on, also where 0 was asked for; 0 while not listening."""
        return self._server.sockets[0].getsockname()[1] if self._server and self._server.sockets else 0

    async def __aenter__(self) -> Server:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Session(self._opened, self._begin), self._host, self._port, backlog=self._limit, start_serving=True
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for session in list(self._open):
            session.close()
        for task in list(self._sessions):
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def _opened(self, session: Session) -> bool:
        if len(self._open) >= self._limit:
            session.close()
            return False
        self._open.add(session)
        return True

    def _begin(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(self._converse(session))
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    async def _converse(self, session: Session) -> None:
        try:
            session.start()
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
        finally:
            self._open.discard(session)
            session.close()
