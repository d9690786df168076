"""The console and the API of a node, as one aiohttp application."""

from __future__ import annotations

from asyncio import Event

from aiohttp import web

from admin_http import api, pages
from admin_http.headers import add_headers
from admin_http.i18n import catalogues
from admin_http.identity import choose_words, identify, prove_intent
from admin_http.keys import CATALOGUES, CLOSING, ERROR_PAGE, LOGIN_LIMIT, SERVICES, SESSIONS, TEMPLATES, ErrorPage
from admin_http.pages.frame import refused
from admin_http.problems import answer_problems, limit_size
from admin_http.rate_limit import RateLimit
from admin_http.services import Services
from admin_http.sessions import Sessions
from admin_http.templates import STATIC, templates
from admin_http.truth import look

MOST_MOUNTED = 64 * 1024 * 1024
"""Bytes of a request to a sub-application: aiohttp takes the outermost application's limit. Ours are smaller."""


def build(services: Services) -> web.Application:
    """The application over ``services``.

    A sub-application may be mounted at any path that is not ours (``add_subapp``, before the first request): sessions,
    languages, sizes and errors are then its own affair. Over a Unix socket root needs no password.
    """
    app = web.Application(
        middlewares=[choose_words, answer_problems, limit_size, identify, look, prove_intent],
        client_max_size=MOST_MOUNTED,
    )
    app[SERVICES] = services
    app[SESSIONS] = Sessions()
    app[CATALOGUES] = catalogues()
    app[TEMPLATES] = templates()
    app[LOGIN_LIMIT] = RateLimit(burst=10, period=6.0)
    app[CLOSING] = Event()
    app[ERROR_PAGE] = ErrorPage(refused)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_close_streams)
    app.router.add_static("/static", STATIC)
    api.add_routes(app, services.version)
    pages.add_routes(app)
    return app


async def _close_streams(app: web.Application) -> None:
    app[CLOSING].set()
