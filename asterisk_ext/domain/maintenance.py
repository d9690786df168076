"""Maintenance is a pointer: one map {source: destination} tells which server serves a server's virtual PBXs.

One compare-and-set of the map moves any number of tenants, and taking an entry out restores exactly what was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.server import Server


@dataclass(frozen=True, slots=True)
class Entry:
    destination: str
    since: str
    """ISO 8601 UTC."""
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Map:
    """The whole of the fleet's maintenance."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def follow(self, home: str) -> str:
        """The server that serves what lives on ``home`` now."""
        seen = {home}
        while (entry := self.entries.get(home)) is not None and entry.destination not in seen:
            home = entry.destination
            seen.add(home)
        return home

    def entered(self, source: str, entry: Entry) -> Map:
        return Map({**self.entries, source: entry})

    def left(self, source: str) -> Map:
        return Map({name: entry for name, entry in self.entries.items() if name != source})

    def homes_of(self, server: str) -> frozenset[str]:
        """The homes of all that ``server`` serves, its own among them unless it is in maintenance itself."""
        return frozenset(home for home in (*self.entries, server) if self.follow(home) == server)

    def sources_of(self, destination: str) -> list[str]:
        """The servers in maintenance whose virtual PBXs ``destination`` serves, chains followed."""
        return sorted(source for source in self.entries if self.follow(source) == destination)


SAME_SERVER = Problem(
    "maintenance.same_server",
    422,
    "{source} was not put into maintenance: it cannot be its own destination.",
    "Choose another server.",
)
ALREADY = Problem(
    "maintenance.already",
    409,
    "{source} is in maintenance already; {destination} serves its virtual PBXs.",
    "Take it out of maintenance first, or leave it as it is.",
)
NOT_IN = Problem("maintenance.not_in", 409, "{source} is not in maintenance.", "There is nothing to undo.")
CYCLE = Problem(
    "maintenance.cycle",
    409,
    "{source} was not put into maintenance: {destination} is itself served by {source}.",
    "Take {destination} out of maintenance first, or choose another destination.",
)
DEAD_END = Problem(
    "maintenance.dead_end",
    409,
    "{source} was not put into maintenance: {destination} cannot host virtual PBXs now ({why}).",
    "Choose an active CORE SERVER or NODE.",
)


def enter(current: Map, source: Server, destination: Server, active: bool, entry: Entry) -> Map:
    """The map with ``source`` served by ``destination``; ``active`` says whether the destination answers."""
    if source.name == destination.name:
        raise SAME_SERVER.refuse(field="destination", source=source.name)
    if (existing := current.entries.get(source.name)) is not None:
        raise ALREADY.refuse(source=source.name, destination=existing.destination)
    if current.follow(destination.name) == source.name:
        raise CYCLE.refuse(field="destination", source=source.name, destination=destination.name)
    why = "" if active else "it does not answer"
    if not destination.technology.hosts:
        why = f"its technology is {destination.technology}"
    elif destination.name in current.entries:
        why = "it is in maintenance"
    if why:
        raise DEAD_END.refuse(field="destination", source=source.name, destination=destination.name, why=why)
    return current.entered(source.name, entry)


def leave(current: Map, source: str) -> Map:
    """The map without ``source``: its virtual PBXs are at home again."""
    if source not in current.entries:
        raise NOT_IN.refuse(source=source)
    return current.left(source)


def served_by(server: str, current: Map, tenants: Iterable[Pbx]) -> list[Pbx]:
    """The virtual PBXs that ``server`` serves by this map, its own and visiting ones, ordered by id."""
    homes = current.homes_of(server)
    return sorted((pbx for pbx in tenants if pbx.home in homes), key=lambda pbx: pbx.id)


def count_served(server: str, current: Map, living: Mapping[str, int]) -> int:
    """How many ``served_by`` would name, of so many as are ``living`` on each server."""
    return sum(living.get(home, 0) for home in current.homes_of(server))


def known_here(node: str, current: Map, tenants: Iterable[Pbx], expected: Collection[str] = ()) -> list[Pbx]:
    """The virtual PBXs that ``node``'s Asterisk must know, by id: those it serves, and those at home there
    or moved away from there by themselves.

    ``expected`` are servers whose virtual PBXs are about to come: they are taken in before they are served here.
    """
    served = current.homes_of(node)
    for server in expected:
        served = served | current.homes_of(server)
    known = [pbx for pbx in tenants if pbx.home in served or node in (pbx.home, pbx.former)]
    return sorted(known, key=lambda pbx: pbx.id)
