"""A virtual PBX (PABX Virtual): one tenant, as the registry keeps it.

Accounts are named ``{pbx}_{extension}`` and trunks ``{pbx}_trunk{n}``, so that a channel tells its tenant by its
name. Records hold digests, never passwords.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from asterisk_ext.domain.emergency import DEFAULT_NUMBERS
from asterisk_ext.domain.errors import Problem

REALM = "asterisk-ext"
"""The digest realm of every phone: a stored digest is bound to it (RFC 7616, section 3.4.2)."""


class Status(StrEnum):
    ACTIVE = "active"
    PARTIAL_BLOCK = "partial_block"
    TOTAL_BLOCK = "total_block"


class Mode(StrEnum):
    MANAGED = "managed"
    """Extensions, trunks and numbers are projected to Asterisk by this product."""
    GATE_ONLY = "gate_only"
    """The hoster's own dialplan serves the tenant and asks only the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    number: str
    name: str = ""
    digest: str = ""
    """MD5 of ``account:realm:password`` in lower-case hexadecimal."""
    webrtc: bool = False
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    contacts: int = 1
    """How many phones may be registered at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    name: str
    """``trunk`` and a number: ``trunk14``."""
    host: str
    port: int = 5060
    transport: str = "udp"
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    caller_id: str = ""
    username: str = ""
    """Empty: the carrier knows us by our address."""
    secret_name: str = ""
    """Name of the secret kept apart from the record; never the secret itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingGroup:
    number: str
    name: str = ""
    members: tuple[str, ...]
    timeout: int = 30
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    number: str
    target: str
    """The number of an extension or a ring group of the same virtual PBX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pbx:
    id: int
    name: str
    domain: str
    home: str
    """Name of the server it lives on when nothing is in maintenance."""
    mode: Mode = Mode.MANAGED
    status: Status = Status.ACTIVE
    reason: str = ""
    """Why it is blocked; only the hoster's staff sees it."""
    since: str = ""
    """When the status was set, ISO 8601 UTC."""
    language: str = "pt_BR"
    max_calls: int = 0
    """Simultaneous calls; 0 for no limit."""
    extensions: tuple[Extension, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    ring_groups: tuple[RingGroup, ...] = ()
    dids: tuple[Did, ...] = ()
    emergency_trunks: tuple[str, ...] = ()
    outside_prefixes: tuple[str, ...] = ("0",)
    emergency_numbers: tuple[str, ...] = DEFAULT_NUMBERS
    music_class: str = "default"

    def account(self, extension: str) -> str:
        """The SIP account, which is also the endpoint's name: ``1_200``."""
        return f"{self.id}_{extension}"

    def blocked(self, status: Status, reason: str, since: str) -> Pbx:
        """This virtual PBX with another status."""
        return replace(self, status=status, reason=reason if status is not Status.ACTIVE else "", since=since)


def digest(account: str, password: str) -> str:
    """The HA1 of RFC 7616 for ``password`` (MD5, the algorithm that every phone speaks)."""
    return hashlib.md5(f"{account}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()


INVALID = Problem(
    "pbx.invalid",
    422,
    "The virtual PBX {pbx} was not saved: {value!r} cannot be its {name}.",
    "Give {rule}.",
)
MISSING_TARGET = Problem(
    "pbx.missing_target",
    422,
    "The virtual PBX {pbx} was not saved: {name} {value!r} leads to {target!r}, which it does not have.",
    "Add that extension, ring group or trunk first, or correct the number.",
)
DUPLICATE = Problem(
    "pbx.duplicate",
    422,
    "The virtual PBX {pbx} was not saved: {name} {value!r} is there twice.",
    "Remove one of the two.",
)
EMERGENCY_NUMBER = Problem(
    "pbx.extension_is_emergency_number",
    422,
    "The virtual PBX {pbx} was not saved: extension {value!r} is an emergency number.",
    "Renumber the extension.",
)
NO_EMERGENCY_TRUNK = Problem(
    "pbx.no_emergency_trunk",
    422,
    "The virtual PBX {pbx} was not saved: it names no trunk for emergency calls.",
    "Name at least one of its trunks under emergency_trunks.",
)

_RULES = {
    "extension": (re.compile(r"[0-9]{2,8}"), "2 to 8 digits"),
    "ring group": (re.compile(r"[0-9]{2,8}"), "2 to 8 digits"),
    "DID": (re.compile(r"[0-9]{3,15}"), "3 to 15 digits"),
    "trunk": (re.compile(r"trunk[0-9]{1,6}"), "the word trunk and a number, as in trunk14"),
    "trunk host": (re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?"), "an address or a DNS name"),
    "transport": (re.compile(r"udp|tcp|tls"), "udp, tcp or tls"),
    "codec": (re.compile(r"alaw|ulaw|g722|g729|gsm|opus"), "alaw, ulaw, g722, g729, gsm or opus"),
    "digest": (re.compile(r"[0-9a-f]{32}"), "an MD5 digest in hexadecimal"),
    "domain": (
        re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+"),
        "a DNS name",
    ),
    "name": (re.compile(r"[^\x00-\x1f\x7f]{1,80}"), "1 to 80 characters without control characters"),
    "display name": (re.compile(r"[^\x00-\x1f\x7f\"<>;\\$\[\]{}|,&()]{0,60}"), "at most 60 plain characters"),
    "outside-line prefix": (re.compile(r"[0-9]{1,4}"), "1 to 4 digits"),
    "caller ID": (re.compile(r"\+?[0-9]{0,15}"), "at most 15 digits"),
    "language": (re.compile(r"pt_BR|en"), "pt_BR or en"),
    "music class": (re.compile(r"[a-z0-9_-]{1,40}"), "1 to 40 lower-case letters, digits, - or _"),
    "server": (re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}"), "a server's name"),
}


def check(pbx: Pbx) -> None:
    """Refuse a record that could break Asterisk, reach another tenant or leave someone without 190."""
    for name, value in _values(pbx):
        pattern, rule = _RULES[name]
        if not pattern.fullmatch(value):
            raise INVALID.refuse(field=name, pbx=pbx.id, name=name, value=value, rule=rule)
    _check_numbers(pbx)
    targets = {item.number for item in pbx.extensions} | {group.number for group in pbx.ring_groups}
    trunks = {trunk.name for trunk in pbx.trunks}
    for name, value, target, known in (
        *(("DID", did.number, did.target, targets) for did in pbx.dids),
        *(("ring group", group.number, member, targets) for group in pbx.ring_groups for member in group.members),
        *(("emergency trunk", trunk, trunk, trunks) for trunk in pbx.emergency_trunks),
    ):
        if target not in known:
            raise MISSING_TARGET.refuse(field=name, pbx=pbx.id, name=name, value=value, target=target)
    if pbx.mode is Mode.MANAGED and not pbx.emergency_trunks:
        raise NO_EMERGENCY_TRUNK.refuse(field="emergency_trunks", pbx=pbx.id)


def _check_numbers(pbx: Pbx) -> None:
    seen: set[str] = set()
    for name, value in (
        *(("extension", item.number) for item in pbx.extensions),
        *(("ring group", group.number) for group in pbx.ring_groups),
        *(("trunk", trunk.name) for trunk in pbx.trunks),
    ):
        if value in pbx.emergency_numbers:
            raise EMERGENCY_NUMBER.refuse(field=name, pbx=pbx.id, value=value)
        if value in seen:
            raise DUPLICATE.refuse(field=name, pbx=pbx.id, name=name, value=value)
        seen.add(value)


def _values(pbx: Pbx) -> list[tuple[str, str]]:
    """Every text of the record with the rule it must pass."""
    values = [("name", pbx.name), ("domain", pbx.domain), ("server", pbx.home), ("language", pbx.language)]
    values += [("music class", pbx.music_class)]
    values += [("outside-line prefix", prefix) for prefix in pbx.outside_prefixes]
    for item in pbx.extensions:
        values += [("extension", item.number), ("display name", item.name), ("digest", item.digest)]
        values += [("codec", codec) for codec in item.codecs]
    for trunk in pbx.trunks:
        values += [("trunk", trunk.name), ("trunk host", trunk.host), ("transport", trunk.transport)]
        values += [("caller ID", trunk.caller_id), *(("codec", codec) for codec in trunk.codecs)]
    values += [
        pair for group in pbx.ring_groups for pair in (("ring group", group.number), ("display name", group.name))
    ]
    values += [("DID", did.number) for did in pbx.dids]
    return values
