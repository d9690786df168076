"""The way to ARI: one websocket for events, and the few requests that tracking and hanging up need.

The password travels in the Authorization header, never in a URL. Reference: Asterisk's ``rest-api/*.json``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import msgspec

from ari_apps.events import decode_bridges, decode_channel, decode_channels
from asterisk_ext.domain.call_events import Bridge, Snapshot
from asterisk_ext.domain.call_media import NO_STATISTICS, RtpStatistics
from asterisk_ext.domain.errors import Problem

UNREACHABLE = Problem(
    "call.asterisk_unreachable",
    503,
    "Asterisk did not take the order to hang up ({reason}); legs of the call may still be up.",
    "Look at the table again, and try once more when Asterisk answers.",
)
TIMEOUT = aiohttp.ClientTimeout(total=10)
HEARTBEAT = 10.0
BIGGEST_EVENT = 1 << 20


class _Status(msgspec.Struct, frozen=True):
    startup_time: str = ""


class _Info(msgspec.Struct, frozen=True):
    status: _Status = _Status()


class _Variable(msgspec.Struct, frozen=True):
    value: str = ""


class Ari:
    """ARI of one Asterisk for one of its users. Requests raise ``aiohttp.ClientError`` and ``TimeoutError``."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url.rstrip("/")
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, user: str, password: str) -> AsyncIterator[Ari]:
        """``url`` ends in ``/ari``."""
        credentials = b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
            yield cls(url, session)

    @asynccontextmanager
    async def events(self, app: str) -> AsyncIterator[AsyncIterator[str]]:
        """The messages for ``app`` until the socket closes; Asterisk knows the app on entering.

        A second socket of the same app name silences the first.
        """
        async with self._session.ws_connect(
            f"{self._url}/events", params={"app": app}, heartbeat=HEARTBEAT, max_msg_size=BIGGEST_EVENT, compress=0
        ) as socket:
            yield _messages(socket)

    async def subscribe(self, app: str) -> None:
        """Have all channels and bridges told to ``app``, whose socket must be open.

        Not ``subscribeAll``: that brings all device states too, and where one is being delivered while the socket
        closes, ARI is blocked until Asterisk restarts (asterisk/asterisk#2170; measured on 22.10 with hang-ups and
        closing sockets at once: after 12 closings, against none in 312 with this).
        """
        url = f"{self._url}/applications/{quote(app, safe='')}/subscription"
        async with self._session.post(url, params={"eventSource": "channel:,bridge:"}) as answer:
            answer.raise_for_status()

    async def let_through(self, app: str, types: Iterable[str]) -> None:
        """Have Asterisk send these event types only."""
        wanted = {"allowed": [{"type": name} for name in types]}
        async with self._session.put(
            f"{self._url}/applications/{quote(app, safe='')}/eventFilter", json=wanted
        ) as answer:
            answer.raise_for_status()

    async def startup_time(self) -> str:
        """When Asterisk started, as it says it; another text is another life."""
        return msgspec.json.decode(await self._get("asterisk/info?only=status"), type=_Info).status.startup_time

    async def channels(self) -> list[Snapshot]:
        return decode_channels(await self._get("channels"))

    async def channel(self, channel: str) -> Snapshot | None:
        """None when it has ended."""
        try:
            return decode_channel(await self._get(f"channels/{quote(channel, safe='')}"))
        except aiohttp.ClientResponseError as error:
            if error.status == 404:
                return None
            raise

    async def rtp_statistics(self, channel: str) -> RtpStatistics | None:
        """None when it has ended or has no RTP of its own. Refuses ``call.no_statistics``."""
        try:
            answer = await self._get(f"channels/{quote(channel, safe='')}/rtp_statistics")
            return msgspec.json.decode(answer, type=RtpStatistics)
        except aiohttp.ClientResponseError as error:
            if error.status == 404:
                return None
            raise NO_STATISTICS.refuse(reason=f"status {error.status}") from error
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
            raise NO_STATISTICS.refuse(reason=type(error).__name__) from error

    async def bridges(self) -> list[Bridge]:
        return decode_bridges(await self._get("bridges"))

    async def hang_up(self, channel: str) -> None:
        """End a channel; one that has ended already is no error. Refuses ``call.asterisk_unreachable``."""
        url, reason = f"{self._url}/channels/{quote(channel, safe='')}", {"reason": "normal"}
        try:
            async with self._session.delete(url, params=reason) as answer:
                if answer.status != 404:
                    answer.raise_for_status()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UNREACHABLE.refuse(reason=f"{type(error).__name__}") from error

    async def variable(self, channel: str, name: str) -> str:
        """A channel's variable; empty where it has none, or has ended. Refuses ``call.asterisk_unreachable``."""
        try:
            answer = await self._get(f"channels/{quote(channel, safe='')}/variable?variable={quote(name, safe='')}")
            return msgspec.json.decode(answer, type=_Variable).value
        except aiohttp.ClientResponseError as error:
            if error.status == 404:
                return ""
            raise UNREACHABLE.refuse(reason=f"{type(error).__name__}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UNREACHABLE.refuse(reason=f"{type(error).__name__}") from error

    async def _get(self, path: str) -> bytes:
        async with self._session.get(f"{self._url}/{path}") as answer:
            answer.raise_for_status()
            return await answer.read()


async def _messages(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[str]:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            yield message.data
