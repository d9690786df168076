"""Records ↔ bytes: JSON in the registry, one key a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from asterisk_ext.domain.emergency import DEFAULT_NUMBERS
from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.server import Report, Server
from asterisk_ext.domain.shared_ban import Lift

T = TypeVar("T")

MAINTENANCE = "maintenance"
NAMES = "dns/state"
"""What the registry's own server last found at the DNS server; it alone writes there."""
PLANS = "maintenance_plan/"
LIFE = "registry/life"
CONSOLES = "registry/consoles"
SERVERS = "server/"
EVIDENCE = "evidence/"
"""Bans of each node's own, by node and address; only that node writes there."""
LIFTS = "lift/"
"""What operators lifted everywhere, by address."""
NEVER_BAN = "never_ban/"
"""Addresses and networks that no server bans."""
WITHDRAWN = "withdrawn/"
"""Servers whose word of bans, told before that record's revision, counts no more."""
JOINS = "join/"
CERTIFICATES = "certificate/"
"""Serial numbers of the certificates that are good, by server."""
TENANTS = "pbx/"
USERS = "user/"
TOKENS = "token/"
AUDIT = "audit/"
FIREWALL_DRAFTS = "firewall/draft/"
FIREWALL_RULES = "firewall/rules/"
"""Rules as last confirmed, by server: for the other servers' consoles. In force is what the server's guard says."""
FIREWALL_TEMPLATES = "firewall/template/"
FIREWALL_LISTS = "firewall/list/"
AUDIOS = "audio/"
AUDIO_USES = "audio_use/"


def evidence_key(node: str, address: str) -> str:
    return f"{EVIDENCE}{node}/{address}"


def lift_key(address: str) -> str:
    return f"{LIFTS}{address}"


def withdrawn_key(server: str) -> str:
    return f"{WITHDRAWN}{server}"


def join_key(server: str) -> str:
    return f"{JOINS}{server}"


def certificate_key(server: str) -> str:
    return f"{CERTIFICATES}{server}"


def server_key(name: str) -> str:
    return f"{SERVERS}{name}"


def tenant_key(pbx: int) -> str:
    return f"{TENANTS}{pbx:08d}"


def audio_key(name: str) -> str:
    return f"{AUDIOS}{name}"


def audio_use_key(pbx: int | None) -> str:
    """Of one virtual PBX, or of the platform's defaults."""
    return f"{AUDIO_USES}default" if pbx is None else f"{AUDIO_USES}{pbx:08d}"


def encode(record: object) -> bytes:
    return msgspec.json.encode(record, order="deterministic")


def decode(data: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(data, type=kind)


def decode_server(data: bytes) -> Server:
    return decode(data, Server)


_USUAL_NUMBERS = b'"emergency_numbers":' + msgspec.json.encode(DEFAULT_NUMBERS) + b","


def decode_tenant(data: bytes) -> Pbx:
    """What nearly every record says alike is read as the default, of which there is one for all: a kilobyte each."""
    return decode(data.replace(_USUAL_NUMBERS, b"", 1), Pbx)


def plan_key(source: str) -> str:
    """Of the last maintenance of that server."""
    return f"{PLANS}{source}"


def decode_tenants(data: Sequence[bytes]) -> list[Pbx]:
    """The same, of many at once."""
    return decode(b"[" + b",".join(data).replace(_USUAL_NUMBERS, b"") + b"]", list[Pbx])


def decode_map(data: bytes | None) -> Map:
    return Map() if data is None else decode(data, Map)


def decode_lift(data: bytes) -> Lift:
    """An older version wrote the time alone."""
    found = decode(data, float | Lift)  # type: ignore[arg-type]
    return found if isinstance(found, Lift) else Lift(serial=1, at=found)


def decode_report(data: bytes, at: float) -> Report:
    """A node's report, with the time at which the registry heard it."""
    return replace(decode(data, Report), at=at)
