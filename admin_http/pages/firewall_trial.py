"""The plan of a firewall's draft, and its minute of trial."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin_http import firewall_words
from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import done, form, page, visitor
from admin_http.sessions import Strip
from admin_http.visitor_address import own_session
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall import differences
from asterisk_ext.services.firewall_plan import Who


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    digest: str = ""
    acknowledged: int = 0
    force: str = ""


async def plan(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_FIREWALL)
    return await _plan(request, actor)


async def _plan(request: web.Request, actor: Actor, refusal: Refusal | None = None) -> web.Response:
    services, name = request.app[SERVICES], request.match_info["name"]
    view = await services.firewall.plan(actor, name, own_session(request))
    return page(
        request,
        "firewall_plan.html",
        refusal=refusal,
        server=name,
        view=view,
        Who=Who,
        said=firewall_words,
        names={pbx.id: pbx.name for pbx in services.fleet.tenants()},
        visitor_address=request.remote,
    )


async def apply(request: web.Request) -> web.StreamResponse:
    actor, _ = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    try:
        sent = await form(request, Apply)
        await services.firewall.apply(
            actor,
            name,
            sent.digest,
            acknowledged=sent.acknowledged,
            session=own_session(request),
            force=bool(sent.force),
        )
    except Refusal as refusal:
        return await _plan(request, actor, refusal)
    raise web.HTTPSeeOther(f"/servers/{name}/firewall/trial")


async def trial(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    return await _trial(request, actor)


async def _trial(request: web.Request, actor: Actor, refusal: Refusal | None = None) -> web.Response:
    services, name = request.app[SERVICES], request.match_info["name"]
    table = await services.firewall.table(actor, name)
    pending = table.state.pending if table.state else None
    if pending is None and refusal is None:
        raise web.HTTPSeeOther(f"/servers/{name}/firewall")
    row = services.servers.row(actor, name)
    return page(
        request,
        "firewall_trial.html",
        refusal=refusal,
        server=name,
        row=row,
        pending=pending,
        changes=differences(table.in_force, pending.firewall.rules) if pending else [],
        said=firewall_words,
    )


async def confirm(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    try:
        sent = await form(request, Apply)
        await services.firewall.confirm(actor, name, sent.digest)
    except Refusal as refusal:
        return await _trial(request, actor, refusal)
    strip = Strip(said=N_("**New rules of {server} stay** since {time}"), params={"server": name}, at=services.clock())
    raise done(session, strip, f"/servers/{name}/firewall")


async def roll_back(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    try:
        await services.firewall.roll_back(actor, name)
    except Refusal as refusal:
        return await _trial(request, actor, refusal)
    strip = Strip(
        said=N_("**{server} is back at the rules before** since {time}; the draft is kept"),
        params={"server": name},
        at=services.clock(),
    )
    raise done(session, strip, f"/servers/{name}/firewall")
