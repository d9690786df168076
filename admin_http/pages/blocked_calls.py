"""Blocked calls: who met a block, when, and how much of which audio was heard."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from aiohttp import web

from admin_http.keys import SERVICES
from admin_http.pages.acts import SOUNDS
from admin_http.pages.audios import length
from admin_http.pages.frame import page, visitor
from admin_http.privacy import blocked_call_for
from asterisk_ext.domain.audio import Kind
from asterisk_ext.domain.blocked_calls import Wanted

PAGE = 100


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    services = request.app[SERVICES]
    text = request.query.get("pbx", "")
    pbx = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
    table = await services.blocked_calls.table(actor, Wanted(pbx=pbx, before=_time(request), count=PAGE))
    today = datetime.fromtimestamp(services.clock(), UTC).strftime("%Y-%m-%d")
    counted: Counter[str] = Counter()
    for count in table.counts:
        counted["all"] += count.calls
        counted["today"] += count.calls if count.day == today else 0
        counted[count.audio] += count.calls
    return page(
        request,
        "blocked_calls.html",
        calls=[(blocked_call_for(actor, blocked.call), blocked.server) for blocked in table.calls],
        counted=counted,
        unanswered=table.silent,
        older=table.calls[-1].call.at if len(table.calls) == PAGE else None,
        pbx=pbx,
        names={tenant.id: tenant.name for tenant in services.fleet.tenants()},
        kinds=SOUNDS,
        Kind=Kind,
        days=services.blocked_calls_days,
        length=length,
    )


def _time(request: web.Request) -> float:
    try:
        return float(request.query.get("before", ""))
    except ValueError:
        return 1e12
