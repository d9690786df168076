"""The line of truth on top of every page: which servers answer, and how old that knowledge is."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from admin_http.keys import ACTOR, SERVICES
from admin_http.services import Services
from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.server import LATE_AFTER, State
from asterisk_ext.services.servers import Row

STALE_AFTER = 10.0
"""Seconds after which the copy of the registry counts as old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    rows: tuple[Row, ...]
    answering: int
    silent: tuple[Row, ...]
    """Those that have reported before and do not now."""
    age: float

    @property
    def expected(self) -> int:
        return self.answering + len(self.silent)

    @property
    def stale(self) -> bool:
        return self.age > STALE_AFTER


def truth(services: Services, actor: Actor) -> Truth:
    rows = tuple(services.servers.table(actor))
    installed = [row for row in rows if row.state is not State.AWAITING]
    silent = tuple(row for row in installed if not answers(row))
    return Truth(
        rows=rows,
        answering=len(installed) - len(silent),
        silent=silent,
        age=services.fleet.age(services.clock()),
    )


def answers(row: Row) -> bool:
    """Whether the node reports, in maintenance or not."""
    return row.report is not None and row.silent_for <= LATE_AFTER


@web.middleware
async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have the servers' reports fresh for a person who looks; the other nodes look on their own."""
    actor = request.get(ACTOR)
    if actor is not None and not actor.peer:
        await request.app[SERVICES].fleet.look()
    return await handler(request)
