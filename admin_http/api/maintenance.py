"""Maintenance over the API: preview, enter, leave."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from admin_http.api.route import Route
from admin_http.api.servers import WRITES, ServerRow, row_of
from admin_http.services import Services
from asterisk_ext.domain import maintenance as domain
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.maintenance_preview import Preview
from asterisk_ext.domain.maintenance_steps import HOST_SILENT, NOT_PREPARED, OTHERWISE, UNDONE
from asterisk_ext.domain.server import UNKNOWN
from asterisk_ext.services.maintenance import BAD_TIME, Status


class Destination(msgspec.Struct, kw_only=True):
    destination: str


class Enter(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    destination: str
    reason: str = ""
    hang_up: bool = False
    """End the calls in progress there; emergency calls never."""
    starts: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    """When it begins, RFC 3339 with an offset; at once where it is left out."""


class WholePreview(msgspec.Struct, kw_only=True):
    preview: Preview
    uncovered: list[str] | None
    """The tenants' names that the source shows a certificate for and the destination does not; null: not known."""


async def preview(services: Services, actor: Actor, name: str, query: Destination) -> WholePreview:
    said = services.maintenance.preview(actor, name, query.destination)
    uncovered = await services.maintenance.certificates(actor, name, query.destination)
    return WholePreview(preview=said, uncovered=uncovered)


async def status(services: Services, actor: Actor, name: str) -> Status:
    return services.maintenance.status(actor, name)


async def enter(services: Services, actor: Actor, name: str, body: Enter) -> ServerRow:
    starts = body.starts.timestamp() if body.starts else 0.0
    await services.maintenance.enter(actor, name, body.destination, body.reason, body.hang_up, starts)
    return row_of(services.servers.row(actor, name))


async def leave(services: Services, actor: Actor, name: str) -> ServerRow:
    await services.maintenance.leave(actor, name)
    return row_of(services.servers.row(actor, name))


REFUSED = (UNKNOWN, domain.SAME_SERVER, domain.ALREADY, domain.CYCLE, domain.DEAD_END)
GIVEN_UP = (HOST_SILENT, NOT_PREPARED, OTHERWISE, UNDONE)

ROUTES = (
    Route(
        method="GET",
        path="/servers/{name}/maintenance/preview",
        handle=preview,
        summary="What entering maintenance would do",
        act=Act.MAINTENANCE,
        problems=REFUSED,
    ),
    Route(
        method="GET",
        path="/servers/{name}/maintenance",
        handle=status,
        summary="A server's last maintenance: its steps, what is true of it now, and whether it is safe to switch off",
        act=Act.SEE_FLEET,
        problems=(UNKNOWN, domain.NOT_IN),
    ),
    Route(
        method="POST",
        path="/servers/{name}/maintenance/enter",
        handle=enter,
        summary="Have another server serve all virtual PBXs of this one, at once",
        act=Act.MAINTENANCE,
        problems=(*REFUSED, BAD_TIME, *GIVEN_UP, *WRITES),
    ),
    Route(
        method="POST",
        path="/servers/{name}/maintenance/leave",
        handle=leave,
        summary="Bring exactly those virtual PBXs home again",
        act=Act.MAINTENANCE,
        problems=(UNKNOWN, domain.NOT_IN, *GIVEN_UP, *WRITES),
    ),
)
