"""Names that phones register to, and where each is to lead by the map of maintenances. Pure.

Tenants' names are aliases (CNAME) of their home server's registration name, so the flip of any number of tenants is
one change of that one name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import is_address
from asterisk_ext.domain.server import Server


@dataclass(frozen=True, slots=True)
class Name:
    """What a DNS server says of a name."""

    addresses: frozenset[str]
    ttl: int
    """Seconds; 0 where there is no address."""


def canonical(name: str) -> str:
    return name.lower().rstrip(".")


def is_within(name: str, zone: str) -> bool:
    return bool(zone) and f".{canonical(name)}".endswith(f".{canonical(zone)}")


def wanted(servers: Iterable[Server], current: Map, zone: str) -> dict[str, str]:
    """Registration name → the address of who serves; of the servers that are registered by a name of ``zone``."""
    known = {server.name: server for server in servers}
    named = [server for server in known.values() if not is_address(server.registration)]
    return {
        canonical(server.registration): str(ipaddress.ip_address(known[host].ip))
        for server in sorted(named, key=lambda server: server.id, reverse=True)
        if is_within(server.registration, zone) and (host := current.follow(server.name)) in known
    }


def differing(wanted: Mapping[str, str], found: Mapping[str, Name], ttl: int) -> dict[str, str]:
    """The names that do not lead where they should, or whose answers are kept for longer than ``ttl`` seconds."""
    return {
        name: address
        for name, address in wanted.items()
        if (there := found.get(name)) is None or there.addresses != {address} or there.ttl > ttl
    }
