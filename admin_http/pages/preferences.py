"""Language and theme: cookies, since they hold before the login too."""

from __future__ import annotations

from aiohttp import web

from admin_http import i18n
from admin_http.pages.frame import THEME, THEMES
from admin_http.pages.login import own_path

YEAR = 365 * 24 * 3600


async def save(request: web.Request) -> web.StreamResponse:
    sent = await request.post()
    response = web.HTTPSeeOther(own_path(str(sent.get("back", "/"))))
    for name, choices in ((i18n.COOKIE, i18n.LANGUAGES), (THEME, THEMES)):
        value = str(sent.get(name, ""))
        if value in choices:
            response.set_cookie(
                name, value, max_age=YEAR, httponly=True, secure=request.secure, samesite="Lax", path="/"
            )
    raise response
