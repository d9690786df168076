"""Where a refusal becomes an answer: RFC 9457 problem details for the API, a page for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from admin_http.i18n import Words
from admin_http.keys import ACTOR, ERROR_PAGE, SERVICES, WORDS, is_api, is_mounted
from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.errors import Problem, Refusal

log = logging.getLogger(__name__)

INTERNAL = Problem(
    "internal.error",
    500,
    "Something went wrong here; it is not known whether the act was done.",
    "Look at what is true now before trying again. The node's log has the details.",
)
NOT_FOUND = Problem("request.not_found", 404, "There is nothing at {path}.", "Start again from the overview.")
NO_METHOD = Problem(
    "request.method_not_allowed",
    405,
    "{path} does not take {method}.",
    "The API's description is at /api/v1/openapi.json.",
)
TOO_LARGE = Problem(
    "request.too_large", 413, "The request is larger than {most} bytes; it was not read.", "Send less at a time."
)
NO_LENGTH = Problem(
    "request.no_length", 411, "The request does not say how long it is; it was not read.", "Send a Content-Length."
)
INVALID = Problem(
    "request.invalid", 422, "The request was not understood: {reason}.", "Correct that field and send it again."
)
BAD_REQUEST = Problem("request.bad", 400, "The request was not understood.", "Correct it and send it again.")
LOGIN_NEEDED = Problem(
    "login.needed", 401, "Nobody is logged in here.", "Log in at /login, or send a token in the header Authorization."
)

MOST_API = 8 * 1024 * 1024
MOST_PAGE = 64 * 1024
UPLOADS = ("/api/v1/audios", "/audios/add")
"""What takes as much as the settings allow an audio to have."""
FILES = ("/pbx/files/import", "/pbx/files/propose", "/pbx/blocks")
"""Pages that take what the API takes: a file of thousands of virtual PBXs."""


class ProblemDetails(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details, with the product's own members."""

    type: str
    title: str
    status: int
    detail: str
    error_id: str
    remedy: str
    field: str = ""


class ToANode(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A refusal as another node takes it, which says it in the words of whoever asked there."""

    error_id: str
    what: str
    remedy: str
    params: Mapping[str, object]
    field: str = ""


def details(refusal: Refusal, words: Words) -> ProblemDetails:
    what, remedy = words.refusal(refusal)
    return ProblemDetails(
        type=f"urn:asterisk-ext:problem:{refusal.error_id}",
        title=refusal.error_id.replace(".", ": ").replace("_", " "),
        status=refusal.problem.status,
        detail=what,
        error_id=refusal.error_id,
        remedy=remedy,
        field=refusal.field or "",
    )


def to_a_node(refusal: Refusal) -> web.Response:
    told = ToANode(
        error_id=refusal.error_id,
        what=refusal.problem.what,
        remedy=refusal.problem.remedy,
        params=refusal.params,
        field=refusal.field or "",
    )
    return web.Response(
        status=refusal.problem.status, body=msgspec.json.encode(told, enc_hook=str), content_type="application/json"
    )


def problem_response(refusal: Refusal, words: Words) -> web.Response:
    headers = {"Content-Language": words.tag, "Cache-Control": "no-store"}
    if refusal.problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=refusal.problem.status,
        body=msgspec.json.encode(details(refusal, words)),
        content_type="application/problem+json",
        headers=headers,
    )


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal and every fault ends here; no trace leaves the node."""
    if is_mounted(request):
        return await handler(request)
    try:
        return await handler(request)
    except Refusal as refusal:
        return await _answer(request, refusal)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return await _answer(request, _of_http(error, request))
    except Exception:
        log.exception("%s %s failed", request.method, request.match_info.route.resource)
        return await _answer(request, INTERNAL.refuse())


@web.middleware
async def limit_size(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A request says its length, and it is a reasonable one."""
    if request.body_exists and not is_mounted(request):
        most = MOST_API if is_api(request) or request.path in FILES else MOST_PAGE
        if request.path in UPLOADS:
            most = request.app[SERVICES].audios.limits.megabytes * 1_000_000 + MOST_PAGE
        if request.content_length is None:
            raise NO_LENGTH.refuse()
        if request.content_length > most:
            raise TOO_LARGE.refuse(most=most)
    return await handler(request)


async def _answer(request: web.Request, refusal: Refusal) -> web.Response:
    if is_api(request):
        actor: Actor | None = request.get(ACTOR)
        return to_a_node(refusal) if actor is not None and actor.peer else problem_response(refusal, request[WORDS])
    return await request.app[ERROR_PAGE].draw(request, refusal)


def _of_http(error: web.HTTPException, request: web.Request) -> Refusal:
    if error.status == 404:
        return NOT_FOUND.refuse(path=request.path)
    if error.status == 405:
        return NO_METHOD.refuse(path=request.path, method=request.method)
    if error.status == 413:
        return TOO_LARGE.refuse(most=MOST_API if is_api(request) else MOST_PAGE)
    return BAD_REQUEST.refuse() if error.status < 500 else INTERNAL.refuse()
