"""Carries the fleet's maintenances on: observes, decides, writes the journal, acts; on any node, after any crash.

The node that was asked is a plan's runner. When it falls silent another takes over: two that act at once do no harm,
since the journal and the map are written by compare-and-set and everything else may be done twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from asterisk_ext.domain import maintenance
from asterisk_ext.domain.access import Act as Permission
from asterisk_ext.domain.access import Actor, Role
from asterisk_ext.domain.call_news import Snapshot
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.domain.maintenance_plan import Heading, Plan, Step, given_up
from asterisk_ext.domain.maintenance_seen import NamesState, World, observe
from asterisk_ext.domain.maintenance_steps import Act, Decision, Seen, decide, journalled, words_of
from asterisk_ext.domain.server import LATE_AFTER
from asterisk_ext.ports import CONFLICT, Clock, Fleet, Registry
from asterisk_ext.services import consoles
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.maintenance_plans import plans
from asterisk_ext.services.records import (
    MAINTENANCE,
    NAMES,
    decode,
    decode_map,
    decode_report,
    encode,
    plan_key,
)
from asterisk_ext.services.times import iso
from asterisk_ext.services.waiting import first

PERIOD = 1.0
"""Seconds between looks while a plan is under way."""
LONGEST_SLEEP = 60.0
"""Seconds between looks at the clock while plans wait for their time."""
POLL = 0.02
"""The same while somebody waits for it."""
UNAVAILABLE = 500
"""Refusals from this status on are the registry's, not the plan's."""
log = logging.getLogger(__name__)


class Calls(Protocol):
    """The fleet's live calls."""

    async def table(self, actor: Actor) -> Snapshot: ...

    async def hang_up(self, actor: Actor, linkedid: str, server: str = "") -> None:
        """Refuses calls that are gone, and emergency calls."""
        ...


