"""Whole nodes while their registry is away, emptied, or restored from a backup: they go on by their copies."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext.cli.registry import _accept
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.registry.engine import DATABASE
from tests.contract.fleet_of_nodes import PATIENCE, Node, fleet
from tests.contract.test_promotion import registration


async def age(node: Node) -> float:
    told: dict[str, Any] = await node.ask("GET", "status")
    return float(told["age"])


async def ages(node: Node, beyond: float) -> None:
    async with asyncio.timeout(PATIENCE):
        while await age(node) <= beyond:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def copied(node: Node, place: Path) -> None:
    """A backup of a registry that is not running."""
    shutil.copy(node.state / DATABASE, place)


async def test_with_the_registry_away_nodes_show_their_copys_age_refuse_changes_and_catch_up_when_it_is_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with fleet(tmp_path_factory.mktemp("f"), 2) as (first, other):
        await first.stop()
        await ages(other, beyond=3)
        with pytest.raises(Refusal) as refusal:
            await other.ask("PATCH", "servers/node2", {"registration": "lost.example.net"})
        assert refusal.value.error_id == "registry.unreachable"
        assert (await other.servers())["node2"]["server"]["registration"] == ""
        await first.start()
        await other.ask("PATCH", "servers/node2", {"registration": "kept.example.net"})
        await first.until(registration("node2", "kept.example.net"))
        async with asyncio.timeout(PATIENCE):
            while await age(other) > 3:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("harm", ["wiped", "restored from a backup"])
async def test_a_registry_that_lost_its_memory_is_not_believed_until_an_operator_accepts_it(
    tmp_path_factory: pytest.TempPathFactory, harm: str
) -> None:
    place = tmp_path_factory.mktemp("f")
    async with fleet(place, 2) as (first, other):
        await first.stop()
        await asyncio.to_thread(copied, first, place / "backup")
        await first.start()
        await first.ask("PATCH", "servers/node2", {"registration": "newer.example.net"})
        await other.until(registration("node2", "newer.example.net"))
        await first.stop()
        for part in await asyncio.to_thread(lambda: list(first.state.glob(f"{DATABASE}*"))):
            await asyncio.to_thread(part.unlink)
        if harm != "wiped":
            await asyncio.to_thread(shutil.copy, place / "backup", first.state / DATABASE)
        await first.start()
        await ages(other, beyond=5)
        assert (await other.servers())["node2"]["server"]["registration"] == "newer.example.net"
        await first.stop()
        life, lost = await _accept(first.config)
        assert life.epoch == 2
        assert "server/node2" in lost
        if harm == "wiped":
            return
        await first.start()
        await other.until(registration("node2", ""))
