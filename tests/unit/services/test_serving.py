"""What a node gives its Asterisk, and when it says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from asterisk_ext.domain.access import ROOT, Role
from asterisk_ext.domain.audio import Stems
from asterisk_ext.domain.maintenance import Entry, Map, known_here
from asterisk_ext.domain.maintenance_steps import RECOUNT
from asterisk_ext.domain.pbx import Mode, Pbx, Status
from asterisk_ext.domain.server import LATE_AFTER
from asterisk_ext.domain.ways import Way
from asterisk_ext.services.audio_delivery import AudioDelivery
from asterisk_ext.services.serving import Serving
from asterisk_ext.services.virtual_pbx import VirtualPbxs
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from tests.unit.services.conftest import World
from tests.unit.services.fake_audios import FolderInMemory

PORT = 5062
NO_WAYS: Mapping[str, Way] = {}


class FakeProjector:
    """``ports.asterisk.Projector`` that remembers."""

    def __init__(self) -> None:
        self.known: list[list[int]] = []
        self.ways: list[dict[str, Way]] = []
        self.elsewhere: set[int] = set()
        self.lost = False

    def replaced(self) -> bool:
        return self.lost

    def apply(
        self,
        tenants: Sequence[Pbx],
        *,
        elsewhere: Collection[int] = (),
        audios: Mapping[int, Stems] | None = None,
        ways: Mapping[str, Way] = NO_WAYS,
        hurried: Collection[int] = (),
    ) -> object:
        self.hurried = set(hurried)
        self.ways.append(dict(ways))
        self.known.append([pbx.id for pbx in tenants])
        self.elsewhere = set(elsewhere)
        self.lost = False
        return None


def tenant(number: int, home: str) -> Pbx:
    return Pbx(id=number, name="P", domain=f"p{number}.example.net", home=home, mode=Mode.GATE_ONLY)


TENANTS = [tenant(1, "node1"), tenant(2, "node2")]
MOVED = Map({"node1": Entry("node2", "", "")})


def test_a_destination_knows_its_own_and_the_visitors() -> None:
    assert [pbx.id for pbx in known_here("node2", MOVED, TENANTS)] == [1, 2]


def test_a_source_still_knows_its_own_so_that_its_phones_keep_emergency_calls() -> None:
    assert [pbx.id for pbx in known_here("node1", MOVED, TENANTS)] == [1]


HERE, THERE = "198.18.1.1:5062", "198.18.1.2:5062"


async def home_again(world: World) -> None:
    """The plan ends: nobody is left at the destination."""
    world.now += 2 * RECOUNT
    for node in ("node1", "node2"):
        await world.report(node, map_revision=world.fleet.map_revision)
    await world.runner.drive("node1", lambda plan: plan.closed, 5)


async def until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happens():  # noqa: ASYNC110 - a fake has no event
            await asyncio.sleep(0.01)


class HeldProjector(FakeProjector):
    """Asterisk takes what it is given only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def apply(self, tenants: Sequence[Pbx], **more: Any) -> object:
        self.may.wait(60)
        return super().apply(tenants, **more)


async def test_who_changes_a_status_is_answered_when_asterisk_has_been_given_it(world: World) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    projector = HeldProjector()
    audios = AudioDelivery("node1", world.fleet, world.registry, FolderInMemory(), world.clock)
    serving = Serving("node1", world.fleet, projector, audios, PORT, patience=60)
    tenants = VirtualPbxs(world.registry, world.fleet, world.audit, world.clock, serving.obeyed)
    async with Tasks() as tasks:
        tasks.start("serving", serving.run())
        changing = asyncio.create_task(tenants.set_status(ROOT, 1, Status.TOTAL_BLOCK, "unpaid"))
        await until(lambda: world.fleet.tenant(1).status is Status.TOTAL_BLOCK and bool(world.audit.latest(ROOT, 1)))
        assert not changing.done()
        projector.may.set()
        async with asyncio.timeout(60):
            await changing
        assert projector.known, "it was given before the answer"


async def test_an_asterisk_that_takes_nothing_is_not_waited_for_long(world: World) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    audios = AudioDelivery("node1", world.fleet, world.registry, FolderInMemory(), world.clock)
    serving = Serving("node1", world.fleet, FakeProjector(), audios, PORT, patience=0.01)
    tenants = VirtualPbxs(world.registry, world.fleet, world.audit, world.clock, serving.obeyed)
    async with asyncio.timeout(60):
        await tenants.set_status(ROOT, 1, Status.TOTAL_BLOCK, "unpaid")
    assert world.fleet.tenant(1).status is Status.TOTAL_BLOCK


