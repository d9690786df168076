"""Extensions, trunks, ring groups, DIDs and routes of a virtual PBX: the lists, and a form for each."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import done, page, typed, visitor
from admin_http.pages.pbx_fields import PARTS, beside_its_field, converted, sent, shown
from admin_http.pages.virtual_pbx import number
from admin_http.problems import NOT_FOUND
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Did, Extension, RingGroup, Route, Trunk
from asterisk_ext.domain.pbx_parts import SHAPES, Kind, Part, key_of, parts, used_by
from asterisk_ext.services.virtual_pbx import Row

TITLES = {
    Kind.EXTENSIONS: N_("Extensions"),
    Kind.TRUNKS: N_("Trunks"),
    Kind.RING_GROUPS: N_("Ring groups"),
    Kind.DIDS: N_("Numbers called from outside"),
    Kind.ROUTES: N_("Outbound routes"),
}
NEW: dict[Kind, Part] = {
    Kind.EXTENSIONS: Extension(number=""),
    Kind.TRUNKS: Trunk(name="", host=""),
    Kind.RING_GROUPS: RingGroup(number="", members=()),
    Kind.DIDS: Did(number="", target=""),
    Kind.ROUTES: Route(pattern="", trunks=()),
}
PAGE = 200


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    row = request.app[SERVICES].virtual_pbxs.one(actor, number(request))
    lists = [(kind, TITLES[kind], [_line(kind, item) for item in parts(row.pbx, kind)[:PAGE]]) for kind in Kind]
    totals = {kind: len(parts(row.pbx, kind)) for kind in Kind}
    return page(request, "pbx_parts.html", row=row, pbx=row.pbx, lists=lists, totals=totals, most=PAGE)


def _line(kind: Kind, item: Part) -> tuple[str, str, str]:
    """The part's key and two texts that tell it."""
    match item:
        case Extension():
            return item.number, item.name, item.caller_id
        case Trunk():
            return item.name, f"{item.host}:{item.port}", item.username
        case RingGroup():
            return item.number, item.name, ", ".join(item.members)
        case Did():
            return item.number, f"→ {item.target}", ""
        case Route():
            return item.pattern, item.name, " → ".join(item.trunks)


async def ask_new(request: web.Request) -> web.Response:
    actor, row, kind = _place(request)
    require(actor, Act.CHANGE_PBX)
    return _form(request, row, kind, "", shown(NEW[kind], PARTS[kind]))


async def ask_edit(request: web.Request) -> web.Response:
    actor, row, kind = _place(request)
    require(actor, Act.CHANGE_PBX)
    key = request.match_info["key"]
    there = request.app[SERVICES].pbx_parts.one(actor, row.pbx.id, kind, key)
    return _form(request, row, kind, key, shown(there, PARTS[kind]))


async def save(request: web.Request) -> web.StreamResponse:
    """One address for a new part and one for each that is there; the revision that was looked at comes along."""
    actor, row, kind = _place(request)
    require(actor, Act.CHANGE_PBX)
    services, pbx = request.app[SERVICES], row.pbx.id
    key = request.match_info.get("key", "")
    posted = await request.post()
    values = {name: value for name, value in posted.items() if isinstance(value, str)}
    try:
        new = cast("Part", converted(SHAPES[kind].type, sent(values, PARTS[kind])))
        passwords = await services.pbx_parts.put(actor, pbx, kind, key, new, _revision(values))
    except Refusal as refusal:
        return _form(request, row, kind, key, await typed(request), beside_its_field(refusal))
    for account, password in passwords.items():
        return page(request, "pbx_password.html", row=row, pbx=row.pbx, account=account, password=password)
    strip = Strip(said=N_("**{part} saved** at {time}"), params={"part": key_of(new)}, at=services.clock())
    raise done(visitor(request)[1], strip, f"/pbx/{pbx}/parts")


async def ask_remove(request: web.Request) -> web.Response:
    actor, row, kind = _place(request)
    require(actor, Act.CHANGE_PBX)
    key = request.match_info["key"]
    request.app[SERVICES].pbx_parts.one(actor, row.pbx.id, kind, key)
    uses = used_by(row.pbx, kind, key)
    return page(request, "pbx_part_remove.html", row=row, pbx=row.pbx, kind=kind, key=key, uses=uses)


async def remove(request: web.Request) -> web.StreamResponse:
    actor, row, kind = _place(request)
    require(actor, Act.CHANGE_PBX)
    services, key = request.app[SERVICES], request.match_info["key"]
    values = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    await services.pbx_parts.remove(actor, row.pbx.id, kind, key, _revision(values))
    strip = Strip(said=N_("**{part} removed** at {time}"), params={"part": key}, at=services.clock())
    raise done(visitor(request)[1], strip, f"/pbx/{row.pbx.id}/parts")


def _place(request: web.Request) -> tuple[Actor, Row, Kind]:
    actor, _ = visitor(request)
    text = request.match_info["kind"]
    if text not in list(Kind):
        raise NOT_FOUND.refuse(path=request.path)
    return actor, request.app[SERVICES].virtual_pbxs.one(actor, number(request)), Kind(text)


def _revision(values: dict[str, str]) -> int | None:
    text = values.get("revision", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _form(
    request: web.Request, row: Row, kind: Kind, key: str, values: dict[str, str], refusal: Refusal | None = None
) -> web.Response:
    return page(
        request,
        "pbx_form.html",
        refusal=refusal,
        row=row,
        pbx=row.pbx,
        title=TITLES[kind],
        key=key,
        fields=PARTS[kind],
        values=values,
        revision_seen=values.get("revision") or row.revision,
        back=f"/pbx/{row.pbx.id}/parts",
        remove=f"/pbx/{row.pbx.id}/{kind}/{{}}/remove" if key else "",
    )
