"""A hoster's own program is told when virtual PBXs move, once each move, until it has heard."""

from __future__ import annotations

import asyncio

import pytest

from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.services.maintenance_hook import MaintenanceHook, after, moves
from asterisk_ext.services.records import MAINTENANCE, encode
from asterisk_ext.tasks import Tasks
from tests.unit.services.conftest import World


def to(**entries: str) -> Map:
    return Map({source: Entry(destination, "2026-01-01T00:00:00Z", "ana") for source, destination in entries.items()})


class Told:
    """``ports.Hook`` and the memory of it."""

    def __init__(self) -> None:
        self.words: list[tuple[str, ...]] = []
        self.problem = ""
        self.told = Map()
        self.heard = asyncio.Event()

    async def __call__(self, *words: str) -> str:
        self.words.append(words)
        self.heard.set()
        return self.problem

    def read(self) -> Map:
        return self.told

    def write(self, told: Map) -> None:
        self.told = told


@pytest.mark.parametrize(
    ("before", "now", "node", "expected"),
    [
        (to(), to(node1="node2"), "node1", ["enter node1 node2"]),
        (to(), to(node1="node2"), "node2", ["enter node1 node2"]),
        (to(), to(node1="node2"), "node3", []),
        (to(node1="node2"), to(), "node2", ["leave node1 node2"]),
        (to(node1="node2"), to(node1="node2"), "node1", []),
        (to(node1="node2"), to(node1="node3"), "node2", ["leave node1 node2"]),
        (to(node1="node2"), to(node1="node3"), "node3", ["enter node1 node3"]),
        (to(node1="node2"), to(node1="node3"), "node1", ["leave node1 node2", "enter node1 node3"]),
    ],
)
def test_a_server_is_told_of_what_it_has_part_in(before: Map, now: Map, node: str, expected: list[str]) -> None:
    assert [str(move) for move in moves(before, now, node)] == expected


def test_interrupted_after_any_word_it_is_told_the_rest_and_nothing_twice() -> None:
    before, now = to(node1="node2", node4="node1"), to(node1="node3")
    whole = list(moves(before, now, "node1"))
    told = before
    for heard, move in enumerate(whole, start=1):
        told = after(told, move, now)
        assert list(moves(told, now, "node1")) == whole[heard:]


async def test_a_program_that_fails_is_told_again_and_what_is_wrong_is_said(world: World) -> None:
    program = Told()
    program.problem = "it ended with status 3: no database"
    hook = MaintenanceHook("node2", world.fleet, program, program, again=0.01)
    async with asyncio.timeout(60), Tasks() as tasks:
        tasks.start("hook", hook.run())
        revision = await world.registry.create(MAINTENANCE, encode(to(node1="node2")))
        while len(program.words) < 2:  # noqa: ASYNC110 - each time is one
            await asyncio.sleep(0.005)
        assert hook.problem == "enter node1 node2: it ended with status 3: no database"
        program.problem = ""
        while hook.problem:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        program.words.clear()
        await world.registry.compare_and_set(MAINTENANCE, encode(to()), revision)
        while not program.words:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert program.words == [("leave", "node1", "node2")]


async def test_what_was_heard_before_a_restart_is_not_told_again(world: World) -> None:
    program = Told()
    await world.registry.create(MAINTENANCE, encode(to(node1="node2")))
    await world.add_server(9, "node9")
    await world.fleet.reached((await world.registry.snapshot(""))[1])
    for _ in range(2):
        await MaintenanceHook("node1", world.fleet, program, program).tell()
    assert program.words == [("enter", "node1", "node2")]
