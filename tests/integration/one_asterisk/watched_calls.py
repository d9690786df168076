"""The live calls table of one Asterisk, followed as the node service follows it, and compared with Asterisk's list."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from ari_apps.client import TIMEOUT, Ari
from ari_apps.live_calls import Follower
from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.call_rows import Destination, Origin, Row
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.services.live_calls import LiveCalls
from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.unit.services.live_calls_world import FakeAudit, FakeTenants

URL = "http://127.0.0.1:8088/ari"
ADVANCE = 1.0
"""Seconds within which table and Asterisk must agree under load."""


class WatchedCalls:
    """``calls`` is the service as it is now; ``restart`` starts another in its place."""

    calls: LiveCalls

    def __init__(self, asterisk: OneAsterisk) -> None:
        self._asterisk = asterisk
        self._sockets: list[socket.socket] = []
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[Ari, Ari]]:
        """ARI for the user that looks and for the one that acts."""
        tracking = aiohttp.encode_basic_auth("asterisk-ext", "tracking-password")
        acting = aiohttp.encode_basic_auth("asterisk-ext-hangup", "hanging-up-password")
        async with self._session(tracking) as looking, self._session(acting) as doing:
            yield Ari(URL, looking), Ari(URL, doing)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[WatchedCalls]:
        """Followed until the end of the block."""
        async with self.connected() as (self._looking, self._acting):
            self.start()
            try:
                yield self
            finally:
                await self.stop()

    def start(self) -> None:
        self.calls = LiveCalls("node1", self._acting, FakeTenants(), FakeAudit())
        follower = Follower(self._looking, self._acting, self.calls, "calls-under-load", time.time)
        self._task = asyncio.create_task(follower.run())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def restart(self) -> None:
        """As when the node service is started anew: nothing is remembered."""
        await self.stop()
        self.start()

    def drop(self) -> None:
        """Cut every connection to Asterisk."""
        for opened in self._sockets:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    @property
    def sure(self) -> bool:
        return self.calls.table(ROOT).sure

    async def until_sure(self, seconds: float) -> float:
        """How long it took."""
        return await self._until(True, seconds)

    async def until_unsure(self, seconds: float) -> float:
        return await self._until(False, seconds)

    async def rows_until(self, happened: Callable[[list[Row]], bool], seconds: float = 10) -> list[Row]:
        """Follow the table until its rows, the oldest first, are as wanted."""
        rows: list[Row] = []
        try:
            async with asyncio.timeout(seconds):
                async for _ in self.calls.watch(ROOT):
                    rows = list(self.calls.table(ROOT).calls)[::-1]
                    if happened(rows):
                        break
        except TimeoutError:
            raise AssertionError(f"after {seconds} s the calls are {rows}") from None
        return rows

    def names(self) -> set[str]:
        """The channels shown as living."""
        return {leg["channel"] for leg in self._legs() if leg["state"] != "Busy"}

    def _shown(self) -> set[str]:
        return {leg["channel"] for leg in self._legs()}

    def _legs(self) -> list[Origin | Destination]:
        legs: list[Origin | Destination] = []
        for row in self.calls.table(ROOT).calls:
            legs += [row["origin"], *row["destinations"]]
        return legs

    async def with_media(self) -> int:
        """Calls in which Asterisk has received RTP."""
        found = 0
        for row in self.calls.table(ROOT).calls:
            with contextlib.suppress(Refusal):
                detail = await self.calls.detail(ROOT, row["linkedid"])
                found += any(leg["received"] for leg in detail["media"])
        return found

    async def listed(self) -> dict[str, str]:
        """`core show channels concise`: the state of each channel by its name."""
        text = await asyncio.to_thread(self._asterisk.cli, "core show channels concise")
        fields = [line.split("!") for line in text.splitlines() if line.count("!") > 8]
        return {field[0]: field[4] for field in fields}

    async def differences(self, patience: float = ADVANCE) -> tuple[set[str], set[str]]:
        """Channels listed by Asterisk that the table does not show in ``patience`` seconds, and shown ones long ended.

        A channel may live for milliseconds: whatever was shown at any time meanwhile, if only as just ended, was there.
        On a busy machine its beginning and its end may be heard of together, so only what still lives is missing; and
        what Asterisk lists again has not ended.
        """
        before, seen = self.names(), self._shown()
        listing = asyncio.create_task(self.listed())
        while not listing.done():
            seen |= self._shown()
            await asyncio.wait([listing], timeout=0.01)
        listed, until = set(await listing), time.monotonic() + patience
        while True:
            seen |= self._shown()
            missing, ghosts = listed - seen, (before & self.names()) - listed
            if not missing and not ghosts:
                return missing, ghosts
            if time.monotonic() > until:
                now = set(await self.listed())
                return missing & now - self._shown(), ghosts - now
            await asyncio.sleep(0.02)

    async def _until(self, sure: bool, seconds: float) -> float:
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            async for _ in self.calls.watch(ROOT):
                if self.sure is sure:
                    break
        return time.monotonic() - began

    def _session(self, authorization: str) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(socket_factory=self._make)
        headers = {"Authorization": authorization}
        return aiohttp.ClientSession(connector=connector, headers=headers, timeout=TIMEOUT)

    def _make(self, info: object) -> socket.socket:
        made = self._asterisk.in_network(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        made.setblocking(False)
        self._sockets.append(made)
        return made
