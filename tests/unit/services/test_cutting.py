"""Calls in progress when a total block is set."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.pbx import Mode, Pbx, Status
from asterisk_ext.services.cutting import Cutting
from asterisk_ext.tasks import Tasks
from tests.unit.services.conftest import World


class FakeCalls:
    def __init__(self) -> None:
        self.cut_of: list[tuple[int, Collection[str]]] = []
        self.was_cut = asyncio.Event()

    async def cut(self, pbx: int, spared: Collection[str]) -> int:
        self.cut_of.append((pbx, spared))
        self.was_cut.set()
        return 1


async def test_a_total_block_cuts_once_and_what_was_blocked_before_or_partly_is_kept(world: World) -> None:
    for number, status in ((1, Status.TOTAL_BLOCK), (2, Status.ACTIVE), (3, Status.ACTIVE)):
        await world.tenants.save(
            ROOT, Pbx(id=number, name="P", domain=f"p{number}.net", home="node1", mode=Mode.GATE_ONLY, status=status)
        )
    await world.fleet.reached((await world.registry.snapshot(""))[1])
    calls = FakeCalls()
    async with Tasks() as tasks:
        tasks.start("cutting", Cutting(world.fleet, calls, ("4830300000",)).run())
        await asyncio.sleep(0)
        await world.tenants.set_status(ROOT, 2, Status.PARTIAL_BLOCK)
        await world.tenants.set_status(ROOT, 3, Status.TOTAL_BLOCK)
        await asyncio.wait_for(calls.was_cut.wait(), 5)
        await world.tenants.set_status(ROOT, 3, Status.TOTAL_BLOCK, "unpaid")
    assert calls.cut_of == [(3, ("4830300000",))]
