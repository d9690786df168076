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
from admin_http.sessions import COOKIE, Session
from asterisk_ext.domain.access import PEER, ROOT, Actor
from asterisk_ext.domain.errors import Problem, Refusal
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
    if not is_mounted(request):
        actor, session = _sender(request, touch="X-Background" not in request.headers)
        if actor is not None:
            request[ACTOR] = actor
        if session is not None:
            request[SESSION] = session
    return await handler(request)


def is_still_known(request: web.Request) -> bool:
    """Whether who sent a request that goes on is the same actor now: not where a user, a token or a node is withdrawn,
    a role has changed or the session has ended."""
    try:
        actor, _ = _sender(request, touch=False)
    except Refusal:
        return False
    return actor == request.get(ACTOR)


def _sender(request: web.Request, *, touch: bool) -> tuple[Actor | None, Session | None]:
    """The actor, and the session if there is one, which ``touch`` counts as used. Refuses ``token.refused``."""
    services, sessions = request.app[SERVICES], request.app[SESSIONS]
    if at_the_local_socket(request):
        return ROOT, None
    if node := services.peer_of(request):
        return _behind(services, node, unquote(request.headers.get(FOR, ""))), None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_api(request):
        return services.users.by_token(token.strip()), None
    cookie = request.cookies.get(COOKIE, "")
    session = sessions.find(cookie, services.clock(), touch=touch)
    actor = services.users.known(session.user) if session is not None else None
    if actor is None:
        sessions.end(cookie)
        return None, None
    return actor, session


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
