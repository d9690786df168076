"""The audit journal."""

from __future__ import annotations

from aiohttp import web

from admin_http.keys import SERVICES, WORDS
from admin_http.pages.acts import told
from admin_http.pages.frame import page, visitor

MOST = 200


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    services = request.app[SERVICES]
    names = {pbx.id: pbx.name for pbx in services.fleet.tenants()}
    entries = services.audit.latest(actor, MOST)
    acts = [told(entry, actor, services.fleet, names, request[WORDS]) for entry in entries]
    return page(request, "audit.html", acts=acts, most=MOST)
