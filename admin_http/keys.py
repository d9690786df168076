"""Typed places in the application and in a request."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from admin_http.i18n import Catalogues, Words
from admin_http.rate_limit import RateLimit
from admin_http.services import Services
from admin_http.sessions import Session, Sessions
from admin_http.templates import Templates
from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.errors import Refusal


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Draws the page of a refusal that no other page could show; given here since pages stand above refusals."""

    draw: Callable[[web.Request, Refusal], Awaitable[web.Response]]


SERVICES = web.AppKey("services", Services)
SESSIONS = web.AppKey("sessions", Sessions)
CATALOGUES = web.AppKey("catalogues", Catalogues)
TEMPLATES = web.AppKey("templates", Templates)
LOGIN_LIMIT = web.AppKey("login_limit", RateLimit)
CLOSING = web.AppKey("closing", Event)
"""Set when the application shuts down, so that open streams end."""

ERROR_PAGE = web.AppKey("error_page", ErrorPage)

ACTOR = web.RequestKey("actor", Actor)
SESSION = web.RequestKey("session", Session)
WORDS = web.RequestKey("words", Words)


def is_mounted(request: web.Request) -> bool:
    """Whether the request is for a sub-application, which guards itself."""
    return len(request.match_info.apps) > 1


def is_api(request: web.Request) -> bool:
    return request.path.startswith("/api/")
