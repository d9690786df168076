"""Who may make itself the registry's server, and when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from asterisk_ext.domain.access import ROOT, Actor, Role
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.services import consoles
from asterisk_ext.services.promotion import Promotion
from asterisk_ext.store import LocalCopy
from tests.unit.services.conftest import World


class FakeSeats:
    is_here = False

    def __init__(self) -> None:
        self.alive, self.taken = False, 0

    async def answers(self) -> bool:
        return self.alive

    async def take(self) -> tuple[int, Sequence[str]]:
        self.taken += 1
        return 2, ()


async def refusal(promotion: Promotion, actor: Actor = ROOT) -> str:
    with pytest.raises(Refusal) as refused:
        await promotion.promote(actor)
    return refused.value.error_id


async def test_only_a_console_is_promoted_by_an_administrator_where_the_registry_is_silent(world: World) -> None:
    await consoles.appoint(world.registry, world.fleet, ["node1", "node2"])
    await world.fleet.reached((await world.registry.snapshot(""))[1])
    seats = FakeSeats()
    node2, node3 = (Promotion(name, world.fleet, seats, world.audit, world.clock) for name in ("node2", "node3"))
    assert await refusal(node3) == "registry.not_a_console"
    assert await refusal(node2, Actor("ana", Role.OPERATOR)) == "access.forbidden"
    seats.alive = True
    assert await refusal(node2) == "registry.still_there"
    assert seats.taken == 0
    assert (await node2.promote(ROOT, force=True)).epoch == 2
    seats.alive = False
    assert (await node2.promote(ROOT)).age == 0.0
    assert seats.taken == 2


async def test_nothing_is_promoted_without_a_copy_or_where_a_cluster_keeps_the_registry(
    world: World, tmp_path: Path
) -> None:
    empty = LocalCopy(tmp_path / "empty.sqlite3", world.clock)
    assert await refusal(Promotion("node2", empty, FakeSeats(), world.audit, world.clock)) == "registry.never_filled"
    assert await refusal(Promotion("node2", world.fleet, None, world.audit, world.clock)) == "registry.not_embedded"
    empty.close()
