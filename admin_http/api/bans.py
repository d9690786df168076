"""Blocked IPs over the API."""

from __future__ import annotations

import msgspec

from admin_http.api.route import Route
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.ports import Banned
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