async def test_a_flip_is_projected_and_then_acknowledged(world: World) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    projector = FakeProjector()
    audios = AudioDelivery("node2", world.fleet, world.registry, FolderInMemory(), world.clock)
    serving = Serving("node2", world.fleet, projector, audios, PORT)
    async with Tasks() as tasks:
        tasks.start("serving", serving.run())
        await world.maintenance.enter(ROOT, "node1", "node2")
        await asyncio.wait_for(serving.moved_on(0, 60), 5)
        assert (projector.known[-1], serving.tenants) == ([1], 1)
        assert projector.ways[-1] == {"node1": Way(also=(HERE,))}, "its phones may still be with node1"
        assert serving.map_revision == world.fleet.map_revision
        seen = serving.map_revision
        await world.maintenance.leave(ROOT, "node1")
        await asyncio.wait_for(serving.moved_on(seen, 60), 5)
        assert projector.known[-1] == [1], "phones of theirs are still here"
        assert projector.ways[-1] == {"node1": Way(serves=HERE)}
        await home_again(world)
        await until(lambda: projector.known[-1] == [])
    assert projector.elsewhere == {1}


async def test_a_source_hands_calls_to_who_serves_and_asks_for_phones_there_until_all_are_home(world: World) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    projector = FakeProjector()
    audios = AudioDelivery("node1", world.fleet, world.registry, FolderInMemory(), world.clock)
    async with Tasks() as tasks:
        tasks.start("serving", Serving("node1", world.fleet, projector, audios, PORT, 0.01).run())
        await until(lambda: projector.ways[-1:] == [{}])
        await world.maintenance.enter(ROOT, "node1", "node2")
        await until(lambda: projector.ways[-1] == {"node1": Way(serves=THERE)})
        await world.maintenance.leave(ROOT, "node1")
        await until(lambda: projector.ways[-1] == {"node1": Way(also=(THERE,))})
        world.now += LATE_AFTER + 1
        await world.report("node1")  # no call waits for a server that is silent
        await until(lambda: projector.ways[-1] == {})
        await world.report("node2")
        await until(lambda: projector.ways[-1] == {"node1": Way(also=(THERE,))})
        await home_again(world)
        await until(lambda: projector.ways[-1] == {})


async def test_what_asterisk_is_not_given_is_not_projected(world: World) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    projector = FakeProjector()
    audios = AudioDelivery("node1", world.fleet, world.registry, FolderInMemory(), world.clock)
    serving = Serving("node1", world.fleet, projector, audios, PORT)
    async with Tasks() as tasks:
        tasks.start("serving", serving.run())
        await until(lambda: len(projector.known) == 1)
        await world.users.save(ROOT, "ana", "a-long-password", Role.VIEWER)
        await world.tenants.save(ROOT, TENANTS[1])
        await until(lambda: serving.revision >= world.fleet.touched("pbx/"))
    assert len(projector.known) == 2


async def test_a_copy_that_was_never_filled_empties_no_asterisk(world: World, tmp_path: Path) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    projector, lost = FakeProjector(), LocalCopy(tmp_path / "lost.sqlite", world.clock)
    audios = AudioDelivery("node1", lost, world.registry, FolderInMemory(), world.clock)
    async with Tasks() as tasks:
        tasks.start("serving", Serving("node1", lost, projector, audios, PORT).run())
        await asyncio.sleep(0)
        assert projector.known == []
        tasks.start("copy", lost.follow(world.registry))
        async with asyncio.timeout(5):
            while not projector.known:  # noqa: ASYNC110 - a fake has no event
                await asyncio.sleep(0.01)
    assert projector.known[0] == [1]
    lost.close()


async def test_what_was_projected_is_projected_again_where_another_file_took_its_place(world: World) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    projector = FakeProjector()
    audios = AudioDelivery("node1", world.fleet, world.registry, FolderInMemory(), world.clock)
    async with Tasks() as tasks:
        tasks.start("serving", Serving("node1", world.fleet, projector, audios, PORT, period=0.01).run())
        async with asyncio.timeout(5):
            while not projector.known:  # noqa: ASYNC110 - a fake has no event
                await asyncio.sleep(0.01)
            projector.lost = True
            while len(projector.known) < 2:  # noqa: ASYNC110 - a fake has no event
                await asyncio.sleep(0.01)
    assert projector.known == [[1], [1]]
