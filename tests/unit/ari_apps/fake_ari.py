"""An ARI with channels of our choosing, on a port of its own."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

USERS = {"tracking": "tracking-password", "acting": "acting-password"}


def channel(id: str, state: str = "Ring", of: str = "", formats: str = "(alaw)") -> dict[str, Any]:
    return {
        "id": id,
        "name": f"PJSIP/1_{id}-{id:0>8}",
        "state": state,
        "creationtime": "2026-11-22T19:12:57.898+0000",
        "channelvars": {"CHANNEL(linkedid)": of or id, "CHANNEL(audionativeformat)": formats},
    }


class FakeAri:
    def __init__(self) -> None:
        self.channels: dict[str, dict[str, Any]] = {}
        self.startup_time = "2026-11-22T19:00:00.000+0000"
        self.done: list[str] = []
        """What was asked for, in order: method, path and query."""
        self.allowed: list[str] = []
        self.refusing = False
        self.list_may_go = asyncio.Event()
        self.list_may_go.set()
        self.list_asked = asyncio.Event()
        self._sockets: list[web.WebSocketResponse] = []
        app = web.Application(middlewares=[self._guarded])
        app.router.add_get("/ari/events", self._events)
        app.router.add_get("/ari/channels", self._channels)
        app.router.add_get("/ari/channels/{id}", self._channel)
        app.router.add_get("/ari/channels/{id}/variable", self._variable)
        app.router.add_get("/ari/channels/{id}/rtp_statistics", self._rtp_statistics)
        app.router.add_delete("/ari/channels/{id}", self._hang_up)
        app.router.add_get("/ari/bridges", self._bridges)
        app.router.add_get("/ari/asterisk/info", self._info)
        app.router.add_put("/ari/applications/{app}/eventFilter", self._filter)
        app.router.add_post("/ari/applications/{app}/subscription", self._subscribe)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/ari"))

    async def tell(self, type: str, **fields: object) -> None:
        """Send an event to whoever listens."""
        event = msgspec.json.encode({"type": type, "timestamp": "2026-11-22T19:13:00.000+0000", **fields})
        await self.send(event.decode())

    async def send(self, text: str) -> None:
        for socket in self._sockets:
            await socket.send_str(text)

    async def drop(self) -> None:
        """Close every socket, as a restart or a slow reader would have it."""
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            await socket.close()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.done.append(f"{request.method} {request.path_qs}")
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        user, _, password = b64decode(credentials).decode().partition(":")
        if scheme != "Basic" or USERS.get(user) != password:
            raise web.HTTPUnauthorized
        if user == "tracking" and request.method != "GET":
            raise web.HTTPForbidden
        if self.refusing:
            raise web.HTTPServiceUnavailable
        response: web.StreamResponse = await handler(request)
        return response

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        async for _ in socket:
            pass
        return socket

    async def _channels(self, request: web.Request) -> web.Response:
        answer = list(self.channels.values())
        self.list_asked.set()
        await self.list_may_go.wait()
        return _json(answer)

    async def _channel(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.channels:
            raise web.HTTPNotFound
        return _json(self.channels[request.match_info["id"]])

    async def _variable(self, request: web.Request) -> web.Response:
        there = self.channels.get(request.match_info["id"], {}).get("variables", {})
        if request.query["variable"] not in there:
            raise web.HTTPNotFound
        return _json({"value": there[request.query["variable"]]})

    async def _rtp_statistics(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.channels:
            raise web.HTTPNotFound
        return _json({"rxcount": 99, "rxploss": 1, "txjitter": 0.002, "channel_uniqueid": "1.1", "rtt": 0.0})

    async def _hang_up(self, request: web.Request) -> web.Response:
        if self.channels.pop(request.match_info["id"], None) is None:
            raise web.HTTPNotFound
        return web.Response(status=204)

    async def _bridges(self, request: web.Request) -> web.Response:
        return _json([])

    async def _info(self, request: web.Request) -> web.Response:
        return _json({"status": {"startup_time": self.startup_time}})

    async def _subscribe(self, request: web.Request) -> web.Response:
        return _json({})

    async def _filter(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.allowed = [entry["type"] for entry in wanted["allowed"]]
        return _json({})


def _json(answer: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
