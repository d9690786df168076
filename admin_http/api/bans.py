"""Blocked IPs over the API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from aiohttp import web

from admin_http.api.route import Route
from admin_http.event_stream import serve
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.ports.guard import Banned, GuardEvent, Spared
from asterisk_ext.services.bans import NOT_AN_ADDRESS, NOT_LIFTED, Lifted


class NewBan(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    address: str
    reason: str = ""


async def table(services: Services, actor: Actor) -> list[Banned]:
    return list((await services.bans.table(actor)).bans)


async def silent(services: Services, actor: Actor) -> list[str]:
    return list((await services.bans.table(actor)).silent)


async def add(services: Services, actor: Actor, body: NewBan) -> Banned:
    return await services.bans.ban(actor, body.address, body.reason)


async def lift(services: Services, actor: Actor, address: str) -> Lifted:
    return await services.bans.lift(actor, address)


async def spared(services: Services, actor: Actor) -> list[Spared]:
    return list(await services.bans.spared(actor))


async def stream(services: Services, actor: Actor, request: web.Request) -> GuardEvent:
    require(actor, Act.SEE_BANS)
    return await serve(request, events(services, actor))  # type: ignore[return-value]


async def events(services: Services, actor: Actor) -> AsyncGenerator[tuple[str, bytes]]:
    """Name and data of each event."""
    async with aclosing(services.bans.watch(actor)) as told:
        async for event in told:
            yield event.event, msgspec.json.encode(event)


async def metrics(services: Services, actor: Actor) -> str:
    text = await services.bans.metrics(actor)
    return web.Response(body=text.encode(), headers={"Content-Type": METRICS})  # type: ignore[return-value]


METRICS = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""
ROUTES = (
    Route(method="GET", path="/bans", handle=table, summary="Blocked addresses, the newest first", act=Act.SEE_BANS),
    Route(
        method="GET",
        path="/bans/silent",
        handle=silent,
        summary="The servers that do not answer, whose bans are not in GET /bans",
        act=Act.SEE_BANS,
    ),
    Route(
        method="GET",
        path="/bans/spared",
        handle=spared,
        summary="Addresses that are slowed down, or whose ban was held back, with the accounts that failed",
        act=Act.SEE_BANS,
    ),
    Route(
        method="GET",
        path="/bans/stream",
        handle=stream,
        summary="Server-sent events of this server: banned, slowed, held, lifted, suspended, resumed, repaired",
        act=Act.SEE_BANS,
        events=True,
    ),
    Route(
        method="GET",
        path="/metrics",
        handle=metrics,
        summary="This server's guard for Prometheus: counts only, no address and no account",
        act=Act.SEE_BANS,
        media="text/plain",
    ),
    Route(
        method="POST",
        path="/bans",
        handle=add,
        summary="Block an address",
        act=Act.BAN,
        status=201,
        problems=(NOT_AN_ADDRESS,),
    ),
    Route(
        method="POST",
        path="/bans/{address}/lift",
        handle=lift,
        summary="Lift a ban early on every server; tells which confirmed and which did not answer",
        act=Act.LIFT_BAN,
        problems=(NOT_AN_ADDRESS, NOT_LIFTED),
    ),
)
