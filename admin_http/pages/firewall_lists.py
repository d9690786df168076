"""The hoster's own address lists: what is in them, which servers' rules name them, and their editor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import done, form, page, typed, visitor
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.errors import Refusal

HERE = "/firewall/lists"
MOST_EDITED = 2000
"""Entries of a list that a form still takes; longer ones are files for the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    name: str = ""
    entries: str = ""
    revision: int = 0


async def show(request: web.Request) -> web.Response:
    return await _page(request, visitor(request)[0])


async def _page(
    request: web.Request, actor: Actor, refusal: Refusal | None = None, values: dict[str, str] | None = None
) -> web.Response:
    return page(
        request,
        "firewall_lists.html",
        refusal=refusal,
        lists=request.app[SERVICES].firewall.lists.table(actor),
        edited=request.query.get("edit", "new" if values else ""),
        values=values or {},
        most=MOST_EDITED,
    )


async def save(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services = request.app[SERVICES]
    try:
        sent = await form(request, Sent)
        entries = re.split(r"[,;\s]+", re.sub(r"\s*[-–]\s*", "-", sent.entries))
        kept = await services.firewall.lists.save(actor, sent.name, entries, sent.revision)
    except Refusal as refusal:
        return await _page(request, actor, refusal, await typed(request))
    strip = Strip(
        said=N_("**List {name} saved** at {time} with {count} entries; a server takes it with its next apply"),
        params={"name": sent.name, "count": len(kept.entries)},
        at=services.clock(),
    )
    raise done(session, strip, HERE)


async def remove(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services = request.app[SERVICES]
    try:
        sent = await form(request, Sent)
        await services.firewall.lists.remove(actor, sent.name, sent.revision)
    except Refusal as refusal:
        return await _page(request, actor, refusal)
    strip = Strip(said=N_("**List {name} removed** at {time}"), params={"name": sent.name}, at=services.clock())
    raise done(session, strip, HERE)
