"""What is true of a maintenance now, from the map, the servers' reports and the word of who keeps the names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.maintenance_plan import Heading, Plan
from asterisk_ext.domain.maintenance_steps import Seen
from asterisk_ext.domain.server import LATE_AFTER, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesState:
    """What the server that keeps the fleet's names at a DNS server last found; times in epoch seconds."""

    map_revision: int
    """Of the map by which it looked."""
    true: bool
    """Whether the DNS server says what that map wants."""
    at: float
    zone: str = ""
    """The zone whose names are kept."""
    error: str = ""
    """Why it could not make it so."""
    old_until: float = 0.0
    """When the last resolver forgets what was there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    map: Map
    map_revision: int
    reports: Mapping[str, Report]
    names: NamesState | None
    now: float

    def answers(self, server: str) -> Report | None:
        """The report of a server that is not late."""
        report = self.reports.get(server)
        return report if report is not None and self.now - report.at <= LATE_AFTER else None


def observe(plan: Plan, world: World) -> Seen:
    entry = world.map.entries.get(plan.source)
    serving = world.map.follow(plan.source)
    host, serves = world.answers(plan.host), world.answers(serving)
    return Seen(
        pointer=entry.destination if entry else None,
        answers=host is not None,
        prepared=_prepared(plan, host),
        served=serves is not None and serves.map_revision >= world.map_revision,
        dns=None if world.names is None else world.names.true and world.names.map_revision >= world.map_revision,
        calls=_calls(plan, world),
        behind=left.phones_from.get(plan.source, 0) if (left := world.answers(plan.left)) else None,
        followed=host.phones_from.get(plan.source, 0) if host else None,
    )


def _prepared(plan: Plan, host: Report | None) -> bool | None:
    """On the way home nothing has to be taken in: a server knows its own all the while."""
    if host is None or host.prepared is None or plan.heading is Heading.HOME:
        return None
    return plan.source in host.prepared


def _calls(plan: Plan, world: World) -> int | None:
    """All calls at the source, or those of the visitors at the destination.

    Known once it goes by the map in force and has heard of its Asterisk's calls.
    """
    report = world.answers(plan.left)
    if report is None or report.map_revision < world.map_revision or not report.calls_known:
        return None
    return report.calls if plan.heading is Heading.AWAY else report.calls_from.get(plan.source, 0)
