"""Maintenance: say what will happen, do it, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from aiohttp import web

from admin_http.i18n import N_, epoch
from admin_http.keys import SERVICES, WORDS
from admin_http.pages.frame import done, form, page, said, visitor
from admin_http.pages.servers import STATES, table
from admin_http.sessions import Strip
from admin_http.truth import answers
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.call_rows import epoch_of
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import ALREADY, CYCLE, DEAD_END, NOT_IN, SAME_SERVER
from asterisk_ext.domain.maintenance_plan import Heading, Plan, Step
from asterisk_ext.domain.maintenance_preview import Preview
from asterisk_ext.domain.maintenance_steps import HOST_SILENT, NOT_PREPARED, OTHERWISE, UNDONE
from asterisk_ext.domain.server import State
from asterisk_ext.services.maintenance import BAD_TIME
from asterisk_ext.services.maintenance_plans import plan_of
from asterisk_ext.services.servers import Row

STEPS = {
    Step.PREPARE: N_("{host} has taken them in beforehand"),
    Step.FLIP: N_("Pointer changed in the registry"),
    Step.SERVE: N_("{host} serves them"),
    Step.DNS: N_("DNS leads to {host}"),
    Step.DRAIN: N_("Drain {source}"),
    Step.DONE: N_("Safe to switch off"),
}


GIVEN_UP_BY = (HOST_SILENT, NOT_PREPARED, OTHERWISE, UNDONE, SAME_SERVER, ALREADY, NOT_IN, CYCLE, DEAD_END)
"""Why a plan can have been given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter:
    destination: str = ""
    reason: str = ""
    hang_up: bool = False
    starts: str = ""
    """``2026-11-29T02:00``, in the console's time zone; empty: at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server that could serve them, with what entering would do, or why it cannot."""

    row: Row
    preview: Preview | None
    refusal: Refusal | None


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.MAINTENANCE)
    return await _page(request, actor, request.query.get("destination", ""), "")


async def _page(
    request: web.Request, actor: Actor, wanted: str, reason: str, refusal: Refusal | None = None
) -> web.Response:
    services = request.app[SERVICES]
    source = services.servers.row(actor, request.match_info["name"])
    plan = plan_of(services.fleet, source.server.name)
    if source.state is State.MAINTENANCE or (plan and not plan.closed and plan.heading is Heading.AWAY):
        return await _under_way(request, actor, source, refusal)
    candidates = [
        _candidate(request, actor, source, row)
        for row in services.servers.table(actor)
        if row.server.name != source.server.name and row.server.technology.hosts
    ]
    failed = why_failed(plan) if plan is not None else None
    able = {candidate.row.server.name: candidate for candidate in candidates if candidate.preview is not None}
    chosen = able.get(wanted) or next(iter(able.values()), None)
    uncovered = None
    if chosen is not None:
        uncovered = await services.maintenance.certificates(actor, source.server.name, chosen.row.server.name)
    return page(
        request,
        "maintenance.html",
        refusal=refusal,
        failed=said(failed, request[WORDS]),
        uncovered=uncovered,
        source=source,
        candidates=candidates,
        chosen=chosen,
        reason=reason,
        states=STATES,
        State=State,
        answers=answers,
        zone=str(services.zone),
    )


def why_failed(plan: Plan) -> Refusal | None:
    """The refusal by which a plan was given up."""
    found = [problem for problem in GIVEN_UP_BY if problem.error_id == plan.failed]
    return found[0].refuse(**plan.facts) if found else None


async def _under_way(request: web.Request, actor: Actor, source: Row, refusal: Refusal | None) -> web.Response:
    services, name = request.app[SERVICES], source.server.name
    status = services.maintenance.status(actor, name)
    entry = services.fleet.maintenance().entries.get(name)
    calls = [call for call in (await services.live_calls.table(actor)).calls if call["server"] == name]
    return page(
        request,
        "maintenance_on.html",
        refusal=refusal,
        source=source,
        destination=services.servers.row(actor, source.destination or status.plan.destination),
        going=status,
        failed=said(why_failed(status.plan), request[WORDS]),
        since=epoch(entry.since) if entry else status.plan.at,
        moved=source.home,
        answers=answers,
        steps=list(Step),
        labels=STEPS,
        calls=sorted(calls, key=lambda call: call["started"]),
        began=epoch_of,
        waits=status.plan.waits(services.clock()),
        pbx_names={str(pbx.id): pbx.name for pbx in services.fleet.tenants()},
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
        starts = _epoch(sent.starts, services.zone, name)
        came = await services.maintenance.enter(actor, name, sent.destination, sent.reason, sent.hang_up, starts)
    except Refusal as refusal:
        return await _page(request, actor, sent.destination, sent.reason, refusal)
    strip = Strip(
        said=N_("**{server} goes into maintenance** later: its {count} PBX pass to {destination} then")
        if starts
        else N_("**{server} in maintenance** since {time} · {destination} serves its {count} PBX")
        if came.flipped
        else N_("{destination} is taking the {count} PBX of **{server}** in since {time}"),
        params={"server": name, "destination": sent.destination, "count": moved},
        at=services.clock(),
        undo=N_("Bring them back"),
        action=f"/servers/{name}/maintenance/leave",
    )
    raise done(session, strip, f"/servers/{name}/maintenance")


def _epoch(starts: str, zone: tzinfo, source: str) -> float:
    """Epoch seconds; 0 for an empty field. Refuses ``maintenance.bad_time``."""
    try:
        return datetime.fromisoformat(starts).replace(tzinfo=zone).timestamp() if starts else 0.0
    except ValueError:
        raise BAD_TIME.refuse(field="starts", source=source) from None


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
