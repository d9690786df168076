"""Blocked calls over the API. A node that asks for the fleet gets this server's alone."""

from __future__ import annotations

from typing import Annotated

import msgspec

from admin_http.api.route import Route
from admin_http.privacy import blocked_call_for
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.gate import Audio, BlockedCall, Direction


class BlockedFilter(msgspec.Struct, kw_only=True):
    pbx: int | None = None
    before: float = 1e12
    """Epoch seconds: the page of calls before that time."""
    count: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 100


class BlockedView(msgspec.Struct, kw_only=True):
    at: float
    """Epoch seconds."""
    pbx: int
    channel: str
    caller: str
    number: str
    """What was called."""
    direction: Direction
    audio: Audio
    file: str
    recording: str
    """Name of the audio in the library; empty for one that ships with the product."""
    heard: float
    """Seconds."""
    server: str


class Erased(msgspec.Struct, kw_only=True):
    calls: int


async def table(services: Services, actor: Actor, query: BlockedFilter) -> list[BlockedView]:
    found = await services.blocked_calls.table(actor, _wanted(actor, query))
    return [
        msgspec.convert({**_facts(blocked_call_for(actor, blocked.call)), "server": blocked.server}, BlockedView)
        for blocked in found.calls
    ]


async def counts(services: Services, actor: Actor, query: BlockedFilter) -> list[BlockedCount]:
    wanted = _wanted(actor, query)
    if actor.peer:
        return await services.blocked_calls.counts_here(actor, wanted.pbx)
    return list((await services.blocked_calls.table(actor, wanted)).counts)


async def silent(services: Services, actor: Actor) -> list[str]:
    return list((await services.blocked_calls.table(actor, Wanted(count=0))).silent)


async def erase(services: Services, actor: Actor, pbx: int) -> Erased:
    return Erased(calls=await services.blocked_calls.forget(actor, pbx))


def _wanted(actor: Actor, query: BlockedFilter) -> Wanted:
    """A token of one virtual PBX asks for that one unless it says otherwise, which is refused."""
    pbx = actor.pbx if query.pbx is None else query.pbx
    return Wanted(pbx=pbx, before=query.before, count=query.count)


def _facts(call: BlockedCall) -> dict[str, object]:
    return {name: getattr(call, name) for name in call.__slots__}


ROUTES = (
    Route(
        method="GET",
        path="/blocked-calls",
        handle=table,
        summary="Calls that met a block, the newest first",
        act=Act.SEE_CALLS,
    ),
    Route(
        method="GET",
        path="/blocked-calls/counts",
        handle=counts,
        summary="How many by day, virtual PBX and audio",
        act=Act.SEE_CALLS,
    ),
    Route(
        method="GET",
        path="/blocked-calls/silent",
        handle=silent,
        summary="The servers that do not answer, whose blocked calls are not in GET /blocked-calls",
        act=Act.SEE_CALLS,
    ),
    Route(
        method="DELETE",
        path="/blocked-calls/{pbx}",
        handle=erase,
        summary="Erase this server's list of one virtual PBX; the counts stay",
        act=Act.MANAGE_USERS,
    ),
)
