"""The overview: what needs a person, the fleet in numbers, the last acts."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin_http.keys import SERVICES, WORDS
from admin_http.pages.acts import told
from admin_http.pages.frame import page, render, visitor
from admin_http.truth import answers, truth
from asterisk_ext.domain.access import Act, Actor, allows, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Status
from asterisk_ext.domain.server import State
from asterisk_ext.services.servers import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Numbers of the servers that answer; ``unknown`` names those that do not and so are not in them."""

    calls: int
    tenants: int
    out_of_touch: int
    """Virtual PBXs that a silent server should serve."""
    registered: int
    partial: int
    total: int
    bans: int | None
    """None while no guard answers."""
    unheard: tuple[str, ...]
    """Servers whose bans are not in it."""
    unknown: tuple[str, ...]


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.SEE_FLEET)
    services = request.app[SERVICES]
    line = truth(services, actor)
    entries = services.audit.latest(actor, 5) if allows(actor, Act.SEE_AUDIT) else []
    names = {pbx.id: pbx.name for pbx in services.fleet.tenants()}
    return page(
        request,
        "overview.html",
        counters=await count(request, actor, line.rows),
        servers=line.rows,
        answers=answers,
        moves=[row for row in line.rows if row.state is State.MAINTENANCE],
        awaited=[row for row in line.rows if row.state is State.AWAITING],
        acts=[told(entry, actor, services.fleet, names, request[WORDS]) for entry in entries],
        State=State,
    )


async def line(request: web.Request) -> web.Response:
    """The line of truth alone, for pages that stay open."""
    visitor(request)
    return web.Response(text=render(request, "truth.html"), content_type="text/html")


async def count(request: web.Request, actor: Actor, rows: tuple[Row, ...]) -> Counters:
    services = request.app[SERVICES]
    tenants = services.fleet.tenants()
    reports = [row.report for row in rows if row.report is not None and answers(row)]
    silent = [row for row in rows if row.state is not State.AWAITING and not answers(row)]
    try:
        table = await services.bans.table(actor)
        bans, unheard = len(table.bans), tuple(table.silent)
    except Refusal:
        bans, unheard = None, ()
    return Counters(
        calls=sum(report.calls for report in reports),
        tenants=len(tenants),
        out_of_touch=sum(row.served for row in silent),
        registered=sum(report.registered for report in reports),
        partial=sum(pbx.status is Status.PARTIAL_BLOCK for pbx in tenants),
        total=sum(pbx.status is Status.TOTAL_BLOCK for pbx in tenants),
        bans=bans,
        unheard=unheard,
        unknown=tuple(row.server.name for row in silent),
    )
