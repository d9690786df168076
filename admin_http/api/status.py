"""Who you are, and how the node is."""

from __future__ import annotations

import msgspec
from aiohttp import web

from admin_http.api.route import Route
from admin_http.keys import SESSION
from admin_http.services import Services
from admin_http.truth import truth
from asterisk_ext.domain.access import Act, Actor, allows


class Me(msgspec.Struct, kw_only=True):
    name: str
    role: str
    pbx: int | None
    """The one virtual PBX that a token sees; null for the fleet."""
    acts: list[str]
    """What this actor may do."""
    csrf: str
    """What changing requests with the session's cookie carry in X-CSRF-Token; empty for tokens."""


class Health(msgspec.Struct, kw_only=True):
    status: str


class FleetStatus(msgspec.Struct, kw_only=True):
    """The line of truth: who answers, and how old that knowledge is."""

    node: str
    version: str
    answering: int
    expected: int
    silent: list[str]
    revision: int
    age: float
    """Seconds since this node's copy of the registry was last known to be current."""
    now: float
    """The node's clock, epoch seconds."""


async def me(actor: Actor, request: web.Request) -> Me:
    session = request.get(SESSION)
    return Me(
        name=actor.name,
        role=actor.role.word,
        pbx=actor.pbx,
        acts=[str(act) for act in Act if allows(actor, act, actor.pbx)],
        csrf=session.csrf if session is not None else "",
    )


async def health() -> Health:
    return Health(status="ok")


async def status(services: Services, actor: Actor) -> FleetStatus:
    line = truth(services, actor)
    return FleetStatus(
        node=services.node,
        version=services.version,
        answering=line.answering,
        expected=line.expected,
        silent=[row.server.name for row in line.silent],
        revision=services.fleet.revision,
        age=line.age,
        now=services.clock(),
    )


ROUTES = (
    Route(method="GET", path="/me", handle=me, summary="Who you are and what you may do"),
    Route(method="GET", path="/health", handle=health, summary="Whether the console answers", public=True),
    Route(method="GET", path="/status", handle=status, summary="Who answers in the fleet", act=Act.SEE_FLEET),
)
