"""The JSON API, ``/api/v1``: twins of the pages."""

from __future__ import annotations

from functools import cache

import msgspec
from aiohttp import web

from admin_http.api import (
    audios,
    audit,
    bans,
    blocked_calls,
    countries,
    firewall,
    fleet_bans,
    live_calls,
    maintenance,
    pbx_blocks,
    pbx_move,
    pbx_parts,
    registry,
    servers,
    status,
    users,
    virtual_pbx,
)
from admin_http.api.openapi import document
from admin_http.api.route import ROOT, Route

ROUTES: tuple[Route, ...] = (
    *servers.ROUTES,
    *maintenance.ROUTES,
    *virtual_pbx.ROUTES,
    *pbx_parts.ROUTES,
    *pbx_blocks.ROUTES,
    *fleet_bans.ROUTES,
    *pbx_move.ROUTES,
    *bans.ROUTES,
    *firewall.ROUTES,
    *countries.ROUTES,
    *live_calls.ROUTES,
    *blocked_calls.ROUTES,
    *audios.ROUTES,
    *users.ROUTES,
    *audit.ROUTES,
    *registry.ROUTES,
    *status.ROUTES,
)


@cache
def _described(version: str) -> bytes:
    return msgspec.json.encode(document(ROUTES, version))


def add_routes(app: web.Application, version: str) -> None:
    """Serve every route, and the document that describes them, made when first asked for."""

    async def describe(request: web.Request) -> web.Response:
        return web.Response(body=_described(version), content_type="application/json")

    for route in ROUTES:
        app.router.add_route(route.method, ROOT + route.path, route.__call__)
    app.router.add_get(f"{ROOT}/openapi.json", describe)
