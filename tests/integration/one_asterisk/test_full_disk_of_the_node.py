"""The disk of a whole node fills up: nobody's calls change, what cannot be kept is refused, and room heals all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass

import pytest

from asterisk_ext import config
from asterisk_ext.domain.errors import Refusal
from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.lines import TENANTS, Line, assert_hears_and_is_refused, dial, serves_all
from tests.integration.one_asterisk.node_on_asterisk import NodeOnAsterisk
from tests.integration.one_asterisk.small_disk import SmallDisk

BLOCKED = {"status": "total_block", "reason": "test"}


@dataclass(frozen=True, slots=True)
class FullNode:
    node: NodeOnAsterisk
    disk: SmallDisk


@pytest.fixture
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullNode]:
    place = tmp_path_factory.mktemp("node")
    one = OneAsterisk(place / "asterisk", verbose=0)
    try:
        one.start([])
        one.projection.close()
        one.stop_asterisk()
        disk = SmallDisk(one, 12)
        one.start_asterisk()
        node = NodeOnAsterisk(one, place / "node", config.Gate(), disk.place)
        node.start()
        node.add_servers("node1")
        node.ask("POST", "pbx/import", data={"tenants": [asdict(pbx) for pbx in TENANTS[:3]]})
        yield FullNode(node, disk)
    finally:
        one.stop()


@pytest.fixture
async def line(full: FullNode) -> AsyncIterator[Line]:
    opened = Line(full.node.one)
    yield opened
    await opened.close()


async def test_a_node_whose_disk_is_full_serves_everybody_refuses_changes_whole_and_takes_them_when_there_is_room(
    full: FullNode, line: Line
) -> None:
    node = full.node
    await serves_all(line)
    full.disk.fill()
    await serves_all(line)
    with pytest.raises(Refusal) as refused:
        await asyncio.to_thread(node.ask, "POST", "pbx/1/status", BLOCKED)
    assert refused.value.error_id == "registry.disk_full"
    await serves_all(line)
    node.kill()
    await asyncio.to_thread(node.one.stop_asterisk)
    await asyncio.to_thread(node.one.start_asterisk)
    node.run()
    await serves_all(line)
    full.disk.free()
    node.kill()
    node.run()
    await asyncio.to_thread(node.until_it_answers)
    await asyncio.to_thread(node.ask, "POST", "pbx/1/status", BLOCKED)
    assert_hears_and_is_refused(await dial(line, "1_200", "201"), "total_block")
    assert (await dial(line, "1_200", "190")).final == 200
