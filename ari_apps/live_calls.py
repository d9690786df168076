"""Keeps the live calls table right: follows ARI's events, and asks for the whole truth where some may be missing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import aiohttp
import msgspec

from ari_apps.client import Ari
from ari_apps.events import WANTED, decode
from asterisk_ext.services.live_calls import LiveCalls

log = logging.getLogger(__name__)

RESYNC = 30.0
TICK = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 1.0


class SocketClosedError(Exception):
    """There are no more events from this socket."""


class Follower:
    """Owner of the event socket.

    ``ari`` may be of a read-only user; ``acting`` must not, for it sets event filter and subscription. ``app`` must be
    this process's own name: a second socket of the same name silences the first.
    """

    def __init__(self, ari: Ari, acting: Ari, calls: LiveCalls, app: str, clock: Callable[[], float]) -> None:
        self._ari = ari
        self._acting = acting
        self._calls = calls
        self._app = app
        self._clock = clock
        self._startup_time = ""
        self._connected = False

    async def run(self) -> None:
        """Follow for ever; while there is no connection the table says that it is stale and since when."""
        pause = FIRST_PAUSE
        while True:
            self._connected = False
            try:
                await self._follow()
            except* (aiohttp.ClientError, OSError, TimeoutError, SocketClosedError, msgspec.DecodeError) as group:
                level = logging.WARNING if self._connected or pause == FIRST_PAUSE else logging.DEBUG
                log.log(level, "out of touch with Asterisk: %s", _reasons(group))
            finally:
                self._calls.lost(self._clock())
            pause = FIRST_PAUSE if self._connected else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _follow(self) -> None:
        async with self._ari.events(self._app) as messages, asyncio.TaskGroup() as group:
            self._calls.found(self._clock())
            group.create_task(self._read(messages), name="ari-events")
            await self._acting.let_through(self._app, WANTED)
            await self._acting.subscribe(self._app)
            await self._recognise()
            while True:
                await self._resync()
                self._connected = True
                await self._keep_for(RESYNC)

    async def _read(self, messages: AsyncIterator[str]) -> None:
        async for message in messages:
            try:
                event = decode(message)
            except msgspec.DecodeError as error:
                log.warning("an event of ARI cannot be read: %s", error)
                continue
            if event is not None:
                self._calls.apply(event, self._clock())
        raise SocketClosedError

    async def _recognise(self) -> None:
        """Forget everything when this is another Asterisk than before."""
        startup_time = await self._ari.startup_time()
        if self._startup_time not in ("", startup_time):
            self._calls.clear()
        self._startup_time = startup_time

    async def _resync(self) -> None:
        asked = self._clock()
        channels, bridges = await self._ari.channels(), await self._ari.bridges()
        self._calls.merge(channels, bridges, asked, self._clock())

    async def _keep_for(self, seconds: float) -> None:
        """Until the next resynchronisation: ask what legs settled on, drop busy rows in time."""
        for _ in range(round(seconds / TICK)):
            await asyncio.sleep(TICK)
            for leg in self._calls.unsettled():
                if channel := await self._ari.channel(leg):
                    self._calls.settle(channel, self._clock())
            self._calls.expire(self._clock())


def _reasons(group: BaseExceptionGroup[Exception]) -> str:
    return "; ".join(
        _reasons(error) if isinstance(error, BaseExceptionGroup) else f"{type(error).__name__} {error}".strip()
        for error in group.exceptions
    )
