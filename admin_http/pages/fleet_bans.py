"""Bans of the whole fleet: who is never blocked, who has heard of what was lifted, whose word counts no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import done, form, page, typed, visitor
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports import Fleet
from asterisk_ext.services import consoles

T = TypeVar("T")

HERE = "/bans/fleet"
LISTED = N_("**{network} is never blocked** by any server since {time}")
TAKEN_OFF = N_("**{network} can be blocked again** since {time}")
WITHDRAWN = N_("**What {server} told until {time} counts no more** on the other servers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    network: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    server: str


async def show(request: web.Request) -> web.Response:
    return _page(request, visitor(request)[0])


def _page(
    request: web.Request, actor: Actor, refusal: Refusal | None = None, values: dict[str, str] | None = None
) -> web.Response:
    services = request.app[SERVICES]
    fleet = services.fleet
    return page(
        request,
        "fleet_bans.html",
        refusal=refusal,
        values=values or {},
        never=services.fleet_bans.never(actor),
        lifts=services.fleet_bans.lifts(actor),
        told=held_back(fleet),
        consoles=consoles.of(fleet),
        only_looks=not consoles.may(fleet, services.node),
    )


def held_back(fleet: Fleet) -> dict[str, int]:
    """Each server that has reported, and how many of its bans the others hold back since it tells too many. Pure."""
    reports = fleet.reports()
    held = Counter[str]()
    for report in reports.values():
        held.update(report.held_of)
    return {server.name: held[server.name] for server in fleet.servers() if server.name in reports}


async def never_ban(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]

    async def act(actor: Actor, sent: Network) -> Strip:
        made = await services.fleet_bans.never_ban(actor, sent.network, sent.note)
        return Strip(
            said=LISTED,
            params={"network": made.network},
            at=services.clock(),
            undo=N_("Take it off the list"),
            action=f"{HERE}/again",
            fields={"network": made.network},
        )

    return await _acted(request, Network, act)


async def ban_again(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]

    async def act(actor: Actor, sent: Network) -> Strip:
        await services.fleet_bans.ban_again(actor, sent.network)
        return Strip(
            said=TAKEN_OFF,
            params={"network": sent.network},
            at=services.clock(),
            undo=N_("Put it back"),
            action=f"{HERE}/never",
            fields={"network": sent.network, "note": sent.note},
        )

    return await _acted(request, Network, act)


async def withdraw(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]

    async def act(actor: Actor, sent: Whose) -> Strip:
        await services.fleet_bans.withdraw(actor, sent.server)
        return Strip(said=WITHDRAWN, params={"server": sent.server}, at=services.clock())

    return await _acted(request, Whose, act)


async def _acted(
    request: web.Request, kind: type[T], act: Callable[[Actor, T], Awaitable[Strip]]
) -> web.StreamResponse:
    actor, session = visitor(request)
    try:
        strip = await act(actor, await form(request, kind))
    except Refusal as refusal:
        return _page(request, actor, refusal, await typed(request))
    raise done(session, strip, HERE)
