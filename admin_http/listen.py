"""Where the console and the API are reached: a port, and for root a Unix socket."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

GRACE = 2.0
"""Seconds that open requests have to end when the service stops."""


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int, socket: Path) -> AsyncIterator[None]:
    """Serve ``app`` for as long as the context lasts; raises OSError when the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        await web.UnixSite(runner, str(socket)).start()
        os.chmod(socket, 0o600)  # noqa: PTH101 - it does not wait
        yield
    finally:
        await runner.cleanup()