class MaintenanceRunner:
    def __init__(
        self,
        node: str,
        registry: Registry,
        fleet: Fleet,
        audit: Audit,
        calls: Calls,
        clock: Clock,
        period: float = PERIOD,
    ) -> None:
        self.node = node
        self._registry = registry
        self._fleet = fleet
        self._audit = audit
        self._calls = calls
        self._clock = clock
        self._period = period
        self._turn = asyncio.Lock()
        self._heard_since: float | None = None
        """When the registry was reached again; None until then. Whose report is older is not silent for that."""

    async def run(self) -> None:
        """For ever; raises when the registry is lost, to be called again."""
        while True:
            revision = self._fleet.revision
            mine = [plan for plan in plans(self._fleet) if not plan.closed and self._is_mine(plan)]
            for plan in mine:
                await self._carry_on(plan.source)
            await self._until_the_next(revision)

    async def _until_the_next(self, revision: int) -> None:
        """A plan under way is looked at every moment; one that waits, when its time has come."""
        now = self._clock()
        opened = [plan for plan in plans(self._fleet) if not plan.closed]
        if any(not plan.waits(now) for plan in opened):
            await asyncio.sleep(self._period)
        elif opened:
            # The wall clock may be set meanwhile.
            due = min(plan.starts for plan in opened) - now
            await first(self._fleet.after(revision), asyncio.sleep(min(due, LONGEST_SLEEP)))
        else:
            await self._fleet.after(revision)

    async def _carry_on(self, source: str) -> None:
        try:
            await self.step(source)
        except _Overtaken:
            return
        except Refusal as refusal:
            if refusal.problem.status >= UNAVAILABLE:
                raise
            log.warning("%s: %s", refusal.error_id, refusal)

    async def drive(self, source: str, until: Callable[[Plan], bool], patience: float) -> Plan:
        """Step until the plan is as wanted, or ``patience`` seconds; raises the refusal by which it was given up."""
        ends = asyncio.get_running_loop().time() + patience
        while True:
            try:
                plan, acted = await self.step(source)
            except _Overtaken:
                continue
            late = asyncio.get_running_loop().time() >= ends
            if until(plan) or (late and not acted):
                return plan
            if not acted:
                await asyncio.sleep(POLL)

    async def step(self, source: str) -> tuple[Plan, bool]:
        """Look, note, and do at most one thing; whether something was done or noted."""
        async with self._turn:
            try:
                return await self._step(source)
            except Refusal as refusal:
                if refusal.problem.status >= UNAVAILABLE:
                    self._heard_since = None
                raise

    async def _step(self, source: str) -> tuple[Plan, bool]:
        item, world = await self._registry.get(plan_key(source)), await self._world()
        if item is None:
            raise maintenance.NOT_IN.refuse(source=source)
        if self._heard_since is None:
            self._heard_since = world.now
        plan, revision = decode(item.value, Plan), item.revision
        seen = observe(plan, world)
        decision = decide(plan, seen, world.now, self._heard_since)
        noted = replace(journalled(plan, decision, seen, world.now), runner=self.node)
        if has_ended(noted, Step.FLIP) and not has_ended(plan, Step.FLIP):
            await self._note(noted)
        if replace(noted, runner=plan.runner) != plan:
            revision = await self._write(noted, revision)
        if decision.act is Act.GIVE_UP and decision.problem is not None:
            raise decision.problem.refuse(**words_of(plan, seen))
        acted = await self._act(noted, revision, decision, seen, world)
        return noted, acted or noted.journal != plan.journal

    async def _act(self, plan: Plan, revision: int, decision: Decision, seen: Seen, world: World) -> bool:
        if decision.act is Act.FLIP:
            await self._flip(plan, revision, world)
        elif decision.act is Act.HANG_UP:
            return await self._hang_up(plan)
        return decision.act is Act.FLIP

    async def _flip(self, plan: Plan, revision: int, world: World) -> None:
        """One compare-and-set of the map; what the map refuses ends the plan, and whoever was faster is followed."""
        try:
            wanted = self._wanted(plan, world)
        except Refusal as refusal:
            await self._write(given_up(plan, refusal.problem, refusal.params), revision)
            raise
        try:
            if world.map_revision:
                await self._registry.compare_and_set(MAINTENANCE, encode(wanted), world.map_revision)
            else:
                await self._registry.create(MAINTENANCE, encode(wanted))
        except Refusal as refusal:
            if refusal.problem is not CONFLICT:
                raise

    def _wanted(self, plan: Plan, world: World) -> Map:
        if plan.heading is Heading.HOME:
            return maintenance.leave(world.map, plan.source)
        entry = Entry(plan.destination, iso(world.now), plan.by, plan.reason)
        source, destination = self._fleet.server(plan.source), self._fleet.server(plan.destination)
        return maintenance.enter(world.map, source, destination, world.answers(plan.destination) is not None, entry)

    async def _hang_up(self, plan: Plan) -> bool:
        """End what may be ended; what is refused (an emergency call) ends by itself."""
        by = Actor(plan.by, Role.OPERATOR)
        ended = False
        for call in (await self._calls.table(by)).calls:
            if call["server"] == plan.source:
                with contextlib.suppress(Refusal):
                    await self._calls.hang_up(by, call["linkedid"], plan.source)
                    ended = True
        return ended

    async def _world(self) -> World:
        item = await self._registry.get(MAINTENANCE)
        names = await self._registry.get(NAMES)
        beats = await self._registry.beats()
        return World(
            map=decode_map(item.value) if item else Map(),
            map_revision=item.revision if item else 0,
            reports={node: decode_report(data, at) for node, (at, data) in beats.items()},
            names=decode(names.value, NamesState) if names else None,
            now=self._clock(),
        )

    async def _write(self, plan: Plan, revision: int) -> int:
        try:
            return await self._registry.compare_and_set(plan_key(plan.source), encode(plan), revision)
        except Refusal as refusal:
            if refusal.problem is CONFLICT:
                raise _Overtaken from refusal
            raise

    async def _note(self, plan: Plan) -> None:
        """Before the journal says so: a crash between makes two entries rather than none."""
        by = Actor(plan.by, Role.OPERATOR)
        if plan.heading is Heading.AWAY:
            undo, facts = f"servers/{plan.source}/maintenance/leave", {"destination": plan.destination}
            await self._audit.note(by, Permission.MAINTENANCE, plan.source, undo, pbx=plan.tenants, **facts)
        else:
            await self._audit.note(by, Permission.MAINTENANCE, plan.source, "", left=plan.destination)

    def _is_mine(self, plan: Plan) -> bool:
        if not consoles.may(self._fleet, self.node):
            return False
        report = self._fleet.reports().get(plan.runner)
        silent = report is None or self._clock() - report.at > 2 * LATE_AFTER
        return plan.runner == self.node or silent


class _Overtaken(Exception):  # noqa: N818 - no fault
    """Somebody else has carried the plan on meanwhile."""


def has_ended(plan: Plan, step: Step) -> bool:
    stage = plan.stage(step)
    return stage is not None and stage.ended > 0
