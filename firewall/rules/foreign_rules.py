"""Rules of others that are in the kernel at this moment: ufw's, firewalld's, Docker's, or anybody's who judges what
comes in. Only names of tables and chains are read, over netlink; nothing is touched.

Numbers: ``linux/netfilter/nf_tables.h``; the legacy tables as in ``kernel/iptables/glance.py``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firewall.kernel.iptables.glance import FAMILIES, table_bytes
from firewall.kernel.nft.netlink import SUBSYSTEM, ElementSocket, attributes
from firewall.kernel.ruleset import TABLE

UFW, FIREWALLD, DOCKER = "ufw", "firewalld", "Docker"
GET_CHAIN = SUBSYSTEM << 8 | 4
CHAIN_TABLE, CHAIN_NAME, CHAIN_HOOK, HOOK_NUMBER = 1, 3, 4, 1
LOCAL_IN = 1
FAMILY_NAMES = {1: "inet", 2: "ip", 10: "ip6"}
TRACES = {
    UFW: ("ufw-", "ufw6-"),
    DOCKER: ("DOCKER",),
    FIREWALLD: ("FWDI_", "IN_public", "FWDO_"),
}
TABLES = {FIREWALLD: ("firewalld",), DOCKER: ("docker-bridges",)}
LEGACY_NAMES = (Path("/proc/net/ip_tables_names"), Path("/proc/net/ip6_tables_names"))


@dataclass(frozen=True, slots=True)
class Chain:
    family: str
    table: str
    name: str
    judges_inbound: bool
    """Whether it is a base chain at the input hook."""


def rulers(chains: Iterable[Chain], legacy: bytes = b"") -> list[str]:
    """Whose these chains and legacy tables are: a manager's name, or the table's own where nobody is known by it."""
    found: dict[str, None] = {}
    tables: dict[tuple[str, str], list[Chain]] = {}
    for chain in chains:
        if (chain.family, chain.table) != ("inet", TABLE):
            tables.setdefault((chain.family, chain.table), []).append(chain)
    for (family, table), listed in tables.items():
        known = [
            manager
            for manager, traces in TRACES.items()
            if table in TABLES.get(manager, ()) or any(chain.name.startswith(traces) for chain in listed)
        ]
        if not known and any(chain.judges_inbound for chain in listed):
            known = [f"table {family} {table}"]
        found |= dict.fromkeys(known)
    found |= dict.fromkeys(
        manager for manager, traces in TRACES.items() if any(trace.encode() in legacy for trace in traces)
    )
    return list(found)


def in_force() -> list[str]:
    """Of this network namespace; what may not be read counts as nothing."""
    with suppress(OSError):
        return rulers(_nftables(), _legacy())
    return []


def _nftables() -> list[Chain]:
    socket = _Chains("")
    try:
        return list(socket.chains())
    finally:
        socket.close()


class _Chains(ElementSocket):
    def chains(self) -> Iterator[Chain]:
        for _, body in self._listed(GET_CHAIN, struct.pack(">BBH", 0, 0, 0)):
            told = dict(attributes(body[4:])) if body else {}
            if CHAIN_TABLE not in told:
                continue
            hook = dict(attributes(told.get(CHAIN_HOOK, b"")))
            number = struct.unpack(">I", hook[HOOK_NUMBER])[0] if HOOK_NUMBER in hook else -1
            family = FAMILY_NAMES.get(body[0], str(body[0]))
            yield Chain(family, _text(told[CHAIN_TABLE]), _text(told[CHAIN_NAME]), number == LOCAL_IN)


def _legacy() -> bytes:
    """The legacy filter tables, where the kernel has them: asking for one that it has not would load it."""
    found = b""
    for names, family in zip(LEGACY_NAMES, FAMILIES, strict=True):
        with suppress(OSError):
            if "filter" in names.read_text().split():
                found += table_bytes(family, "filter")
    return found


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
