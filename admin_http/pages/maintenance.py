"""Maintenance: say what will happen, do it, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import done, form, page, visitor
from admin_http.pages.servers import STATES, table
from admin_http.sessions import Strip
from admin_http.truth import answers
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance_preview import Preview
from asterisk_ext.domain.server import State
from asterisk_ext.services.servers import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter:
    destination: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server that could serve them, with what entering would do, or why it cannot."""

    row: Row
    preview: Preview | None
    refusal: Refusal | None


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.MAINTENANCE)
    return _page(request, actor, request.query.get("destination", ""), "")


def _page(request: web.Request, actor: Actor, wanted: str, reason: str, refusal: Refusal | None = None) -> web.Response:
    services = request.app[SERVICES]
    source = services.servers.row(actor, request.match_info["name"])
    if source.state is State.MAINTENANCE:
        destination = services.servers.row(actor, source.destination)
        entry = services.fleet.maintenance().entries[source.server.name]
        return page(
            request,
            "maintenance_on.html",
            refusal=refusal,
            source=source,
            destination=destination,
            entry=entry,
            moved=source.home,
            answers=answers,
        )
    candidates = [
        _candidate(request, actor, source, row)
        for row in services.servers.table(actor)
        if row.server.name != source.server.name and row.server.technology.hosts
    ]
    able = {candidate.row.server.name: candidate for candidate in candidates if candidate.preview is not None}
    chosen = able.get(wanted) or next(iter(able.values()), None)
    return page(
        request,
        "maintenance.html",
        refusal=refusal,
        source=source,
        candidates=candidates,
        chosen=chosen,
        reason=reason,
        states=STATES,
        State=State,
        answers=answers,
    )


def _candidate(request: web.Request, actor: Actor, source: Row, row: Row) -> Candidate:
    try:
        preview = request.app[SERVICES].maintenance.preview(actor, source.server.name, row.server.name)
    except Refusal as refusal:
        return Candidate(row=row, preview=None, refusal=refusal)
    return Candidate(row=row, preview=preview, refusal=None)


async def enter(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    sent = await form(request, Enter)
    try:
        moved = services.maintenance.preview(actor, name, sent.destination).tenants
        await services.maintenance.enter(actor, name, sent.destination, sent.reason)
    except Refusal as refusal:
        return _page(request, actor, sent.destination, sent.reason, refusal)
    strip = Strip(
        said=N_("**{server} in maintenance** since {time} · {destination} serves its {count} PBX"),
        params={"server": name, "destination": sent.destination, "count": moved},
        at=services.clock(),
        undo=N_("Bring them back"),
        action=f"/servers/{name}/maintenance/leave",
    )
    raise done(session, strip, f"/servers/{name}/maintenance")


async def leave(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    row = services.servers.row(actor, name)
    try:
        await services.maintenance.leave(actor, name)
    except Refusal as refusal:
        return table(request, actor, refusal)
    entry = Strip(
        said=N_("**{server} out of maintenance** since {time} · its {count} PBX are at home again"),
        params={"server": name, "count": row.home},
        at=services.clock(),
        undo=N_("Into maintenance again"),
        action=f"/servers/{name}/maintenance/enter",
        fields={"destination": row.destination},
    )
    raise done(session, entry, "/servers")
