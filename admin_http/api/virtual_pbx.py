"""Virtual PBXs over the API. Answers hold no digest; a password that was made up is told once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from aiohttp import web

from admin_http.api.route import Route
from admin_http.api.servers import WRITES
from admin_http.services import Services
from asterisk_ext.domain import pbx_rules
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.pbx import Did, Mode, Pbx, RingGroup, Status
from asterisk_ext.domain.pbx import Route as OutboundRoute
from asterisk_ext.services import pbx_claims, tenant_file
from asterisk_ext.services.tenant_file import Entry
from asterisk_ext.services.times import iso
from asterisk_ext.services.virtual_pbx import HAS_CALLS, NO_HOST, UNKNOWN, Imported, Row


class ExtensionView(msgspec.Struct, kw_only=True):
    number: str
    name: str
    webrtc: bool
    codecs: tuple[str, ...]
    contacts: int
    caller_id: str


class TrunkView(msgspec.Struct, kw_only=True):
    """A trunk without its password."""

    name: str
    host: str
    port: int
    transport: str
    codecs: tuple[str, ...]
    caller_id: str
    username: str
    has_secret: bool
    register: bool
    srtp: bool
    addresses: tuple[str, ...]


class PbxView(msgspec.Struct, kw_only=True):
    """A virtual PBX without its secrets."""

    id: int
    name: str
    domain: str
    home: str
    mode: Mode
    status: Status
    reason: str
    since: str
    language: str
    max_calls: int
    extensions: list[ExtensionView]
    trunks: list[TrunkView]
    ring_groups: tuple[RingGroup, ...]
    dids: tuple[Did, ...]
    routes: tuple[OutboundRoute, ...]
    emergency_trunks: tuple[str, ...]
    outside_prefixes: tuple[str, ...]
    emergency_numbers: tuple[str, ...]
    music_class: str


class PbxRow(msgspec.Struct, kw_only=True):
    pbx: PbxView
    server: str
    """Who serves it now."""
    visiting: bool
    """Served by another server than its home."""
    revision: int
    """Of the record; a change that names it is refused where somebody else was faster."""


class PbxFilter(msgspec.Struct, kw_only=True):
    text: str = ""
    """In the name, the domain or a number."""
    status: Status | None = None


class PbxSaved(msgspec.Struct, kw_only=True):
    changed: bool
    passwords: Mapping[str, str]
    """Those that were made up, by account; they are shown this once."""


class ImportOptions(msgspec.Struct, kw_only=True):
    dry_run: bool = False


class Revision(msgspec.Struct, kw_only=True):
    revision: int | None = None
    """Change the record only where it is still at this revision; 0: only where there is none."""


class ExportOptions(msgspec.Struct, kw_only=True):
    secrets: bool = False
    """With the digests of phones' passwords and the passwords of trunks; administrators only, and noted."""


class NewStatus(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    status: Status
    reason: str = ""


def row_of(row: Row, actor: Actor) -> PbxRow:
    """Why it is blocked is for the hoster's staff only."""
    shown = msgspec.convert(row, PbxRow, from_attributes=True)
    if actor.pbx is not None:
        shown.pbx.reason = ""
    return shown


async def table(services: Services, actor: Actor, query: PbxFilter) -> list[PbxRow]:
    return [row_of(row, actor) for row in services.virtual_pbxs.table(actor, query.text, query.status)]


async def one(services: Services, actor: Actor, pbx: int) -> PbxRow:
    return row_of(services.virtual_pbxs.one(actor, pbx), actor)


async def save(services: Services, actor: Actor, pbx: int, query: Revision, body: Pbx) -> PbxSaved:
    """The path's id and the status in force win over the body's."""
    given = Entry(replace(body, id=pbx), frozenset())
    record, passwords = tenant_file.record(given, stored(services, pbx), iso(services.clock()))
    changed = await services.virtual_pbxs.save(actor, record, query.revision)
    return PbxSaved(changed=changed, passwords=passwords if changed else {})


async def remove(services: Services, actor: Actor, pbx: int, query: Revision) -> None:
    calls = await services.live_calls.table(actor)
    count = sum(call["pbx"] == str(pbx) for call in calls.calls)
    await services.virtual_pbxs.remove(actor, pbx, count, query.revision)


async def export(services: Services, actor: Actor, query: ExportOptions) -> dict[str, list[dict[str, Any]]]:
    return await services.virtual_pbxs.export(actor, query.secrets)


async def bring_in(services: Services, actor: Actor, query: ImportOptions, request: web.Request) -> Imported:
    return await services.virtual_pbxs.import_file(actor, await request.read(), query.dry_run)


async def set_status(services: Services, actor: Actor, pbx: int, body: NewStatus) -> PbxRow:
    await services.virtual_pbxs.set_status(actor, pbx, body.status, body.reason)
    return row_of(services.virtual_pbxs.one(actor, pbx), actor)


def stored(services: Services, number: int) -> Pbx | None:
    return next((pbx for pbx in services.fleet.tenants() if pbx.id == number), None)


RECORD = (
    pbx_rules.INVALID,
    pbx_rules.MISSING_TARGET,
    pbx_rules.DUPLICATE,
    pbx_rules.EMERGENCY_NUMBER,
    pbx_rules.NO_EMERGENCY_TRUNK,
    pbx_rules.TOO_MANY_FORMS,
    pbx_rules.NO_CREDENTIALS,
    pbx_rules.OPEN_KEYS,
    pbx_rules.FOREIGN_CALLER_ID,
    pbx_claims.DID_TAKEN,
    pbx_claims.DOMAIN_TAKEN,
    NO_HOST,
    *WRITES,
)

ROUTES = (
    Route(
        method="GET",
        path="/pbx",
        handle=table,
        summary="The virtual PBXs that you may see, by id",
        act=Act.SEE_PBX,
    ),
    Route(
        method="POST",
        path="/pbx/import",
        handle=bring_in,
        summary="Save the virtual PBXs of a file (YAML or JSON); all are checked before the first is written",
        act=Act.CHANGE_PBX,
        problems=(tenant_file.UNREADABLE, pbx_claims.TWICE, *RECORD),
        takes=tenant_file.TenantFile,
    ),
    Route(
        method="GET",
        path="/pbx/export",
        handle=export,
        summary="A file of all virtual PBXs that can be imported; secrets only where asked for",
        act=Act.SEE_PBX,
    ),
    Route(
        method="GET",
        path="/pbx/{pbx}",
        handle=one,
        summary="One virtual PBX",
        act=Act.SEE_PBX,
        problems=(UNKNOWN,),
    ),
    Route(
        method="PUT",
        path="/pbx/{pbx}",
        handle=save,
        summary="Create or replace a virtual PBX; its status stays",
        act=Act.CHANGE_PBX,
        problems=RECORD,
    ),
    Route(
        method="DELETE",
        path="/pbx/{pbx}",
        handle=remove,
        summary="Remove a virtual PBX that has no calls in progress",
        act=Act.CHANGE_PBX,
        problems=(UNKNOWN, HAS_CALLS, *WRITES),
    ),
    Route(
        method="POST",
        path="/pbx/{pbx}/status",
        handle=set_status,
        summary="Block or unblock; in force at the next call",
        act=Act.CHANGE_PBX,
        problems=(UNKNOWN, pbx_rules.INVALID, *WRITES),
    ),
)
