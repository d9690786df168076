"""Files of virtual PBXs (YAML or JSON): what operators and other systems hand in, turned into records."""

from __future__ import annotations

import secrets

import msgspec

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Did, Extension, Mode, Pbx, RingGroup, Status, Trunk, digest

UNREADABLE = Problem(
    "pbx.file_unreadable",
    422,
    "Nothing was imported: the file does not describe virtual PBXs ({reason}).",
    "Correct the place named, or look at the example in the documentation.",
)


class ExtensionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An extension as it is handed in; a password is made up where none is given."""

    number: str
    name: str = ""
    secret: str = ""
    webrtc: bool = False
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    contacts: int = 1


class TenantEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: int
    name: str
    domain: str
    home: str
    mode: Mode = Mode.MANAGED
    status: Status = Status.ACTIVE
    reason: str = ""
    language: str = "pt_BR"
    max_calls: int = 0
    extensions: tuple[ExtensionEntry, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    ring_groups: tuple[RingGroup, ...] = ()
    dids: tuple[Did, ...] = ()
    emergency_trunks: tuple[str, ...] = ()
    outside_prefixes: tuple[str, ...] = ("0",)
    music_class: str = "default"


class TenantFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tenants: tuple[TenantEntry, ...]


def read(data: bytes) -> TenantFile:
    """Decode a file; JSON is YAML. Refuses ``pbx.file_unreadable`` with the place of the fault."""
    try:
        return msgspec.yaml.decode(data, type=TenantFile)
    except msgspec.DecodeError as error:
        raise UNREADABLE.refuse(reason=error) from None


def record(entry: TenantEntry, existing: Pbx | None, since: str) -> tuple[Pbx, dict[str, str]]:
    """The record for ``entry``, and the passwords that were made up for it, by account.

    An extension that exists keeps its password unless the entry gives another.
    """
    kept = {item.number: item.digest for item in existing.extensions} if existing else {}
    made: dict[str, str] = {}
    extensions = []
    for item in entry.extensions:
        account = f"{entry.id}_{item.number}"
        stored = "" if item.secret else kept.get(item.number, "")
        if not stored:
            password = item.secret or secrets.token_urlsafe(15)
            stored = digest(account, password)
            if not item.secret:
                made[account] = password
        extensions.append(
            Extension(
                number=item.number,
                name=item.name,
                digest=stored,
                webrtc=item.webrtc,
                codecs=item.codecs,
                contacts=item.contacts,
            )
        )
    same_status = existing is not None and existing.status is entry.status
    pbx = Pbx(
        id=entry.id,
        name=entry.name,
        domain=entry.domain,
        home=entry.home,
        mode=entry.mode,
        status=entry.status,
        reason=entry.reason,
        since=existing.since if existing and same_status else since,
        language=entry.language,
        max_calls=entry.max_calls,
        extensions=tuple(extensions),
        trunks=entry.trunks,
        ring_groups=entry.ring_groups,
        dids=entry.dids,
        emergency_trunks=entry.emergency_trunks,
        outside_prefixes=entry.outside_prefixes,
        music_class=entry.music_class,
    )
    return pbx, made
