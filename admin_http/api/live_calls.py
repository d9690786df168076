"""Calls in progress over the API: the table, a stream of differences, hanging up."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from aiohttp import web

from admin_http.api.route import Route
from admin_http.event_stream import serve
from admin_http.privacy import detail_for, difference_for, snapshot_for
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.call_media import NO_STATISTICS, Detail
from asterisk_ext.domain.call_news import Changed, Ended, Silent, Snapshot
from asterisk_ext.domain.call_rows import Row as Call
from asterisk_ext.domain.last_hour import Minute
from asterisk_ext.ports import SILENT
from asterisk_ext.services.live_calls import EMERGENCY, UNKNOWN


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Data of a server-sent event.

    ``snapshot`` fills ``calls``, ``sure``, ``late`` (the servers whose Asterisk tells of its calls some seconds after
    they have happened) and ``silent`` (the servers that do not answer, with the calls last known of them, which are not
    among ``calls``); it comes again whenever a server falls silent or late, and when it no longer is. ``call`` fills
    the call, ``gone`` the id and the server. A call is told from others by server and linkedid together.
    """

    calls: list[Call] | None = None
    sure: bool | None = None
    call: Call | None = None
    linkedid: str | None = None
    server: str = ""
    silent: list[Silent] = []
    late: list[str] = []


async def table(services: Services, actor: Actor) -> list[Call]:
    may_look(actor)
    return list(snapshot_for(actor, await services.live_calls.table(actor)).calls)


async def silent(services: Services, actor: Actor) -> list[Silent]:
    may_look(actor)
    return list(snapshot_for(actor, await services.live_calls.table(actor)).silent)


async def last_hour(services: Services, actor: Actor) -> list[Minute]:
    return services.call_history.last_hour(actor)


class Where(msgspec.Struct, kw_only=True):
    """``server``: where the call is; needed only where two servers use the same linkedid."""

    server: str = ""


async def stream(services: Services, actor: Actor, request: web.Request) -> Event:
    may_look(actor)
    return await serve(request, events(services, actor))  # type: ignore[return-value]


async def events(services: Services, actor: Actor) -> AsyncGenerator[tuple[str, bytes]]:
    """Name and data of each event."""
    encode = msgspec.json.encode
    async with aclosing(services.live_calls.watch(actor)) as differences:
        async for difference in differences:
            match difference_for(actor, difference):
                case Snapshot(calls=calls, sure=sure, silent=silent, late=late):
                    told = Event(calls=list(calls), sure=sure, silent=list(silent), late=list(late))
                    yield "snapshot", encode(told)
                case Changed(call):
                    yield "call", encode(Event(call=call))
                case Ended(linkedid, server):
                    yield "gone", encode(Event(linkedid=linkedid, server=server))


async def detail(services: Services, actor: Actor, linkedid: str, query: Where) -> Detail:
    may_look(actor)
    return detail_for(actor, await services.live_calls.detail(actor, linkedid, query.server))


async def hang_up(services: Services, actor: Actor, linkedid: str, query: Where) -> None:
    require(actor, Act.HANG_UP)
    await services.live_calls.hang_up(actor, linkedid, query.server)


def may_look(actor: Actor) -> None:
    """A token of one virtual PBX sees that one's calls; which those are, the service decides."""
    require(actor, Act.SEE_CALLS, actor.pbx)


ROUTES = (
    Route(
        method="GET",
        path="/calls",
        handle=table,
        summary="The calls in progress on every answering server",
        act=Act.SEE_CALLS,
    ),
    Route(
        method="GET",
        path="/calls/silent",
        handle=silent,
        summary="The servers that do not answer, with the calls last known of each; none of them is in GET /calls",
        act=Act.SEE_CALLS,
    ),
    Route(
        method="GET",
        path="/calls/stream",
        handle=stream,
        summary="Server-sent events: a snapshot, then every difference",
        act=Act.SEE_CALLS,
        events=True,
    ),
    Route(
        method="GET",
        path="/calls/last-hour",
        handle=last_hour,
        summary="The most calls at once of the whole fleet in each minute of the last hour",
        act=Act.SEE_CALLS,
    ),
    Route(
        method="GET",
        path="/calls/{linkedid}",
        handle=detail,
        summary="One call with the RTP statistics of each living leg; null is what Asterisk has no figure of",
        act=Act.SEE_CALLS,
        problems=(UNKNOWN, NO_STATISTICS, SILENT),
    ),
    Route(
        method="POST",
        path="/calls/{linkedid}/hangup",
        handle=hang_up,
        summary="End every leg of a call; emergency calls are refused",
        act=Act.HANG_UP,
        problems=(UNKNOWN, EMERGENCY, SILENT),
    ),
)
