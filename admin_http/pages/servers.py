"""SIP servers: the table, one server, adding, editing and removing."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import done, form, page, typed, visitor
from admin_http.sessions import Strip
from admin_http.truth import answers
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import served_by
from asterisk_ext.domain.server import Server, State, Technology
from asterisk_ext.services import consoles
from asterisk_ext.services.servers import Row

STATES = {
    State.ACTIVE: N_("Active"),
    State.MAINTENANCE: N_("In maintenance"),
    State.UNREACHABLE: N_("No contact"),
    State.AWAITING: N_("Awaiting installation of the server"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewServer:
    id: int
    name: str
    technology: Technology
    ip: str
    registration: str = ""
    port: int = 8480
    fleet_port: int = 8481


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    ip: str
    registration: str = ""


async def show(request: web.Request) -> web.Response:
    return table(request, visitor(request)[0])


def table(request: web.Request, actor: Actor, refusal: Refusal | None = None) -> web.Response:
    query = {name: request.query.get(name, "") for name in ("text", "technology", "state")}
    services = request.app[SERVICES]
    rows = services.servers.table(actor)
    return page(
        request,
        "servers.html",
        refusal=refusal,
        rows=[row for row in rows if _wanted(row, query)],
        total=len(rows),
        tenants=len(services.fleet.tenants()),
        query=query,
        filtered=any(query.values()),
        technologies=list(Technology),
        states=STATES,
        State=State,
        answers=answers,
        refusals=refusals,
        consoles=consoles.of(services.fleet),
        only_looks=not consoles.may(services.fleet, services.node),
    )


Reason = tuple[str, dict[str, object]]


def refusals(row: Row) -> dict[str, Reason | None]:
    """Why each act cannot be done to this server now; None where it can."""
    reasons: dict[str, Reason | None] = {"enter": None, "leave": None, "remove": None}
    if row.state is State.MAINTENANCE:
        reasons["enter"] = (N_("is in maintenance already"), {})
    elif not row.server.technology.hosts:
        reasons["enter"] = (N_("hosts no virtual PBXs"), {})
    if row.state is not State.MAINTENANCE:
        reasons["leave"] = (N_("is not in maintenance"), {})
    if row.home:
        reasons["remove"] = (N_("hosts {count} virtual PBXs: move them first"), {"count": row.home})
    elif row.visitors_from:
        reasons["remove"] = (N_("serves the virtual PBXs of {server}"), {"server": row.visitors_from[0]})
    return reasons


async def one(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    services = request.app[SERVICES]
    row = services.servers.row(actor, request.match_info["name"])
    served = served_by(row.server.name, services.fleet.maintenance(), services.fleet.tenants())
    return page(
        request, "server.html", row=row, tenants=served, states=STATES, State=State, answers=answers, refusals=refusals
    )


async def ask_new(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_SERVER)
    ids = [row.server.id for row in request.app[SERVICES].servers.table(actor)]
    ports = {"port": "8480", "fleet_port": "8481"}
    return _new(request, {"id": str(max(ids, default=0) + 1), "technology": "NODE", **ports})


async def add(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services = request.app[SERVICES]
    try:
        sent = await form(request, NewServer)
        server = Server(
            id=sent.id,
            name=sent.name,
            technology=sent.technology,
            ip=sent.ip,
            registration=sent.registration,
            port=sent.port,
            fleet_port=sent.fleet_port,
        )
        await services.servers.add(actor, server)
    except Refusal as refusal:
        return _new(request, await typed(request), refusal)
    strip = Strip(
        said=N_("**{server} added** at {time} · it awaits its installation"),
        params={"server": sent.name},
        at=services.clock(),
    )
    raise done(session, strip, f"/servers/{sent.name}/join")


def _new(request: web.Request, values: dict[str, str], refusal: Refusal | None = None) -> web.Response:
    return page(request, "server_new.html", refusal=refusal, values=values, technologies=list(Technology))


async def ask_join(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_SERVER)
    row = request.app[SERVICES].servers.row(actor, request.match_info["name"])
    return page(request, "server_join.html", row=row, token="")


async def join(request: web.Request) -> web.Response:
    """The token is in this one answer and nowhere else: no address, no cookie and no log holds it."""
    actor, _ = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    row = services.servers.row(actor, name)
    try:
        token = await services.joining.issue(actor, name)
    except Refusal as refusal:
        return page(request, "server_join.html", refusal=refusal, row=row, token="")
    return page(request, "server_join.html", row=row, token=token)


async def ask_edit(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_SERVER)
    row = request.app[SERVICES].servers.row(actor, request.match_info["name"])
    values = {"ip": row.server.ip, "registration": row.server.registration}
    return page(request, "server_edit.html", row=row, values=values)


async def edit(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    row = services.servers.row(actor, name)
    try:
        sent = await form(request, Addresses)
        await services.servers.edit(actor, name, ip=sent.ip, registration=sent.registration)
    except Refusal as refusal:
        return page(request, "server_edit.html", refusal=refusal, row=row, values=await typed(request))
    strip = Strip(
        said=N_("**Addresses of {server} changed** at {time}"),
        params={"server": name},
        at=services.clock(),
        undo=N_("Undo"),
        action=f"/servers/{name}/edit",
        fields={"ip": row.server.ip, "registration": row.server.registration},
    )
    raise done(session, strip, f"/servers/{name}")


async def ask_remove(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_SERVER)
    row = request.app[SERVICES].servers.row(actor, request.match_info["name"])
    return page(request, "server_remove.html", row=row)


async def remove(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    try:
        await services.servers.remove(actor, name)
    except Refusal as refusal:
        return table(request, actor, refusal)
    strip = Strip(said=N_("**{server} removed** at {time}"), params={"server": name}, at=services.clock())
    raise done(session, strip, "/servers")


def _wanted(row: Row, query: dict[str, str]) -> bool:
    server, text = row.server, query["text"].casefold()
    return (
        query["technology"] in ("", server.technology)
        and query["state"] in ("", row.state)
        and (not text or any(text in value.casefold() for value in (server.name, server.ip, server.registration)))
    )
