"""The whole fleet's bans over the API: who is never banned, who has heard of a lift, whose word counts no more."""

from __future__ import annotations

import msgspec

from admin_http.api.route import Route
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.node_rights import NOT_A_CONSOLE
from asterisk_ext.domain.server import UNKNOWN
from asterisk_ext.ports import CONFLICT, UNREACHABLE
from asterisk_ext.services.fleet_bans import NO_NETWORK, NOT_LISTED, Lifted, Never


class Network(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    network: str
    note: str = ""


async def never(services: Services, actor: Actor) -> list[Never]:
    return services.fleet_bans.never(actor)


async def never_ban(services: Services, actor: Actor, body: Network) -> Never:
    return await services.fleet_bans.never_ban(actor, body.network, body.note)


async def ban_again(services: Services, actor: Actor, body: Network) -> None:
    await services.fleet_bans.ban_again(actor, body.network)


async def lifts(services: Services, actor: Actor) -> list[Lifted]:
    return services.fleet_bans.lifts(actor)


async def withdraw(services: Services, actor: Actor, name: str) -> None:
    await services.fleet_bans.withdraw(actor, name)


WRITES = (CONFLICT, UNREACHABLE, NOT_A_CONSOLE)
ROUTES = (
    Route(method="GET", path="/bans/never", handle=never, summary="Whom no server of the fleet bans", act=Act.SEE_BANS),
    Route(
        method="POST",
        path="/bans/never",
        handle=never_ban,
        summary="Have no server of the fleet ban an address or network",
        act=Act.NEVER_BAN,
        status=201,
        problems=(NO_NETWORK, *WRITES),
    ),
    Route(
        method="POST",
        path="/bans/never/remove",
        handle=ban_again,
        summary="Take an address or network off the fleet's never-ban list",
        act=Act.NEVER_BAN,
        status=204,
        problems=(NO_NETWORK, NOT_LISTED, *WRITES),
    ),
    Route(
        method="GET",
        path="/bans/lifts",
        handle=lifts,
        summary="What was lifted everywhere, the newest first, with the servers that have carried it out",
        act=Act.SEE_BANS,
    ),
    Route(
        method="POST",
        path="/servers/{name}/withdraw-bans",
        handle=withdraw,
        summary="Have what a server has told of bans until now count no more on the others",
        act=Act.NEVER_BAN,
        status=204,
        problems=(UNKNOWN, *WRITES),
    ),
)
