"""The fleet's registry over the API: making this node its server."""

from __future__ import annotations

import msgspec

from admin_http.api.route import Route
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.node_rights import NOT_A_CONSOLE
from asterisk_ext.services.promotion import IS_HERE, NEVER_FILLED, NOT_EMBEDDED, STILL_THERE, Promoted


class Promote(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    force: bool = False
    """Although the registry's server answers: it is to be followed no more."""


async def promote(services: Services, actor: Actor, body: Promote) -> Promoted:
    return await services.promotion.promote(actor, body.force)


ROUTES = (
    Route(
        method="POST",
        path="/registry/promote",
        handle=promote,
        summary="Make this console the registry's server, from its own copy: the former one is dead",
        act=Act.MANAGE_USERS,
        problems=(IS_HERE, NEVER_FILLED, NOT_EMBEDDED, STILL_THERE, NOT_A_CONSOLE),
    ),
)
