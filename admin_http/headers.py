"""Headers on every answer: security, and of the API how old what it rests on may be."""

from __future__ import annotations

from aiohttp import web

from admin_http.keys import SERVICES, is_mounted

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
DATA_AGE = "Data-Age"
"""Seconds since this server's copy of the registry was last known to be current."""


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler of ``on_response_prepare``; streams get them too."""
    if is_mounted(request):
        return
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/api/"):
        services = request.app[SERVICES]
        response.headers[DATA_AGE] = f"{services.fleet.age(services.clock()):.1f}"
    if request.path.startswith("/static/"):
        fresh = "public, max-age=31536000, immutable" if "v" in request.query else "no-cache"
        response.headers["Cache-Control"] = fresh
    else:
        response.headers.setdefault("Cache-Control", "no-store")
