"""A virtual PBX itself: adding one, changing its fields, removing it."""

from __future__ import annotations

from dataclasses import asdict, replace

from aiohttp import web

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import done, page, typed, visitor
from admin_http.pages.pbx_fields import FIRST_TRUNK, RECORD, Field, beside_its_field, converted, sent, shown
from admin_http.pages.virtual_pbx import number
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Mode, Pbx, Trunk
from asterisk_ext.services.times import iso
from asterisk_ext.services.virtual_pbx import Row

ID = (Field("id", "ID", "number", required=True),)
NEW = (*ID, *(item for item in RECORD if item.name != "emergency_trunks"), *FIRST_TRUNK)


async def ask_new(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_PBX)
    services = request.app[SERVICES]
    ids = [row.pbx.id for row in services.virtual_pbxs.table(actor)]
    fresh = Pbx(id=max(ids, default=0) + 1, name="", domain="", home=services.node)
    return _new(request, shown(fresh, NEW))


async def add(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    require(actor, Act.CHANGE_PBX)
    services = request.app[SERVICES]
    values = await _values(request)
    try:
        fields = sent(values, NEW)
        host = fields.pop("host")
        pbx: Pbx = converted(Pbx, fields)
        if host and pbx.mode is Mode.MANAGED:
            pbx = replace(pbx, trunks=(Trunk(name="trunk1", host=host),), emergency_trunks=("trunk1",))
        await services.virtual_pbxs.save(actor, replace(pbx, since=iso(services.clock())), 0)
    except Refusal as refusal:
        return _new(request, await typed(request), beside_its_field(refusal))
    strip = Strip(said=N_("**{pbx} added** at {time}"), params={"pbx": pbx.name}, at=services.clock())
    raise done(session, strip, f"/pbx/{pbx.id}/parts")


async def ask_edit(request: web.Request) -> web.Response:
    actor, row = _row(request)
    require(actor, Act.CHANGE_PBX)
    return _edit(request, row, shown(row.pbx, RECORD))


async def edit(request: web.Request) -> web.StreamResponse:
    actor, row = _row(request)
    require(actor, Act.CHANGE_PBX)
    services, values = request.app[SERVICES], await _values(request)
    try:
        changed = converted(Pbx, {**asdict(row.pbx), **sent(values, RECORD)})
        seen = values.get("revision", "")
        await services.virtual_pbxs.save(actor, changed, int(seen) if seen.isdecimal() and len(seen) < 16 else None)
    except Refusal as refusal:
        return _edit(request, row, await typed(request), beside_its_field(refusal))
    strip = Strip(said=N_("**{pbx} saved** at {time}"), params={"pbx": row.pbx.name}, at=services.clock())
    raise done(visitor(request)[1], strip, f"/pbx/{row.pbx.id}")


async def ask_remove(request: web.Request) -> web.Response:
    actor, row = _row(request)
    require(actor, Act.CHANGE_PBX)
    return page(request, "pbx_remove.html", row=row, pbx=row.pbx, calls=await _calls(request, actor, row))


async def remove(request: web.Request) -> web.StreamResponse:
    actor, row = _row(request)
    require(actor, Act.CHANGE_PBX)
    services = request.app[SERVICES]
    calls = await _calls(request, actor, row)
    try:
        await services.virtual_pbxs.remove(actor, row.pbx.id, calls)
    except Refusal as refusal:
        return page(request, "pbx_remove.html", refusal=refusal, row=row, pbx=row.pbx, calls=calls)
    strip = Strip(said=N_("**{pbx} removed** at {time}"), params={"pbx": row.pbx.name}, at=services.clock())
    raise done(visitor(request)[1], strip, "/pbx")


async def _calls(request: web.Request, actor: Actor, row: Row) -> int:
    calls = await request.app[SERVICES].live_calls.table(actor)
    return sum(call["pbx"] == str(row.pbx.id) for call in calls.calls)


def _row(request: web.Request) -> tuple[Actor, Row]:
    actor, _ = visitor(request)
    return actor, request.app[SERVICES].virtual_pbxs.one(actor, number(request))


async def _values(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _new(request: web.Request, values: dict[str, str], refusal: Refusal | None = None) -> web.Response:
    return page(
        request,
        "pbx_form.html",
        refusal=refusal,
        row=None,
        pbx=None,
        title=N_("Add a virtual PBX"),
        key="",
        fields=NEW,
        values=values,
        revision_seen=0,
        back="/pbx",
        remove="",
    )


def _edit(request: web.Request, row: Row, values: dict[str, str], refusal: Refusal | None = None) -> web.Response:
    return page(
        request,
        "pbx_form.html",
        refusal=refusal,
        row=row,
        pbx=row.pbx,
        title=N_("Settings"),
        key="",
        fields=RECORD,
        values=values,
        revision_seen=values.get("revision") or row.revision,
        back=f"/pbx/{row.pbx.id}",
        remove=f"/pbx/{row.pbx.id}/remove",
    )
