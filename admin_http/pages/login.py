"""Log in and out."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin_http.keys import LOGIN_LIMIT, SERVICES, SESSION, SESSIONS
from admin_http.pages.frame import form, page
from admin_http.sessions import COOKIE, set_cookie
from asterisk_ext.domain.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    name: str
    password: str
    next: str = "/"


async def show(request: web.Request) -> web.Response:
    if request.get(SESSION) is not None:
        raise web.HTTPSeeOther("/")
    return page(request, "login.html", name="", next=own_path(request.query.get("next", "/")))


async def enter(request: web.Request) -> web.StreamResponse:
    services, limit = request.app[SERVICES], request.app[LOGIN_LIMIT]
    sent = await form(request, Login)
    address = request.remote or ""
    try:
        limit.spend(address, services.clock())
        actor = await services.users.log_in(sent.name, sent.password)
    except Refusal as refusal:
        return page(request, "login.html", refusal=refusal, name=sent.name, next=own_path(sent.next))
    limit.reset(address)
    if COOKIE in request.cookies:
        request.app[SESSIONS].end(request.cookies[COOKIE])
    response = web.HTTPSeeOther(own_path(sent.next))
    set_cookie(request, response, request.app[SESSIONS].start(actor.name, services.clock()))
    raise response


async def leave(request: web.Request) -> web.StreamResponse:
    request.app[SESSIONS].end(request.cookies.get(COOKIE, ""))
    response = web.HTTPSeeOther("/login")
    response.del_cookie(COOKIE, path="/")
    raise response


def own_path(wanted: str) -> str:
    """A path of this console; anything that could lead elsewhere becomes the overview."""
    plain = wanted.isprintable() and "\\" not in wanted
    return wanted if plain and wanted.startswith("/") and not wanted.startswith("//") else "/"
