"""Calls in progress over the API: the table, a stream of differences, hanging up."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from admin_http.api.route import Route
from admin_http.event_stream import serve
from admin_http.privacy import calls_for, difference_for
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.call_rows import Row as Call
from asterisk_ext.services.live_calls import Changed, Ended, Snapshot


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Data of a server-sent event: ``snapshot`` fills ``calls`` and ``sure``, ``call`` the call, ``gone`` the id."""

    calls: list[Call] | None = None
    sure: bool | None = None
    call: Call | None = None
    linkedid: str | None = None


async def table(services: Services, actor: Actor) -> list[Call]:
    may_look(actor)
    return calls_for(actor, services.live_calls.table(actor).calls)


async def stream(services: Services, actor: Actor, request: web.Request) -> Event:
    may_look(actor)
    return await serve(request, events(services, actor))  # type: ignore[return-value]


async def events(services: Services, actor: Actor) -> AsyncIterator[tuple[str, bytes]]:
    """Name and data of each event."""
    encode = msgspec.json.encode
    async for difference in services.live_calls.watch(actor):
        match difference_for(actor, difference):
            case Snapshot(calls=calls, sure=sure):
                yield "snapshot", encode(Event(calls=list(calls), sure=sure))
            case Changed(call):
                yield "call", encode(Event(call=call))
            case Ended(linkedid):
                yield "gone", encode(Event(linkedid=linkedid))


async def hang_up(services: Services, actor: Actor, linkedid: str) -> None:
    require(actor, Act.HANG_UP)
    await services.live_calls.hang_up(actor, linkedid)


def may_look(actor: Actor) -> None:
    """A token of one virtual PBX sees that one's calls; which those are, the service decides."""
    require(actor, Act.SEE_CALLS, actor.pbx)


ROUTES = (
    Route(method="GET", path="/calls", handle=table, summary="The calls in progress, newest first", act=Act.SEE_CALLS),
    Route(
        method="GET",
        path="/calls/stream",
        handle=stream,
        summary="Server-sent events: a snapshot, then every difference",
        act=Act.SEE_CALLS,
        events=True,
    ),
    Route(
        method="POST",
        path="/calls/{linkedid}/hangup",
        handle=hang_up,
        summary="End every leg of a call; emergency calls are refused",
        act=Act.HANG_UP,
    ),
)
