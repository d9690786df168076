"""SIP servers (Servidores SIP): the records, and the state of each from what is known of it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from asterisk_ext.domain.errors import Problem

LATE_AFTER = 7.5
"""Seconds without a report after which a server counts as unreachable: three reports missed."""


class Technology(StrEnum):
    DATABASE = "DATABASE"
    CORE_SERVER = "CORE SERVER"
    NODE = "NODE"
    CDN = "CDN"

    @property
    def hosts(self) -> bool:
        """Whether virtual PBXs can live there."""
        return self in (Technology.CORE_SERVER, Technology.NODE)


class State(StrEnum):
    AWAITING = "awaiting_installation"
    ACTIVE = "active"
    MAINTENANCE = "in_maintenance"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    id: int
    name: str
    technology: Technology
    ip: str
    registration: str = ""
    """IP de registro: the address or name that phones register to."""
    port: int = 8480
    """Port of its console."""
    fleet_port: int = 8481
    """Port that the other servers reach it at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a node last said of itself."""

    at: float = 0.0
    """Epoch seconds, by the registry's clock."""
    map_revision: int = 0
    """Revision of the maintenance map it serves by."""
    pbx: int = 0
    """Virtual PBXs it serves."""
    registered: int = 0
    """Phones registered there."""
    calls: int = 0
    calls_known: bool = True
    """False where its service has just started and not heard of Asterisk's calls yet."""
    version: str = ""
    audio_revision: int = 0
    """The registry's revision whose choice of audios is in force there."""
    lifts: int = 0
    """The registry's revision up to which it has carried out what operators lifted."""
    held_of: Mapping[str, int] = field(default_factory=dict)
    """Bans that it does not make on another server's word, since that one tells too many at once."""
    hosts: bool = True
    """Whether an Asterisk runs there."""
    audios_missing: tuple[str, ...] = ()
    """Chosen audios that could not be brought there; the next best is played."""
    revision: int = 0
    """The registry's revision that Asterisk was last given there; 0 where it does not say."""
    trunks: int | None = None
    """The registry's revision by which its Asterisk registers trunks; None where it does not say."""
    prepared: tuple[str, ...] | None = None
    """Servers whose virtual PBXs it has taken in beforehand; None where it cannot tell."""
    phones_from: Mapping[str, int] = field(default_factory=dict)
    """Phones registered there, by the home of their virtual PBX."""
    calls_from: Mapping[str, int] = field(default_factory=dict)
    """Calls in progress there, likewise."""
    hook: str = ""
    """Why the hoster's own program could not be told of a maintenance there; empty where it has heard of all."""


def state(report: Report | None, in_maintenance: bool, now: float) -> State:
    """The state shown in the table; a server that never reported awaits its installation.

    Maintenance is said even of a server that is silent: its virtual PBXs are elsewhere.
    """
    if report is None:
        return State.AWAITING
    if in_maintenance:
        return State.MAINTENANCE
    if now - report.at > LATE_AFTER:
        return State.UNREACHABLE
    return State.ACTIVE


UNKNOWN = Problem("server.unknown", 404, "There is no server {server}.", "Look at the list of servers for its name.")
INVALID = Problem("server.invalid", 422, "The server was not saved: {value!r} cannot be its {name}.", "Give {rule}.")
EXISTS = Problem("server.exists", 409, "There is a server {server} already.", "Choose another name or id.")
HOSTS_TENANTS = Problem(
    "server.hosts_tenants",
    409,
    "{server} was not removed: it hosts {count} virtual PBXs.",
    "Put it into maintenance or move them, then remove it.",
)
IS_DESTINATION = Problem(
    "server.is_destination",
    409,
    "{server} was not removed: it serves the virtual PBXs of {source}, which is in maintenance.",
    "Take {source} out of maintenance first.",
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
_ADDRESS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")


def check(server: Server) -> None:
    """Refuse a record whose values could not be used."""
    if not _NAME.fullmatch(server.name):
        raise INVALID.refuse(field="name", name="name", value=server.name, rule="letters, digits, dots and hyphens")
    if server.registration and not _ADDRESS.fullmatch(server.registration):
        raise INVALID.refuse(
            field="registration", name="registration address", value=server.registration, rule="an IP or a DNS name"
        )
    try:
        ipaddress.ip_address(server.ip)
    except ValueError:
        raise INVALID.refuse(field="ip", name="IP", value=server.ip, rule="an IPv4 or IPv6 address") from None
