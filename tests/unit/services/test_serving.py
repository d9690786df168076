"""What a node gives its Asterisk, and when it says so."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.audio import Stems
from asterisk_ext.domain.maintenance import Entry, Map, known_here
from asterisk_ext.domain.pbx import Mode, Pbx
from asterisk_ext.services.audio_delivery import AudioDelivery
from asterisk_ext.services.serving import Serving
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from tests.unit.services.conftest import World
from tests.unit.services.fake_audios import FolderInMemory


class FakeProjector:
    """``ports.Projector`` that remembers."""

    def __init__(self) -> None:
        self.known: list[list[int]] = []
        self.elsewhere: set[int] = set()
        self.lost = False

    def replaced(self) -> bool:
        return self.lost

    def apply(
        self, tenants: Sequence[Pbx], *, elsewhere: Collection[int] = (), audios: Mapping[int, Stems] | None = None
    ) -> object:
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


async def test_a_flip_is_projected_and_then_acknowledged(world: World) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    projector = FakeProjector()
    audios = AudioDelivery("node2", world.fleet, world.registry, FolderInMemory(), world.clock)
    serving = Serving("node2", world.fleet, projector, audios)
    async with Tasks() as tasks:
        tasks.start("serving", serving.run())
        await world.maintenance.enter(ROOT, "node1", "node2")
        await asyncio.wait_for(serving.moved_on(0, 60), 5)
        assert (projector.known[-1], serving.tenants) == ([1], 1)
        assert serving.map_revision == world.fleet.map_revision
        seen = serving.map_revision
        await world.maintenance.leave(ROOT, "node1")
        await asyncio.wait_for(serving.moved_on(seen, 60), 5)
    assert (projector.known[-1], projector.elsewhere) == ([], {1})


async def test_a_copy_that_was_never_filled_empties_no_asterisk(world: World, tmp_path: Path) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    projector, lost = FakeProjector(), LocalCopy(tmp_path / "lost.sqlite", world.clock)
    audios = AudioDelivery("node1", lost, world.registry, FolderInMemory(), world.clock)
    async with Tasks() as tasks:
        tasks.start("serving", Serving("node1", lost, projector, audios).run())
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
        tasks.start("serving", Serving("node1", world.fleet, projector, audios, period=0.01).run())
        async with asyncio.timeout(5):
            while not projector.known:  # noqa: ASYNC110 - a fake has no event
                await asyncio.sleep(0.01)
            projector.lost = True
            while len(projector.known) < 2:  # noqa: ASYNC110 - a fake has no event
                await asyncio.sleep(0.01)
    assert projector.known == [[1], [1]]
