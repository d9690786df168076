"""Which server keeps the registry, asked and told between nodes: a promoted one says so, and one that returns asks."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec
from aiohttp import web

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import Server
from asterisk_ext.services.joining import address_of

PREFIX = "/seat/v1"
PATIENCE = aiohttp.ClientTimeout(total=2)


class Seat(msgspec.Struct, frozen=True):
    keeper: str
    epoch: int
    id: str
    since: int = 0
    """Revision of the former registry up to which the promoted one knew it."""


def application(
    seat: Callable[[], Seat | None], heed: Callable[[str, Seat], Awaitable[None]], peer_of: Callable[[web.Request], str]
) -> web.Application:
    """The sub-application to mount at ``/seat/v1``, for nodes alone; ``heed`` refuses who may not say so."""

    async def tell(request: web.Request) -> web.Response:
        known = seat() if peer_of(request) else None
        return _answer(known, 200) if known else web.Response(status=404)

    async def hear(request: web.Request) -> web.Response:
        name = peer_of(request)
        if not name:
            return web.Response(status=401)
        try:
            await heed(name, msgspec.json.decode(await request.read(), type=Seat))
        except msgspec.DecodeError:
            return web.Response(status=400)
        except Refusal as refusal:
            return web.json_response({"error_id": refusal.error_id}, status=refusal.problem.status)
        return web.Response(status=204)

    app = web.Application(client_max_size=64 * 1024)
    app.add_routes([web.get("/seat", tell), web.post("/seat", hear)])
    return app


async def asked(server: Server, context: ssl.SSLContext) -> Seat | None:
    """What ``server`` knows; None where it does not answer."""
    answer = await _ask("GET", server, context, b"")
    try:
        return msgspec.json.decode(answer, type=Seat) if answer else None
    except msgspec.DecodeError:
        return None


async def told(server: Server, context: ssl.SSLContext, seat: Seat) -> bool:
    """Whether ``server`` follows from now on."""
    return await _ask("POST", server, context, msgspec.json.encode(seat)) is not None


async def _ask(method: str, server: Server, context: ssl.SSLContext, data: bytes) -> bytes | None:
    url = f"{address_of(server)}{PREFIX}/seat"
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.request(method, url, data=data, ssl=context, server_hostname=server.name) as response,
        ):
            return await response.read() if response.status < 300 else None
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None


def _answer(seat: Seat, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(seat), status=status, content_type="application/json")
