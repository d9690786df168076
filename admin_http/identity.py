"""Who asks: a session's cookie or a bearer token; and what a changing request must prove."""

from __future__ import annotations

import hmac
import os
import socket
import struct
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from admin_http.keys import ACTOR, CATALOGUES, SERVICES, SESSION, SESSIONS, WORDS, is_api, is_mounted
from admin_http.problems import LOGIN_NEEDED
from admin_http.services import Services
from admin_http.sessions import COOKIE
from asterisk_ext.domain.access import PEER, ROOT, Actor
from asterisk_ext.domain.errors import Problem
from asterisk_ext.services import consoles

FOREIGN = Problem(
    "csrf.foreign_origin",
    403,
    "The request came from another site; nothing was changed.",
    "Open the console itself and do it there.",
)
NO_PROOF = Problem(
    "csrf.missing",
    403,
    "The request does not carry this session's proof; nothing was changed.",
    "Load the page again and repeat; over the API send the header X-CSRF-Token, which GET /api/v1/me gives.",
)

HEADER = "X-CSRF-Token"
FIELD = "csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FOR = "X-Acting-User"
"""Header of another node's request: the user it asks for, percent-encoded."""


@web.middleware
async def choose_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    catalogues = request.app[CATALOGUES] if not is_mounted(request) else None
    if catalogues is not None:
        request[WORDS] = catalogues.words(catalogues.choose(request), request.app[SERVICES].zone)
    return await handler(request)


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the actor into the request; nobody is a legal answer, which the handlers judge."""
    if is_mounted(request):
        return await handler(request)
    if at_the_local_socket(request):
        request[ACTOR] = ROOT
        return await handler(request)
    if node := request.app[SERVICES].peer_of(request):
        request[ACTOR] = _behind(request.app[SERVICES], node, unquote(request.headers.get(FOR, "")))
        return await handler(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_api(request):
        request[ACTOR] = request.app[SERVICES].users.by_token(token.strip())
    elif COOKIE in request.cookies:
        await _resume(request)
    return await handler(request)


def _behind(services: Services, node: str, user: str) -> Actor:
    """A console acts for its users, with their rights; any other node looks on, whomever it names."""
    asking = consoles.peer(services.fleet, node)
    return services.users.behind(user) if asking is PEER else replace(asking, name=user or asking.name)


def at_the_local_socket(request: web.Request) -> bool:
    """Whether root, or the node service's own user, asks over the Unix socket (unix(7), SO_PEERCRED)."""
    peer = request.transport.get_extra_info("socket") if request.transport is not None else None
    if peer is None or peer.family != socket.AF_UNIX:
        return False
    _, user, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return user in (0, os.getuid())


async def _resume(request: web.Request) -> None:
    services = request.app[SERVICES]
    session = request.app[SESSIONS].find(
        request.cookies[COOKIE], services.clock(), touch="X-Background" not in request.headers
    )
    actor = services.users.known(session.user) if session is not None else None
    if session is None or actor is None:
        request.app[SESSIONS].end(request.cookies[COOKIE])
        return
    request[SESSION] = session
    request[ACTOR] = actor


@web.middleware
async def prove_intent(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A changing request with a cookie comes from our own pages: same origin, and the session's own proof."""
    if request.method in SAFE or is_mounted(request):
        return await handler(request)
    session = request.get(SESSION)
    if session is None and is_api(request):
        return await handler(request)
    if not same_origin(request):
        raise FOREIGN.refuse()
    if session is not None:
        given = request.headers.get(HEADER, "") or await _field(request)
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise NO_PROOF.refuse()
    return await handler(request)


def same_origin(request: web.Request) -> bool:
    """By the Origin header, which every browser sends with a POST; a request without one is not from a browser."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def actor_of(request: web.Request) -> Actor:
    """Refuses ``login.needed``."""
    actor: Actor | None = request.get(ACTOR)
    if actor is None:
        raise LOGIN_NEEDED.refuse()
    return actor


async def _field(request: web.Request) -> str:
    if request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return ""
    value = (await request.post()).get(FIELD, "")
    return value if isinstance(value, str) else ""
