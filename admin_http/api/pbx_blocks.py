"""Many blocks at once over the API, for billing systems."""

from __future__ import annotations

import msgspec

from admin_http.api.route import Route
from admin_http.api.servers import WRITES
from admin_http.services import Services
from asterisk_ext.domain import pbx_rules
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.pbx import Status
from asterisk_ext.services.pbx_blocks import TOO_MANY, TWICE, Done, Wanted
from asterisk_ext.services.virtual_pbx import UNKNOWN


class Block(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    pbx: int
    status: Status
    reason: str = ""
    """Only staff sees it."""


class Blocks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    blocks: list[Block]
    dry_run: bool = False
    """Say what would change and change nothing."""


async def set_blocks(services: Services, actor: Actor, body: Blocks) -> Done:
    wanted = [Wanted(pbx=item.pbx, status=item.status, reason=item.reason) for item in body.blocks]
    return await services.pbx_blocks.set(actor, wanted, body.dry_run)


ROUTES = (
    Route(
        method="POST",
        path="/pbx/blocks",
        handle=set_blocks,
        summary="Set and lift many blocks; a list with a virtual PBX that does not exist is refused whole",
        act=Act.CHANGE_PBX,
        problems=(UNKNOWN, TWICE, TOO_MANY, pbx_rules.INVALID, *WRITES),
    ),
)
