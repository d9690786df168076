"""Virtual PBXs over the API. Answers hold no password and no digest; what is not sent anew keeps the stored one."""

from __future__ import annotations

import msgspec

from admin_http.api.route import Route
from admin_http.api.servers import WRITES
from admin_http.services import Services
from asterisk_ext.domain import pbx as domain
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.emergency import DEFAULT_NUMBERS
from asterisk_ext.domain.pbx import Did, Extension, Mode, Pbx, RingGroup, Status, Trunk, digest
from asterisk_ext.services.virtual_pbx import NO_HOST, UNKNOWN, Row, with_status_of


class ExtensionRow(msgspec.Struct, kw_only=True):
    number: str
    name: str
    webrtc: bool
    codecs: tuple[str, ...]
    contacts: int


class PbxRow(msgspec.Struct, kw_only=True):
    """A virtual PBX, with who serves it now."""

    id: int
    name: str
    domain: str
    home: str
    server: str
    """Who serves it now."""
    visiting: bool
    """Served by another server than its home."""
    mode: Mode
    status: Status
    reason: str
    since: str
    language: str
    max_calls: int
    extensions: list[ExtensionRow]
    trunks: tuple[Trunk, ...]
    ring_groups: tuple[RingGroup, ...]
    dids: tuple[Did, ...]
    emergency_trunks: tuple[str, ...]
    outside_prefixes: tuple[str, ...]
    emergency_numbers: tuple[str, ...]
    music_class: str


class PbxList(msgspec.Struct, kw_only=True):
    pbx: list[PbxRow]


class PbxFilter(msgspec.Struct, kw_only=True):
    text: str = ""
    """In the name, the domain or a number."""
    status: Status | None = None


class ExtensionRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    number: str
    name: str = ""
    password: str = ""
    """Only its digest is kept."""
    digest: str = ""
    """MD5 of ``account:realm:password``, for those who have no password to give."""
    webrtc: bool = False
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    contacts: int = 1


class PbxRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A virtual PBX as it shall be, all of it; its status is changed apart."""

    name: str
    domain: str
    home: str
    mode: Mode = Mode.MANAGED
    language: str = "pt_BR"
    max_calls: int = 0
    extensions: tuple[ExtensionRecord, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    ring_groups: tuple[RingGroup, ...] = ()
    dids: tuple[Did, ...] = ()
    emergency_trunks: tuple[str, ...] = ()
    outside_prefixes: tuple[str, ...] = ("0",)
    emergency_numbers: tuple[str, ...] = DEFAULT_NUMBERS
    music_class: str = "default"


class NumberedPbx(PbxRecord, kw_only=True, forbid_unknown_fields=True):
    id: int


class Import(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    pbx: list[NumberedPbx]
    dry_run: bool = False


class Imported(msgspec.Struct, kw_only=True):
    changed: list[int]
    """Ids of those that are, or in a dry run would be, different from before."""
    dry_run: bool


class NewStatus(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    status: Status
    reason: str = ""


def row_of(row: Row, actor: Actor) -> PbxRow:
    """Why it is blocked is for the hoster's staff only."""
    pbx = row.pbx
    shown = {
        name: getattr(pbx, name)
        for name in PbxRow.__struct_fields__
        if name not in ("extensions", "server", "visiting")
    }
    if actor.pbx is not None:
        shown["reason"] = ""
    extensions = [
        ExtensionRow(number=item.number, name=item.name, webrtc=item.webrtc, codecs=item.codecs, contacts=item.contacts)
        for item in pbx.extensions
    ]
    return PbxRow(**shown, extensions=extensions, server=row.server, visiting=row.visiting)


def record_of(number: int, record: PbxRecord, stored: Pbx | None) -> Pbx:
    """The domain's record; status and digests that were not sent anew are the stored ones."""
    known = {item.number: item.digest for item in stored.extensions} if stored else {}
    values = {name: getattr(record, name) for name in PbxRecord.__struct_fields__ if name != "extensions"}
    extensions = tuple(
        Extension(
            number=item.number,
            name=item.name,
            digest=digest(f"{number}_{item.number}", item.password)
            if item.password
            else item.digest or known.get(item.number, ""),
            webrtc=item.webrtc,
            codecs=item.codecs,
            contacts=item.contacts,
        )
        for item in record.extensions
    )
    return with_status_of(Pbx(id=number, **values, extensions=extensions), stored)


async def table(services: Services, actor: Actor, query: PbxFilter) -> PbxList:
    rows = services.virtual_pbxs.table(actor, query.text, query.status)
    return PbxList(pbx=[row_of(row, actor) for row in rows])


async def one(services: Services, actor: Actor, pbx: int) -> PbxRow:
    return row_of(services.virtual_pbxs.one(actor, pbx), actor)


async def save(services: Services, actor: Actor, pbx: int, body: PbxRecord) -> PbxRow:
    await services.virtual_pbxs.save(actor, record_of(pbx, body, stored(services, pbx)))
    return row_of(services.virtual_pbxs.one(actor, pbx), actor)


async def bring_in(services: Services, actor: Actor, body: Import) -> Imported:
    records = [record_of(item.id, item, stored(services, item.id)) for item in body.pbx]
    changed = await services.virtual_pbxs.save_all(actor, records, body.dry_run)
    return Imported(changed=[pbx.id for pbx in changed], dry_run=body.dry_run)


async def set_status(services: Services, actor: Actor, pbx: int, body: NewStatus) -> PbxRow:
    await services.virtual_pbxs.set_status(actor, pbx, body.status, body.reason)
    return row_of(services.virtual_pbxs.one(actor, pbx), actor)


def stored(services: Services, number: int) -> Pbx | None:
    return next((pbx for pbx in services.fleet.tenants() if pbx.id == number), None)


RECORD = (
    domain.INVALID,
    domain.MISSING_TARGET,
    domain.DUPLICATE,
    domain.EMERGENCY_NUMBER,
    domain.NO_EMERGENCY_TRUNK,
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
        summary="Save many records; all are checked before the first is written",
        act=Act.CHANGE_PBX,
        problems=RECORD,
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
        method="POST",
        path="/pbx/{pbx}/status",
        handle=set_status,
        summary="Block or unblock; in force at the next call",
        act=Act.CHANGE_PBX,
        problems=(UNKNOWN, *WRITES),
    ),
)
