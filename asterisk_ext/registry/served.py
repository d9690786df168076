"""The embedded registry over HTTP, for the other nodes of the fleet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing, suppress

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from asterisk_ext.domain.allowance import Allowance
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.node_rights import (
    A_SECOND,
    BURST,
    TOO_MUCH,
    check_beat,
    check_console,
    check_size,
    check_write,
)
from asterisk_ext.ports import STRANGER, Change, Gap, Registry
from asterisk_ext.registry import wire

NODE = web.RequestKey("node", str)
"""Name of the node that asks."""
LARGEST = 64 * 1024 * 1024
"""Bytes of one request: an audio is the largest thing there is."""


def application(
    registry: Registry,
    peer_of: Callable[[web.Request], str],
    consoles: Callable[[], Collection[str]],
    is_here: Callable[[], bool] = lambda: True,
) -> web.Application:
    """The sub-application to mount at ``/registry/v1``, for nodes of the fleet alone.

    ``peer_of`` names who asks, ``consoles`` who may write more than what is its own.
    """
    app = web.Application(middlewares=[_only_the_fleet(peer_of, is_here), _refusals], client_max_size=LARGEST)
    routes = _Routes(registry, consoles)
    app.add_routes(
        [
            web.get("/item", routes.item),
            web.get("/snapshot", routes.snapshot),
            web.get("/watch", routes.watch),
            web.post("/write", routes.write),
            web.post("/beat", routes.beat),
            web.get("/beats", routes.beats),
            web.post("/blob", routes.put_blob),
            web.get("/blobs", routes.blobs),
            web.get("/blob/{sha256}", routes.get_blob),
            web.delete("/blob/{sha256}", routes.drop_blob),
        ]
    )
    return app


def _only_the_fleet(peer_of: Callable[[web.Request], str], is_here: Callable[[], bool]) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = peer_of(request)
        if not name:
            return web.json_response({"error_id": STRANGER.error_id}, status=wire.STRANGER_STATUS)
        if not is_here():
            return web.json_response({"error_id": "registry.not_here"}, status=503)
        request[NODE] = name
        return await handler(request)

    return middleware


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        body = {"error_id": refusal.error_id, "params": {name: str(value) for name, value in refusal.params.items()}}
        return web.json_response(body, status=refusal.problem.status)
    except msgspec.DecodeError:
        return web.json_response({"error_id": "registry.unreadable"}, status=400)


class _Routes:
    def __init__(self, registry: Registry, consoles: Callable[[], Collection[str]]) -> None:
        self._registry = registry
        self._consoles = consoles
        self._allowance = Allowance(BURST, A_SECOND)

    async def item(self, request: web.Request) -> web.Response:
        return _json(await self._registry.get(request.query["key"]))

    async def snapshot(self, request: web.Request) -> web.Response:
        return _json(wire.Snapshot(*await self._registry.snapshot(request.query.get("prefix", ""))))

    async def write(self, request: web.Request) -> web.Response:
        write = msgspec.json.decode(await request.read(), type=wire.Write)
        creates, deletes = write.value is not None and not write.revision, write.value is None
        check_write(request[NODE], write.key, creates=creates, deletes=deletes, consoles=self._consoles())
        if request[NODE] not in self._consoles():
            check_size(request[NODE], write.key, len(write.value or b""))
            if not self._allowance.take(request[NODE], time.monotonic()):
                raise TOO_MUCH.refuse(node=request[NODE], what=write.key)
        if write.value is None:
            return _json(wire.Written(await self._registry.delete(write.key, write.revision)))
        if not write.revision:
            return _json(wire.Written(await self._registry.create(write.key, write.value)))
        return _json(wire.Written(await self._registry.compare_and_set(write.key, write.value, write.revision)))

    async def beat(self, request: web.Request) -> web.Response:
        beat = msgspec.json.decode(await request.read(), type=wire.Beat)
        check_beat(request[NODE], beat.node)
        await self._registry.beat(beat.node, beat.ttl, beat.report)
        return web.Response(status=204)

    async def beats(self, request: web.Request) -> web.Response:
        return _json(wire.Beats(await self._registry.beats(), time.time()))

    async def put_blob(self, request: web.Request) -> web.Response:
        check_console(request[NODE], "audios", self._consoles())
        return web.Response(text=await self._registry.put_blob(await request.read()))

    async def get_blob(self, request: web.Request) -> web.Response:
        data = await self._registry.get_blob(request.match_info["sha256"])
        return web.Response(status=404) if data is None else web.Response(body=data)

    async def blobs(self, request: web.Request) -> web.Response:
        return _json(wire.Blobs(await self._registry.blobs()))

    async def drop_blob(self, request: web.Request) -> web.Response:
        check_console(request[NODE], "audios", self._consoles())
        await self._registry.drop_blob(request.match_info["sha256"])
        return web.Response(status=204)

    async def watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        watched = self._registry.watch(request.query.get("prefix", ""), int(request.query["from"]))
        async with aclosing(watched) as changes, aclosing(_with_keepalives(changes)) as lines:
            with suppress(ConnectionError):
                await response.prepare(request)
                async for line in lines:
                    await response.write(msgspec.json.encode(line) + b"\n")
        return response


async def _with_keepalives(changes: AsyncIterator[Change | Gap]) -> AsyncGenerator[wire.Line]:
    following: asyncio.Future[Change | Gap] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(changes))
            done, _ = await asyncio.wait({following}, timeout=wire.KEEPALIVE)
            if not done:
                yield wire.Line()
                continue
            try:
                change = following.result()
            except StopAsyncIteration:
                return
            following = None
            yield wire.Line(gap=True) if isinstance(change, Gap) else wire.Line(change=change)
    finally:
        if following is not None:
            following.cancel()
            await asyncio.wait({following})


def _json(answer: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
