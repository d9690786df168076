"""Moving one virtual PBX over the API."""

from __future__ import annotations

import msgspec

from admin_http.api.route import Route
from admin_http.api.servers import WRITES
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.server import UNKNOWN as UNKNOWN_SERVER
from asterisk_ext.services.pbx_move import AT_HOME, HOST_SILENT, Moved
from asterisk_ext.services.virtual_pbx import NO_HOST, UNKNOWN


class NewHome(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    server: str


async def move(services: Services, actor: Actor, pbx: int, body: NewHome) -> Moved:
    return await services.pbx_move.move(actor, pbx, body.server)


async def settle(services: Services, actor: Actor, pbx: int) -> None:
    await services.virtual_pbxs.settle(actor, pbx)


ROUTES = (
    Route(
        method="POST",
        path="/pbx/{pbx}/move",
        handle=move,
        summary="Give a virtual PBX another home, for good",
        act=Act.CHANGE_PBX,
        problems=(UNKNOWN, UNKNOWN_SERVER, AT_HOME, HOST_SILENT, NO_HOST, *WRITES),
    ),
    Route(
        method="POST",
        path="/pbx/{pbx}/settle",
        handle=settle,
        summary="Have its former home forget a virtual PBX, once its phones have followed",
        act=Act.CHANGE_PBX,
        problems=(UNKNOWN, *WRITES),
    ),
)
