"""Many blocks at once, as a billing system sets and lifts them every night."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import ROOT, Actor, Role
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Mode, Pbx, Status
from asterisk_ext.ports import CONFLICT
from asterisk_ext.services.pbx_blocks import PbxBlocks, Wanted, read
from tests.unit.services.conftest import World

PARTIAL, TOTAL, ACTIVE = Status.PARTIAL_BLOCK, Status.TOTAL_BLOCK, Status.ACTIVE


@pytest.fixture
async def blocks(world: World) -> PbxBlocks:
    for number in (1, 2, 3):
        domain = f"p{number}.example.net"
        await world.tenants.save(ROOT, Pbx(id=number, name="P", domain=domain, home="node1", mode=Mode.GATE_ONLY))
    return PbxBlocks(world.fleet, world.tenants)


def statuses(world: World) -> list[tuple[Status, str]]:
    return [(pbx.status, pbx.reason) for pbx in sorted(world.fleet.tenants(), key=lambda pbx: pbx.id)]


async def test_a_list_sets_and_lifts_and_a_dry_run_before_it_changes_nothing(world: World, blocks: PbxBlocks) -> None:
    await world.tenants.set_status(ROOT, 3, TOTAL, "fraude")
    wanted = [
        Wanted(pbx=1, status=PARTIAL, reason="fatura"),
        Wanted(pbx=2, status=ACTIVE),
        Wanted(pbx=3, status=ACTIVE),
    ]
    said = await blocks.set(ROOT, wanted, dry_run=True)
    assert (said.changed, said.unchanged) == ((1, 3), (2,))
    assert statuses(world)[0] == (ACTIVE, "")
    done = await blocks.set(ROOT, wanted)
    assert (done.changed, done.unchanged, done.failed) == ((1, 3), (2,), {})
    assert statuses(world) == [(PARTIAL, "fatura"), (ACTIVE, ""), (ACTIVE, "")]
    assert (await blocks.set(ROOT, wanted)).changed == ()


@pytest.mark.parametrize(
    ("wanted", "error_id"),
    [
        ([Wanted(pbx=1, status=TOTAL), Wanted(pbx=9, status=TOTAL)], "pbx.unknown"),
        ([Wanted(pbx=1, status=TOTAL), Wanted(pbx=1, status=ACTIVE)], "pbx.block_twice"),
        ([Wanted(pbx=1, status=TOTAL), Wanted(pbx=2, status=TOTAL, reason="x\ny")], "pbx.invalid"),
        ([Wanted(pbx=1, status=TOTAL)] * 10_001, "pbx.too_many_blocks"),
    ],
)
async def test_a_list_with_a_fault_is_refused_whole(
    world: World, blocks: PbxBlocks, wanted: list[Wanted], error_id: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        await blocks.set(ROOT, wanted)
    assert refusal.value.error_id == error_id
    assert statuses(world) == [(ACTIVE, "")] * 3


async def test_one_that_somebody_else_changes_meanwhile_is_named_and_the_others_go_on(
    world: World, blocks: PbxBlocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = world.registry.compare_and_set

    async def contested(key: str, value: bytes, revision: int) -> int:
        if key == "pbx/00000002":
            raise CONFLICT.refuse(key=key)
        return await written(key, value, revision)

    monkeypatch.setattr(world.registry, "compare_and_set", contested)
    done = await blocks.set(ROOT, [Wanted(pbx=number, status=TOTAL) for number in (1, 2, 3)])
    assert (done.changed, done.failed) == ((1, 3), {2: "registry.conflict"})


async def test_a_viewer_blocks_nobody(blocks: PbxBlocks) -> None:
    with pytest.raises(Refusal) as refusal:
        await blocks.set(Actor("someone", Role.SUPPORT), [Wanted(pbx=1, status=TOTAL)])
    assert refusal.value.error_id == "access.forbidden"


def test_a_file_has_an_id_a_line_with_level_and_reason_where_they_differ() -> None:
    text = "# noite\n1\n\n2,total\n3, partial , contrato, cláusula 4\n4,active\n"
    assert read(text, PARTIAL, "fatura") == [
        Wanted(pbx=1, status=PARTIAL, reason="fatura"),
        Wanted(pbx=2, status=TOTAL, reason="fatura"),
        Wanted(pbx=3, status=PARTIAL, reason="contrato, cláusula 4"),
        Wanted(pbx=4, status=ACTIVE, reason="fatura"),
    ]


@pytest.mark.parametrize("line", ["x", "1,sometimes", "-1", "1;total", "\u0661", "999999999"])
def test_a_line_that_says_something_else_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read(f"1\n{line}\n", PARTIAL)
    assert (refusal.value.error_id, refusal.value.field) == ("pbx.block_file_unreadable", "line 2")
