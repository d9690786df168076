"""Extensions, trunks, ring groups, DIDs and routes of a virtual PBX over the API, one at a time."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from admin_http.api.route import ApiHandler, Route
from admin_http.api.virtual_pbx import RECORD, Revision
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.pbx import Did, Extension, RingGroup, Trunk
from asterisk_ext.domain.pbx import Route as OutboundRoute
from asterisk_ext.domain.pbx_parts import IN_USE, NO_PART, Kind, Part
from asterisk_ext.ports import CONFLICT, UNREACHABLE
from asterisk_ext.services.virtual_pbx import UNKNOWN


class PartSaved(msgspec.Struct, kw_only=True):
    revision: int
    """Of the record now."""
    passwords: Mapping[str, str]
    """One that was made up, by account; it is shown this once."""


async def put_extension(
    services: Services, actor: Actor, pbx: int, key: str, query: Revision, body: Extension
) -> PartSaved:
    return await _put(services, actor, pbx, Kind.EXTENSIONS, key, query, body)


async def put_trunk(services: Services, actor: Actor, pbx: int, key: str, query: Revision, body: Trunk) -> PartSaved:
    return await _put(services, actor, pbx, Kind.TRUNKS, key, query, body)


async def put_ring_group(
    services: Services, actor: Actor, pbx: int, key: str, query: Revision, body: RingGroup
) -> PartSaved:
    return await _put(services, actor, pbx, Kind.RING_GROUPS, key, query, body)


async def put_did(services: Services, actor: Actor, pbx: int, key: str, query: Revision, body: Did) -> PartSaved:
    return await _put(services, actor, pbx, Kind.DIDS, key, query, body)


async def put_route(
    services: Services, actor: Actor, pbx: int, key: str, query: Revision, body: OutboundRoute
) -> PartSaved:
    return await _put(services, actor, pbx, Kind.ROUTES, key, query, body)


async def _put(
    services: Services, actor: Actor, pbx: int, kind: Kind, key: str, query: Revision, part: Part
) -> PartSaved:
    passwords = await services.pbx_parts.put(actor, pbx, kind, key, part, query.revision)
    return PartSaved(revision=services.virtual_pbxs.revision(pbx), passwords=passwords)


async def remove(services: Services, actor: Actor, pbx: int, kind: Kind, key: str, query: Revision) -> None:
    await services.pbx_parts.remove(actor, pbx, kind, key, query.revision)


_PUT: dict[Kind, tuple[ApiHandler, str]] = {
    Kind.EXTENSIONS: (put_extension, "an extension; a password is made up where there is none"),
    Kind.TRUNKS: (put_trunk, "a trunk; its password stays where none is given"),
    Kind.RING_GROUPS: (put_ring_group, "a ring group"),
    Kind.DIDS: (put_did, "a DID"),
    Kind.ROUTES: (put_route, "an outbound route, named by its pattern"),
}

ROUTES = (
    *(
        Route(
            method="PUT",
            path=f"/pbx/{{pbx}}/{kind}/{{key}}",
            handle=handle,
            summary=f"Add or replace {what}",
            act=Act.CHANGE_PBX,
            problems=(UNKNOWN, *RECORD),
        )
        for kind, (handle, what) in _PUT.items()
    ),
    Route(
        method="DELETE",
        path="/pbx/{pbx}/{kind}/{key}",
        handle=remove,
        summary="Remove one extension, trunk, ring group, DID or route that nothing else leads to",
        act=Act.CHANGE_PBX,
        problems=(UNKNOWN, NO_PART, IN_USE, CONFLICT, UNREACHABLE, *RECORD[:7]),
    ),
)
