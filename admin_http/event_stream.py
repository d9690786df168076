"""Server-sent events (HTML Living Standard, section 9.2): one response that goes on until one side has enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from aiohttp import web

from admin_http.identity import is_still_known
from admin_http.keys import ACTOR, CLOSING

HEARTBEAT = 15.0
"""Seconds between comments, so that both sides notice a dead connection; the reader's right is looked at as often."""
PEER_HEARTBEAT = 2.0
"""The same to another node, which shows how old what it knows is."""


async def serve(request: web.Request, source: AsyncGenerator[tuple[str, bytes]]) -> web.StreamResponse:
    """Pass ``source`` on until it ends, the reader leaves, the actor loses its right, or the node shuts down."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(request)
    await response.write(b"retry: 1000\n\n")
    actor = request.get(ACTOR)
    heartbeat = PEER_HEARTBEAT if actor is not None and actor.peer else HEARTBEAT
    # Two hundred readers of a busy node are passed thousands of events a second: none of them makes a task of its own.
    passing = asyncio.create_task(_pass_on(source, response))
    closing = asyncio.create_task(request.app[CLOSING].wait())
    try:
        while True:
            done, _ = await asyncio.wait({passing, closing}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if done or not is_still_known(request):
                break
            await response.write(b": still here\n\n")
        if passing.done():
            passing.result()
    except ConnectionResetError:
        pass
    finally:
        closing.cancel()
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
        await source.aclose()
    return response


async def _pass_on(source: AsyncGenerator[tuple[str, bytes]], response: web.StreamResponse) -> None:
    async for name, data in source:
        await response.write(b"event: %s\ndata: %s\n\n" % (name.encode(), data))
