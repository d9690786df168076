"""Where the console and the API are reached: a port, one for the other nodes, and for root a Unix socket."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from asterisk_ext.config import AdminHttp, Fleet

GRACE = 2.0
"""Seconds that open requests have to end when the service stops."""


@dataclass(frozen=True, slots=True)
class Secured:
    """Where the other nodes come, and what this one presents to them."""

    at: Fleet
    context: ssl.SSLContext


@asynccontextmanager
async def listening(app: web.Application, http: AdminHttp, socket: Path, nodes: Secured) -> AsyncIterator[None]:
    """Serve ``app`` for as long as the context lasts; raises OSError when the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, http.host, http.port).start()
        await web.TCPSite(runner, nodes.at.host, nodes.at.port, ssl_context=nodes.context).start()
        await web.UnixSite(runner, str(socket)).start()
        os.chmod(socket, 0o600)  # noqa: PTH101 - it does not wait
        yield
    finally:
        await runner.cleanup()
