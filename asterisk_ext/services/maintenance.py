"""Maintenance: all virtual PBXs of a server are served by another one, at once, until it is lifted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from asterisk_ext.domain import maintenance
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.maintenance import ALREADY, NOT_IN, Entry, Map
from asterisk_ext.domain.maintenance_plan import Heading, Plan, Step, turned
from asterisk_ext.domain.maintenance_preview import Preview, preview, uncovered
from asterisk_ext.domain.maintenance_seen import NamesState, World, observe
from asterisk_ext.domain.maintenance_steps import HOST_SILENT, Seen, is_safe
from asterisk_ext.domain.server import Server, State, state
from asterisk_ext.ports import Clock, Fleet, Item, Registry
from asterisk_ext.services.maintenance_plans import plan_of
from asterisk_ext.services.maintenance_runner import MaintenanceRunner, has_ended
from asterisk_ext.services.records import MAINTENANCE, NAMES, decode, decode_map, encode, plan_key

BAD_TIME = Problem(
    "maintenance.bad_time",
    422,
    "The maintenance of {source} was not planned: that time is over, or more than 30 days away.",
    "Give a time to come, with its offset: 2026-11-29T02:00:00-03:00.",
)
LATEST_START = 30 * 86400.0
"""Seconds."""
PATIENCE = 5.0
"""Seconds to wait for the flip, and for whoever serves then to say so; the plan goes on by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipped:
    """How far a maintenance has come when its asker is answered; it goes on by itself."""

    server: str
    """Who serves the virtual PBXs, or is to."""
    flipped: bool
    """The map says so."""
    served: bool
    """The server has said so itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A server's last maintenance, and what is true of it now."""

    plan: Plan
    seen: Seen
    safe: bool | None
    """Whether the server may be switched off; None where that is not known."""
    names: NamesState | None
    """None where this fleet keeps no names at a DNS server."""


CertifiedNames = Callable[[Server], Awaitable[Collection[str] | None]]
"""The names of a server's certificates: none where it speaks no TLS, None where it did not say."""


