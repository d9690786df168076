"""Bans that hold on the whole fleet: which of the other nodes' bans a node must make its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SECOND_NODE = 2
"""So many nodes that saw the same address fail prove it, where no failure itself proved the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """An operator lifted an address everywhere. ``serial`` counts the lifts of that address: servers' clocks differ."""

    serial: int
    at: float
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A ban of a node's own, as it tells the others."""

    node: str
    address: str
    since: float
    until: float
    proven: bool
    """A failure over TCP, TLS or WebSocket, or an operator's act: nobody can do that in another's name."""
    reason: str = ""
    lift: int = 0
    """Serial of the last lift that the node knew of when it made the ban."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    address: str
    until: float
    node: str
    """Who proved it, or saw it first."""
    since: float


def wanted(
    evidence: Iterable[Evidence], lifted: Mapping[str, Lift], known: Iterable[str], node: str, now: float
) -> dict[str, Wanted]:
    """By address, what ``node`` is to ban on the others' word.

    ``lifted``: the last lift of an address; ``known``: the fleet's servers, since a removed one says nothing.
    """
    servers = set(known)
    by_address: dict[str, list[Evidence]] = {}
    for told in evidence:
        lift = lifted.get(told.address)
        if told.node in servers and told.until > now and told.lift >= (lift.serial if lift else 0):
            by_address.setdefault(told.address, []).append(told)
    found = {}
    for address, all_told in by_address.items():
        others = [told for told in all_told if told.node != node]
        confirmed = any(told.proven for told in all_told) or len({told.node for told in all_told}) >= SECOND_NODE
        if others and confirmed:
            first = min(others, key=lambda told: (not told.proven, told.since))
            until = max(told.until for told in others)
            found[address] = Wanted(address=address, until=until, node=first.node, since=first.since)
    return found
