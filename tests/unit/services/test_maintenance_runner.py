"""Maintenances are carried on by whichever node is there, and found again after any crash."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.domain.maintenance_plan import Plan, Step
from asterisk_ext.domain.maintenance_seen import NamesState
from asterisk_ext.domain.pbx import Mode, Pbx
from asterisk_ext.domain.server import LATE_AFTER
from asterisk_ext.ports import UNREACHABLE
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.services import records
from asterisk_ext.services.maintenance_plans import expected_at, lingering
from asterisk_ext.services.maintenance_runner import MaintenanceRunner, has_ended
from tests.unit.services.conftest import NOW, World
from tests.unit.services.test_fleet_calls import row

TENANT = Pbx(id=1, name="P", domain="p1.example.net", home="node1", mode=Mode.GATE_ONLY)


def ended(plan: Plan | None) -> list[Step]:
    return [stage.step for stage in plan.journal if stage.ended] if plan else []


async def plan(world: World, source: str = "node1") -> Plan:
    item = await world.registry.get(records.plan_key(source))
    assert item is not None
    return records.decode(item.value, Plan)


async def served(world: World, calls: int = 0) -> None:
    """Both servers report by the map in force."""
    for node in ("node1", "node2"):
        await world.report(node, calls=calls if node == "node1" else 0, map_revision=world.fleet.map_revision)


async def test_entering_goes_as_far_as_it_can_and_the_rest_is_carried_on_in_the_background(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    flipped = await world.maintenance.enter(ROOT, "node1", "node2", "troca de fonte")
    assert (flipped.server, flipped.flipped, flipped.served) == ("node2", True, False)
    assert ended(await plan(world)) == [Step.PREPARE, Step.FLIP]
    await served(world, calls=2)
    await world.runner.step("node1")
    assert ended(await plan(world)) == [Step.PREPARE, Step.FLIP, Step.SERVE, Step.DNS]
    await served(world)
    await world.runner.step("node1")
    assert ended(await plan(world)) == list(Step)
    status = world.maintenance.status(ROOT, "node1")
    assert (status.safe, status.plan.tenants, status.plan.reason) == (True, 1, "troca de fonte")


async def test_a_source_whose_service_has_just_started_is_not_called_empty(world: World) -> None:
    await world.maintenance.enter(ROOT, "node1", "node2")
    for known in (False, True):
        await served(world)
        await world.report("node1", map_revision=world.fleet.map_revision, calls_known=known)
        await world.runner.step("node1")
        assert (Step.DRAIN in ended(await plan(world)), world.maintenance.status(ROOT, "node1").safe) == (
            (True, True) if known else (False, None)
        )


async def test_nothing_moves_before_the_destination_has_taken_them_in(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    await world.report("node2", prepared=())
    flipped = await world.maintenance.enter(ROOT, "node1", "node2")
    assert not flipped.flipped
    assert expected_at("node2", world.fleet) == ("node1",)
    assert world.fleet.maintenance().entries == {}
    await world.report("node2", prepared=("node1",))
    await world.runner.step("node1")
    assert (await plan(world)).stage(Step.PREPARE) is not None
    item = await world.registry.get(records.MAINTENANCE)
    await world.fleet.reached(item.revision if item else 0)
    assert world.maintenance.status(ROOT, "node1").seen.pointer == "node2"


async def test_a_destination_that_falls_silent_while_it_prepares_is_told_and_nothing_has_moved(world: World) -> None:
    await world.report("node2", prepared=())
    await world.maintenance.enter(ROOT, "node1", "node2")
    world.now = NOW + 60
    with pytest.raises(Refusal) as refusal:
        await world.runner.step("node1")
    assert refusal.value.error_id == "maintenance.host_silent"
    assert (await plan(world)).closed
    assert world.fleet.maintenance().entries == {}


async def test_a_maintenance_that_has_moved_nothing_yet_can_be_taken_back_and_not_asked_for_twice(
    world: World,
) -> None:
    await world.report("node2", prepared=())
    await world.maintenance.enter(ROOT, "node1", "node2")
    with pytest.raises(Refusal) as refusal:
        await world.maintenance.enter(ROOT, "node1", "node2")
    assert refusal.value.error_id == "maintenance.already"
    await served(world)
    await world.maintenance.leave(ROOT, "node1")
    assert (await plan(world)).closed
    assert await world.registry.get(records.MAINTENANCE) is None


async def test_two_who_flip_into_each_other_at_once_one_wins_and_the_other_is_told(world: World) -> None:
    for node in ("node1", "node2"):
        await world.report(node, prepared=())
    await world.maintenance.enter(ROOT, "node1", "node2")
    await world.maintenance.enter(ROOT, "node2", "node1")
    for node, other in (("node1", "node2"), ("node2", "node1")):
        await world.report(node, prepared=(other,))
    await world.runner.step("node1")
    with pytest.raises(Refusal) as refusal:
        await world.runner.step("node2")
    assert refusal.value.error_id == "maintenance.cycle"
    assert [(await plan(world, node)).failed for node in ("node1", "node2")] == ["", "maintenance.cycle"]


async def test_another_node_takes_over_from_a_runner_that_has_fallen_silent(world: World) -> None:
    await world.maintenance.enter(ROOT, "node1", "node2")
    other = MaintenanceRunner("node2", world.registry, world.fleet, world.audit, world.calls, world.clock)
    assert not other._is_mine(await plan(world))
    world.now = NOW + 60
    await world.report("node2", map_revision=world.fleet.map_revision)
    assert other._is_mine(await plan(world))
    await other.step("node1")
    assert ((await plan(world)).runner, ended(await plan(world))[-1]) == ("node2", Step.DNS)


async def test_where_the_destination_dies_right_after_the_flip_it_is_not_called_safe_and_they_can_be_brought_home(
    world: World,
) -> None:
    await world.tenants.save(ROOT, TENANT)
    assert (await world.maintenance.enter(ROOT, "node1", "node2")).flipped
    world.now += 2 * LATE_AFTER
    await world.report("node1", map_revision=world.fleet.map_revision)
    status = world.maintenance.status(ROOT, "node1")
    assert (status.seen.answers, status.seen.served, status.safe) == (False, False, False)
    assert (await world.maintenance.leave(ROOT, "node1")).flipped
    assert world.fleet.maintenance().follow("node1") == "node1"


async def test_who_leaves_again_before_all_phones_are_home_is_still_known_where_they_are(world: World) -> None:
    await world.tenants.save(ROOT, TENANT)
    await world.add_server(3, "node3")
    await world.report("node3")
    await world.maintenance.enter(ROOT, "node1", "node2")
    await served(world)
    await world.maintenance.leave(ROOT, "node1")
    await world.maintenance.enter(ROOT, "node1", "node3")
    assert lingering(world.fleet) == {"node1": "node2"}


async def test_coming_home_to_a_server_that_does_not_answer_is_refused(world: World) -> None:
    await world.maintenance.enter(ROOT, "node1", "node2")
    world.now = NOW + 60
    await world.report("node2")
    with pytest.raises(Refusal) as refusal:
        await world.maintenance.leave(ROOT, "node1")
    assert refusal.value.error_id == "maintenance.host_silent"
    assert world.fleet.maintenance().follow("node1") == "node2"


async def test_a_maintenance_that_was_entered_without_a_plan_can_be_left(world: World) -> None:
    await world.maintenance.enter(ROOT, "node1", "node2")
    item = await world.registry.get(records.plan_key("node1"))
    assert item is not None
    await world.fleet.reached(await world.registry.delete(item.key, item.revision))
    assert world.maintenance.status(ROOT, "node1").plan.by == "root"
    await world.maintenance.leave(ROOT, "node1")
    assert world.fleet.maintenance().entries == {}


async def test_calls_are_hung_up_where_it_was_asked_for_but_never_an_emergency(world: World) -> None:
    world.calls.rows = [row("1.1", "node1"), row("1.2", "node1"), row("2.1", "node2")]
    world.calls.emergency = {"1.2"}
    await world.maintenance.enter(ROOT, "node1", "node2", hang_up=True)
    await served(world, calls=2)
    await world.runner.step("node1")
    assert [call["linkedid"] for call in world.calls.rows] == ["1.2", "2.1"]
    assert world.maintenance.status(ROOT, "node1").safe is False


async def test_while_the_dns_server_is_down_it_is_not_safe_and_the_status_says_why(world: World) -> None:
    await world.maintenance.enter(ROOT, "node1", "node2")
    await served(world)
    state = NamesState(map_revision=world.fleet.map_revision, true=False, at=NOW, error="198.18.1.53 does not answer")
    revision = await world.registry.create(records.NAMES, records.encode(state))
    await world.fleet.reached(revision)
    await world.runner.step("node1")
    status = world.maintenance.status(ROOT, "node1")
    assert (status.safe, status.names and status.names.error) == (False, "198.18.1.53 does not answer")
    assert Step.DRAIN in ended(status.plan) or Step.DRAIN in ended(await plan(world))
    fixed = await world.registry.compare_and_set(records.NAMES, records.encode(replace(state, true=True)), revision)
    await world.fleet.reached(fixed)
    assert world.maintenance.status(ROOT, "node1").safe


async def test_a_flip_is_in_the_audit_once_with_its_way_back_and_so_is_the_return(world: World) -> None:
    await world.maintenance.enter(ROOT, "node1", "node2")
    await served(world)
    await world.runner.step("node1")
    await world.maintenance.leave(ROOT, "node1")
    noted = [(entry.undo, dict(entry.facts)) for entry in world.audit.latest(ROOT) if entry.act == "server.maintenance"]
    assert noted == [
        ("", {"left": "node2"}),
        ("servers/node1/maintenance/leave", {"destination": "node2", "pbx": "0"}),
    ]


async def test_where_somebody_moves_them_elsewhere_while_they_are_taken_in_they_stay_there_and_it_is_told(
    world: World,
) -> None:
    await world.report("node2", prepared=())
    await world.maintenance.enter(ROOT, "node1", "node2")
    moved = Map({"node1": Entry("node3", "2026-11-29T02:00:00Z", "ana")})
    await world.registry.create(records.MAINTENANCE, records.encode(moved))
    await world.report("node2", prepared=("node1",))
    with pytest.raises(Refusal) as refusal:
        await world.runner.step("node1")
    assert refusal.value.error_id == "maintenance.otherwise"
    item = await world.registry.get(records.MAINTENANCE)
    assert records.decode_map(item.value if item else None) == moved
    assert (await plan(world)).closed


class Losable:
    """A registry that is away once it was asked so many things."""

    def __init__(self, registry: FakeRegistry) -> None:
        self._registry = registry
        self.answers = math.inf

    def __getattr__(self, name: str) -> Any:
        if self.answers == 0:
            raise UNREACHABLE.refuse()
        self.answers -= 1
        return getattr(self._registry, name)


@pytest.mark.parametrize("answers", range(14))
async def test_a_registry_that_is_lost_between_two_steps_and_is_back_a_minute_later_loses_nothing(
    world: World, answers: int
) -> None:
    await world.report("node2", prepared=())
    await world.maintenance.enter(ROOT, "node1", "node2")
    await world.report("node2", prepared=("node1",))
    registry: Any = Losable(world.registry)
    runner = MaintenanceRunner("node1", registry, world.fleet, world.audit, world.calls, world.clock)
    registry.answers = answers
    with pytest.raises(Refusal) as refusal:
        while True:
            await runner.step("node1")
    assert refusal.value.problem is UNREACHABLE
    world.now += 60
    registry.answers = math.inf
    await runner.step("node1")
    assert not (await plan(world)).failed, "nobody could report meanwhile"
    while not has_ended(await plan(world), Step.DONE):
        revision = (await world.registry.snapshot(""))[1]
        for node in ("node1", "node2"):
            await world.report(node, prepared=("node1",), map_revision=revision)
        await runner.step("node1")
    item = await world.registry.get(records.MAINTENANCE)
    assert records.decode_map(item.value if item else None).follow("node1") == "node2"
    assert ended(await plan(world)) == list(Step)


async def test_who_is_silent_still_when_the_registry_is_back_for_a_while_is_told(world: World) -> None:
    await world.report("node2", prepared=())
    await world.maintenance.enter(ROOT, "node1", "node2")
    runner = MaintenanceRunner("node1", world.registry, world.fleet, world.audit, world.calls, world.clock)
    world.now += 60
    await runner.step("node1")
    assert not (await plan(world)).closed
    world.now += LATE_AFTER + 1
    with pytest.raises(Refusal) as refusal:
        await runner.step("node1")
    assert refusal.value.error_id == "maintenance.host_silent"