class Maintenance:
    def __init__(
        self,
        registry: Registry,
        fleet: Fleet,
        runner: MaintenanceRunner,
        clock: Clock,
        *,
        certified: CertifiedNames,
        patience: float = PATIENCE,
    ) -> None:
        self._patience = patience
        self._registry = registry
        self._fleet = fleet
        self._runner = runner
        self._clock = clock
        self._certified = certified

    def preview(self, actor: Actor, source: str, destination: str) -> Preview:
        """Refuses what ``enter`` would refuse."""
        require(actor, Act.MAINTENANCE)
        self._check(self._fleet.maintenance(), actor, source, destination)
        current, tenants = self._fleet.maintenance(), self._fleet.tenants()
        moved = maintenance.served_by(source, current, tenants)
        served = maintenance.count_served(destination, current, self._fleet.homes())
        servers = self._fleet.server(source), self._fleet.server(destination)
        return preview(*servers, moved, served, self._world())

    async def certificates(self, actor: Actor, source: str, destination: str) -> list[str] | None:
        """The moving tenants' names that the destination shows no certificate for, and the source does; or unknown."""
        require(actor, Act.MAINTENANCE)
        moved = maintenance.served_by(source, self._fleet.maintenance(), self._fleet.tenants())
        servers = (self._fleet.server(source), self._fleet.server(destination))
        here, there = await asyncio.gather(*(self._certified(server) for server in servers))
        return uncovered([pbx.domain for pbx in moved], here, there)

    async def enter(
        self,
        actor: Actor,
        source: str,
        destination: str,
        reason: str = "",
        hang_up: bool = False,
        starts: float = 0.0,
    ) -> Flipped:
        """Begin the plan and carry it on until ``destination`` serves; every new registration and call is then there.

        With ``starts`` (epoch seconds) it begins then, on whichever console is alive; meanwhile the destination takes
        them in, and phones and resolvers are told to ask again soon. Refuses ``maintenance.bad_time``, what the map
        refuses, and what the plan is given up by; nothing has moved then.
        """
        require(actor, Act.MAINTENANCE)
        if hang_up:
            require(actor, Act.HANG_UP)
        if starts and not 0 < starts - self._clock() <= LATEST_START:
            raise BAD_TIME.refuse(field="starts", source=source)
        item = await self._registry.get(MAINTENANCE)
        current = decode_map(item.value) if item else Map()
        self._check(current, actor, source, destination)
        before = await self._registry.get(plan_key(source))
        last = decode(before.value, Plan) if before else None
        if last and _is_beginning(last):
            raise ALREADY.refuse(source=source, destination=last.destination)
        report = self._fleet.reports().get(source)
        plan = Plan(
            source=source,
            destination=destination,
            by=actor.name,
            at=self._clock(),
            former=last.destination if last and not last.closed and last.destination != destination else "",
            starts=starts,
            reason=reason,
            hang_up=hang_up,
            runner=self._runner.node,
            tenants=maintenance.count_served(source, current, self._fleet.homes()),
            registered=report.registered if report else 0,
            calls=report.calls if report else 0,
        )
        await self._put(plan, before)
        if starts:
            return Flipped(server=destination, flipped=False, served=False)
        return await self._carried(plan)

    async def leave(self, actor: Actor, source: str) -> Flipped:
        """Turn the plan, from wherever it stands: exactly the virtual PBXs that left are at home again.

        Refuses ``maintenance.host_silent`` while the server they would come home to does not answer.
        """
        require(actor, Act.MAINTENANCE)
        before = await self._registry.get(plan_key(source))
        item = await self._registry.get(MAINTENANCE)
        entry = decode_map(item.value).entries.get(source) if item else None
        found = decode(before.value, Plan) if before else None
        if entry is None and (found is None or found.closed):
            raise NOT_IN.refuse(source=source)
        if entry is not None and (found is None or found.closed):
            found = Plan(source=source, destination=entry.destination, by=entry.by, reason=entry.reason)
        assert found is not None  # noqa: S101 - one of the two is there
        if entry is not None and not self._answers(source):
            raise HOST_SILENT.refuse(source=source, host=source)
        plan = found if found.heading is Heading.HOME else turned(found, actor.name, self._clock())
        await self._put(plan, before)
        return await self._carried(plan)

    def status(self, actor: Actor, source: str) -> Status:
        """By this node's copy. Refuses ``maintenance.not_in`` for a server that was never in maintenance."""
        require(actor, Act.SEE_FLEET)
        self._fleet.server(source)
        plan = plan_of(self._fleet, source)
        entry = self._fleet.maintenance().entries.get(source)
        if entry is not None and (plan is None or plan.closed):
            plan = Plan(source=source, destination=entry.destination, by=entry.by, reason=entry.reason)
        if plan is None:
            raise NOT_IN.refuse(source=source)
        world = self._world()
        seen = observe(plan, world)
        return Status(plan=plan, seen=seen, safe=is_safe(plan, seen), names=world.names)

    def _world(self) -> World:
        names = self._fleet.item(NAMES)
        return World(
            map=self._fleet.maintenance(),
            map_revision=self._fleet.map_revision,
            reports=self._fleet.reports(),
            names=decode(names.value, NamesState) if names else None,
            now=self._clock(),
        )

    def _check(self, current: Map, actor: Actor, source: str, destination: str) -> None:
        target = self._fleet.server(destination)
        report = self._fleet.reports().get(destination)
        if target.technology.hosts and report is not None and not report.hosts:
            why = "no Asterisk runs there"
            raise maintenance.DEAD_END.refuse(field="destination", source=source, destination=destination, why=why)
        entry = Entry(destination, "", actor.name)
        maintenance.enter(current, self._fleet.server(source), target, self._answers(destination), entry)

    def _answers(self, server: str) -> bool:
        return state(self._fleet.reports().get(server), False, self._clock()) is State.ACTIVE

    async def _put(self, plan: Plan, before: Item | None) -> None:
        key = plan_key(plan.source)
        if before is None:
            await self._registry.create(key, encode(plan))
        else:
            await self._registry.compare_and_set(key, encode(plan), before.revision)

    async def _carried(self, plan: Plan) -> Flipped:
        came = await self._runner.drive(plan.source, _reached(plan.heading), self._patience)
        flipped = has_ended(came, Step.FLIP)
        written = [await self._registry.get(key) for key in (MAINTENANCE, plan_key(plan.source))]
        await self._fleet.reached(max((item.revision for item in written if item), default=0))
        return Flipped(server=plan.host, flipped=flipped, served=has_ended(came, Step.SERVE))


def _is_beginning(plan: Plan) -> bool:
    """Whether it is under way and has moved nothing yet."""
    return not plan.closed and plan.heading is Heading.AWAY and not has_ended(plan, Step.FLIP)


def _reached(heading: Heading) -> Callable[[Plan], bool]:
    """Served, or turned by somebody else meanwhile."""
    return lambda plan: plan.heading is not heading or has_ended(plan, Step.SERVE)
