"""Ways: which server serves a virtual PBX that is not served here, and where else phones of one that is may still be.

A phone follows its virtual PBX only when its registration expires. Until then it is where it was, and both servers
help each other: the one it is with hands its calls to extensions to the one that serves, and that one rings it there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import Pbx


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    serves: str = ""
    """Address of the server that serves them, as SIP has it (``198.18.1.2:5062``); empty: it is this one."""
    also: tuple[str, ...] = ()
    """Where else their phones may be registered, likewise."""


def sip_address(host: str, port: int) -> str:
    """``198.18.1.2:5062``, ``[2001:2::1]:5062``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


Lingering = Mapping[str, str]
"""Servers whose virtual PBXs came home not long ago, with the one where phones of theirs may still be."""


def way_of(pbx: Pbx) -> str:
    """What decides a virtual PBX's way: its home, and the one before (``node1``, ``node2/node1``)."""
    return f"{pbx.home}/{pbx.former}" if pbx.former else pbx.home


def ways(
    node: str,
    current: Map,
    tenants: Iterable[Pbx],
    lingering: Lingering,
    addresses: Mapping[str, str],
    silent: Collection[str],
) -> dict[str, Way]:
    """The ways of ``tenants`` as ``node`` sees them, by ``way_of``; those that lead nowhere else are left out.

    Servers without an address are passed over, and ``silent`` ones where phones would be looked for: a call waits for
    no dead server.
    """
    found = {}
    for key in dict.fromkeys(way_of(pbx) for pbx in tenants):
        home, _, former = key.partition("/")
        host = current.follow(home)
        if host != node:
            way = Way(serves=addresses.get(host, ""))
        else:
            others = dict.fromkeys(_others(current, home, former, lingering))
            way = Way(also=tuple(addresses[name] for name in others if _is_asked(name, node, addresses, silent)))
        if way != Way():
            found[key] = way
    return found


def _others(current: Map, home: str, former: str, lingering: Lingering) -> Iterator[str]:
    """Every server where a phone may have been sent before its virtual PBX was served where it is."""
    for start in filter(None, (home, former)):
        server, seen = start, set[str]()
        while server not in seen:
            seen.add(server)
            yield server
            if server in lingering:
                yield lingering[server]
            entry = current.entries.get(server)
            server = entry.destination if entry else server


def _is_asked(name: str, node: str, addresses: Mapping[str, str], silent: Collection[str]) -> bool:
    return name != node and name in addresses and name not in silent
