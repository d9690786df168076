"""Which server registers a trunk, so that no two take the carrier's calls from each other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.domain.pbx import Pbx, Trunk
from asterisk_ext.domain.server import Report
from asterisk_ext.services import registering as module
from asterisk_ext.services.registering import Registering, gone_and_back, registering
from asterisk_ext.tasks import Tasks
from dialplan.registrations import ROLLED_BACK
from tests.unit.services.conftest import World

MOVED = Map({"node1": Entry("node2", "", "")})
TRUNK = Trunk(name="trunk14", host="198.18.20.1", username="u", secret="s", register=True)


def tenant(number: int, home: str) -> Pbx:
    return Pbx(
        id=number,
        name="P",
        domain=f"p{number}.example.net",
        home=home,
        trunks=(TRUNK,),
        emergency_trunks=("trunk14",),
    )


TENANTS = [tenant(1, "node1"), tenant(2, "node2")]


def chosen(
    node: str, current: Map, reports: dict[str, Report], held: set[int], now: float = 100
) -> tuple[list[int], bool]:
    ready, waiting = registering(node, current, 7, TENANTS, reports, held, now)
    return [pbx.id for pbx in ready], waiting


BEHIND, WITH_IT = Report(at=99, map_revision=6), Report(at=99, map_revision=7)


def test_a_destination_waits_until_the_source_has_let_go() -> None:
    assert chosen("node2", MOVED, {"node1": BEHIND, "node2": WITH_IT}, {2}) == ([2], True)
    assert chosen("node2", MOVED, {"node1": WITH_IT, "node2": WITH_IT}, {2}) == ([1, 2], False)


def test_a_source_that_serves_by_the_map_and_registers_still_is_waited_for() -> None:
    registers = Report(at=99, map_revision=7, trunks=6)
    assert chosen("node2", MOVED, {"node1": registers, "node2": WITH_IT}, {2}) == ([2], True)
    let_go = Report(at=99, map_revision=7, trunks=7)
    assert chosen("node2", MOVED, {"node1": let_go, "node2": WITH_IT}, {2}) == ([1, 2], False)


def test_a_source_lets_go_at_once() -> None:
    assert chosen("node1", MOVED, {"node2": BEHIND}, {1}) == ([], False)


def test_a_source_that_has_been_silent_for_a_minute_is_down() -> None:
    reports = {"node1": Report(at=99, map_revision=6)}
    assert chosen("node2", MOVED, reports, {2}, now=158) == ([2], True)
    assert chosen("node2", MOVED, reports, {2}, now=160) == ([1, 2], False)


def test_what_is_registered_stays_so_whoever_else_is_late() -> None:
    assert chosen("node2", Map(), {"node1": BEHIND}, {2}) == ([2], False)


def test_trunks_that_are_known_by_address_are_nobodys_to_register() -> None:
    known = Pbx(
        id=3, name="P", domain="p3.example.net", home="node1", trunks=(Trunk(name="trunk1", host="198.18.20.1"),)
    )
    assert registering("node1", Map(), 0, [known], {}, set(), 100) == ([], False)


def test_a_source_that_was_gone_is_back_once_it_serves_by_the_map_that_moved_it() -> None:
    late, behind, back = Report(at=80, map_revision=6), Report(at=99, map_revision=6), Report(at=99, map_revision=7)
    assert gone_and_back("node2", MOVED, 7, {"node1": late}, set(), 100) == ({"node1"}, False)
    assert gone_and_back("node2", MOVED, 7, {"node1": behind}, {"node1"}, 100) == ({"node1"}, False)
    assert gone_and_back("node2", MOVED, 7, {"node1": back}, {"node1"}, 100) == (set(), True)
    assert gone_and_back("node2", MOVED, 7, {"node1": back}, set(), 100) == (set(), False), "it was never gone"
    assert gone_and_back("node3", MOVED, 7, {"node1": late}, set(), 100) == (set(), False), "others serve it"


class FakeRegistrar:
    """``ports.asterisk.Registrar`` that remembers; it refuses as long as it is ``deaf``."""

    def __init__(self) -> None:
        self.applied: list[list[int]] = []
        self.deaf = False
        self.done = asyncio.Event()
        self.renewed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def present(self) -> set[str]:
        return {"1_trunk14"}

    def renew(self) -> None:
        self._loop.call_soon_threadsafe(self.renewed.set)

    def apply(self, tenants: Sequence[Pbx]) -> bool:
        deaf = self.deaf
        self.applied.append([pbx.id for pbx in tenants])
        self._loop.call_soon_threadsafe(self.done.set)
        if deaf:
            raise ROLLED_BACK.refuse(found=0, wanted=1, first="1_trunk14")
        return True


async def test_a_flip_moves_the_registration_and_a_refusal_ends_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.tenants.save(ROOT, TENANTS[0])
    registrar = FakeRegistrar()
    registrar.deaf = True
    async with Tasks() as tasks:
        tasks.start("registering", Registering("node1", world.fleet, registrar, world.clock).run())
        await asyncio.wait_for(registrar.done.wait(), 5)
        registrar.deaf = False
        registrar.done.clear()
        await world.maintenance.enter(ROOT, "node1", "node2")
        await asyncio.wait_for(registrar.done.wait(), 5)
    assert (registrar.applied[0], registrar.applied[-1]) == ([1], [])
    assert "registrations.rolled_back" in caplog.text


async def test_a_source_back_from_the_dead_makes_who_serves_register_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.01)
    await world.tenants.save(ROOT, TENANTS[0])
    await world.maintenance.enter(ROOT, "node1", "node2")
    world.now += 60
    registrar = FakeRegistrar()
    async with Tasks() as tasks:
        tasks.start("registering", Registering("node2", world.fleet, registrar, world.clock).run())
        for _ in range(2):
            # What is looked at after the first time has been seen once the second comes.
            await asyncio.wait_for(registrar.done.wait(), 20)
            registrar.done.clear()
        assert not registrar.renewed.is_set()
        await world.report("node1", map_revision=world.fleet.map_revision)
        await asyncio.wait_for(registrar.renewed.wait(), 20)


def test_the_problem_of_a_rollback_names_a_trunk() -> None:
    with pytest.raises(Refusal, match="1_trunk14"):
        raise ROLLED_BACK.refuse(found=0, wanted=1, first="1_trunk14")
