"""Server-sent events (HTML Living Standard, section 9.2): one response that goes on until one side has enough."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from admin_http.keys import ACTOR, CLOSING, SERVICES, SESSION

HEARTBEAT = 15.0
"""Seconds between comments on a quiet stream, so that both sides notice a dead connection."""
PEER_HEARTBEAT = 2.0
"""The same to another node, which shows how old what it knows is."""


async def serve(request: web.Request, source: AsyncIterator[tuple[str, bytes]]) -> web.StreamResponse:
    """Pass ``source`` on until it ends, the reader leaves, the actor loses its right, or the node shuts down."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(request)
    await response.write(b"retry: 1000\n\n")
    actor = request.get(ACTOR)
    heartbeat = PEER_HEARTBEAT if actor is not None and actor.peer else HEARTBEAT
    closing = asyncio.create_task(request.app[CLOSING].wait())
    upcoming: asyncio.Task[tuple[str, bytes]] | None = None
    try:
        while not closing.done():
            upcoming = upcoming or asyncio.ensure_future(_next(source))
            done, _ = await asyncio.wait({upcoming, closing}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if upcoming in done:
                name, data = upcoming.result()
                upcoming = None
                await response.write(b"event: %s\ndata: %s\n\n" % (name.encode(), data))
            elif not done:
                if not _still_allowed(request):
                    break
                await response.write(b": still here\n\n")
    except (StopAsyncIteration, ConnectionResetError):
        pass
    finally:
        closing.cancel()
        if upcoming is not None:
            upcoming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await upcoming
        if isinstance(source, contextlib.AbstractAsyncContextManager) or hasattr(source, "aclose"):
            await source.aclose()
    return response


async def _next(source: AsyncIterator[tuple[str, bytes]]) -> tuple[str, bytes]:
    return await anext(source)


def _still_allowed(request: web.Request) -> bool:
    """A user who was removed, or whose role changed, sees no more."""
    if request.get(SESSION) is None:
        return True
    actor = request.get(ACTOR)
    return actor is not None and request.app[SERVICES].users.known(actor.name) == actor
