"""The audit journal over the API."""

from __future__ import annotations

from typing import Annotated

import msgspec

from admin_http.api.route import Route
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.services.audit import Entry


class AuditFilter(msgspec.Struct, kw_only=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50


async def latest(services: Services, actor: Actor, query: AuditFilter) -> list[Entry]:
    return services.audit.latest(actor, query.count)


ROUTES = (
    Route(method="GET", path="/audit", handle=latest, summary="What was done, the newest first", act=Act.SEE_AUDIT),
)
