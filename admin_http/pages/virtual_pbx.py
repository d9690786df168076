"""Virtual PBXs: the table, and one with its status."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from aiohttp import web

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.acts import RETURN
from admin_http.pages.frame import done, form, page, visitor
from admin_http.problems import INVALID
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Status
from asterisk_ext.services.audit import Entry
from asterisk_ext.services.virtual_pbx import Row

SAID = {
    Status.ACTIVE: N_("**{pbx} active** since {time}"),
    Status.PARTIAL_BLOCK: N_("**{pbx} under partial block** since {time}"),
    Status.TOTAL_BLOCK: N_("**{pbx} under total block** since {time}"),
}
REASONS = (N_("Unpaid bill"), N_("At the customer's request"), N_("Suspected fraud"), N_("Contract ended"))
PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStatus:
    status: Status
    reason: str = ""
    note: str = ""


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    query = {name: request.query.get(name, "") for name in ("text", "status", "server")}
    services = request.app[SERVICES]
    status = Status(query["status"]) if query["status"] in list(Status) else None
    everything = services.virtual_pbxs.table(actor)
    rows = services.virtual_pbxs.table(actor, query["text"], status)
    found = [row for row in rows if query["server"] in ("", row.server)]
    first = _first(request.query.get("first", ""), len(found))
    return page(
        request,
        "pbx_list.html",
        rows=found[first : first + PAGE],
        first=first,
        found=len(found),
        step=PAGE,
        total=len(everything),
        blocked=sum(row.pbx.status is not Status.ACTIVE for row in everything),
        servers=sorted({row.server for row in everything}),
        query=query,
        filtered=any(query.values()),
        Status=Status,
    )


def _first(text: str, found: int) -> int:
    first = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
    return first if first < found else 0


async def one(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    row = request.app[SERVICES].virtual_pbxs.one(actor, number(request))
    chosen = request.query.get("status", "")
    return _page(request, actor, row, Status(chosen) if chosen in list(Status) else _likely(row.pbx.status))


def _likely(status: Status) -> Status:
    """What one most likely wants of a virtual PBX with this status."""
    return Status.PARTIAL_BLOCK if status is Status.ACTIVE else Status.ACTIVE


def _page(
    request: web.Request, actor: Actor, row: Row, chosen: Status, note: str = "", refusal: Refusal | None = None
) -> web.Response:
    services = request.app[SERVICES]
    pbx = row.pbx
    calls = services.live_calls.here(actor)
    report = services.fleet.reports().get(row.server)
    return page(
        request,
        "pbx.html",
        refusal=refusal,
        row=row,
        pbx=pbx,
        chosen=chosen,
        note=note,
        reasons=REASONS,
        returns=RETURN,
        Status=Status,
        calls=sum(call["pbx"] == str(pbx.id) for call in calls.calls) if row.server == services.node else None,
        report=report,
        emergency=ranges(pbx.emergency_numbers),
        history=_history(request, actor, pbx.id),
    )


def _history(request: web.Request, actor: Actor, pbx: int) -> list[Entry]:
    """The last changes of status, where the actor may see the journal."""
    try:
        entries = request.app[SERVICES].audit.latest(actor, 500)
    except Refusal:
        return []
    return [
        entry for entry in entries if entry.act is Act.CHANGE_PBX and entry.thing == str(pbx) and "after" in entry.facts
    ][:5]


async def set_status(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    require(actor, Act.CHANGE_PBX)
    services = request.app[SERVICES]
    row = services.virtual_pbxs.one(actor, number(request))
    sent = await form(request, NewStatus)
    reason = ": ".join(text for text in (sent.reason, sent.note) if text)
    try:
        await services.virtual_pbxs.set_status(actor, row.pbx.id, sent.status, reason)
    except Refusal as refusal:
        return _page(request, actor, row, sent.status, sent.note, refusal)
    strip = Strip(
        said=SAID[sent.status],
        params={"pbx": row.pbx.name},
        at=services.clock(),
        undo=RETURN[row.pbx.status] if row.pbx.status is not sent.status else "",
        action=f"/pbx/{row.pbx.id}/status",
        fields={"status": str(row.pbx.status), "reason": row.pbx.reason},
    )
    raise done(session, strip, f"/pbx/{row.pbx.id}")


def number(request: web.Request) -> int:
    text = request.match_info["pbx"]
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise INVALID.refuse(reason=text)
    return int(text)


def ranges(numbers: tuple[str, ...]) -> str:
    """``190–194, 197–199, 180``: neighbours of three or more joined, in the order of Brazil's table."""
    plain = sorted({int(text) for text in numbers if text.isdecimal()})
    parts = []
    for _, group in groupby(enumerate(plain), key=lambda pair: pair[1] - pair[0]):
        run = [value for _, value in group]
        parts += [f"{run[0]}–{run[-1]}"] if len(run) > 2 else [str(value) for value in run]
    return ", ".join(parts)
