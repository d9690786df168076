"""Blocked IPs: the table, why each is there, lifting a ban, blocking an address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup, escape

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages import ban_story
from admin_http.pages.frame import done, form, page, typed, visitor
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports.guard import Banned, Spared
from asterisk_ext.services.bans import Lifted, Table

_PEER = re.compile(r'RemoteAddress="(IPV[46]/[A-Z]+/[0-9A-Fa-f.:]+/[0-9]+)"')
PAGE = 100
UNBLOCKED = N_("**{address} unblocked** at {time} on {servers}")
UNBLOCKED_IN_PART = N_("**{address} unblocked** at {time} on {servers}. Not known of {silent}, which did not answer.")

LET_GO = N_("**{address} is no longer slowed down** since {time} on {servers}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    address: str
    reason: str = ""
    slowed: str = ""
    """Not empty: it was slowed down, not blocked, so there is nothing to block again."""


async def show(request: web.Request) -> web.Response:
    return await _page(request, visitor(request)[0])


async def _page(request: web.Request, actor: Actor, refusal: Refusal | None = None) -> web.Response:
    services = request.app[SERVICES]
    text = request.query.get("text", "")
    spared: Sequence[Spared] = ()
    try:
        table: Table | None = await services.bans.table(actor)
        spared = await services.bans.spared(actor)
    except Refusal as silence:
        if silence.problem.status == 403:
            raise
        table, refusal = None, refusal or silence
    listed, wanted = table.bans if table else (), text.casefold()
    found = [ban for ban in listed if wanted in _searched(ban)]
    tenants = {pbx.id: pbx for pbx in services.fleet.tenants()}
    return page(
        request,
        "bans.html",
        refusal=refusal,
        bans=found[:PAGE],
        found=len(found),
        total=None if table is None else len(table.bans),
        unanswered=table.silent if table else (),
        text=text,
        policy=services.ban_policy,
        spared=[row for row in spared if wanted in _searched(row)][:PAGE],
        spared_words=ban_story.SPARED,
        story=ban_story,
        phone=lambda account: ban_story.phone(account, tenants),
        highlighted=highlighted,
        why=request.query.get("why", ""),
    )


def _searched(row: Banned | Spared) -> str:
    accounts = " ".join(attempt.account for attempt in row.attempts)
    return f"{row.address} {row.reason} {accounts}".casefold()


def highlighted(line: str, address: str) -> Markup:
    """A log line with the true peer marked: the one place of it that the sender did not choose.

    Asterisk writes the sender's own text before that place and after it, so the one that names the banned address is
    marked, and only when there is exactly one.
    """
    found = [match for match in _PEER.finditer(line) if _is_peer(match[1], address)]
    if len(found) != 1:
        return escape(line)
    start, end = found[0].span(1)
    return escape(line[:start]) + Markup("<mark>") + escape(line[start:end]) + Markup("</mark>") + escape(line[end:])


def _is_peer(field: str, address: str) -> bool:
    host = field.split("/")[2]
    return host == address or ("/" in address and host.casefold().startswith(address.split("::")[0].casefold()))


async def ask(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.BAN)
    return _new(request, {"address": request.query.get("address", "")})


def _new(request: web.Request, values: dict[str, str], refusal: Refusal | None = None) -> web.Response:
    return page(request, "ban_new.html", refusal=refusal, values=values, policy=request.app[SERVICES].ban_policy)


async def add(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services = request.app[SERVICES]
    try:
        sent = await form(request, Address)
        banned = await services.bans.ban(actor, sent.address, sent.reason)
    except Refusal as refusal:
        return _new(request, await typed(request), refusal)
    strip = Strip(
        said=N_("**{address} blocked** at {time} on {node}"),
        params={"address": banned.address, "node": services.node},
        at=services.clock(),
        undo=N_("Unblock"),
        action="/bans/lift",
        fields={"address": banned.address},
    )
    raise done(session, strip, "/bans")


async def lift(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services = request.app[SERVICES]
    try:
        sent = await form(request, Address)
        lifted = await services.bans.lift(actor, sent.address)
    except Refusal as refusal:
        return await _page(request, actor, refusal)
    if sent.slowed:
        raise done(
            session, Strip(said=LET_GO, params=_confirmations(sent.address, lifted), at=services.clock()), "/bans"
        )
    strip = Strip(
        said=UNBLOCKED_IN_PART if lifted.silent else UNBLOCKED,
        params=_confirmations(sent.address, lifted),
        at=services.clock(),
        undo=N_("Block again"),
        action="/bans/add",
        fields={"address": sent.address},
    )
    raise done(session, strip, "/bans")


def _confirmations(address: str, lifted: Lifted) -> dict[str, str]:
    return {"address": address, "servers": ", ".join(lifted.confirmed), "silent": ", ".join(lifted.silent)}
