"""Whole nodes while their registry is away, emptied, or restored from a backup: they go on by their copies."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext.cli.registry import _accept
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import LATE_AFTER
from asterisk_ext.registry.engine import DATABASE
from tests.contract.fleet_of_nodes import PATIENCE, Node, as_hosts, fleet
from tests.contract.test_promotion import moved, registration


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
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_hosts(monkeypatch)
    async with fleet(tmp_path_factory.mktemp("f"), 2) as (first, other):
        await other.ask("POST", "servers/node1/maintenance/enter", {"destination": "node2"})
        await first.stop()
        await ages(other, beyond=LATE_AFTER + 1)
        for change in (
            ("PATCH", "servers/node2", {"registration": "lost.example.net"}),
            ("POST", "servers/node1/maintenance/leave"),
        ):
            with pytest.raises(Refusal) as refusal:
                await other.ask(*change)
            assert refusal.value.error_id == "registry.unreachable"
        assert (await other.servers())["node2"]["server"]["registration"] == ""
        begun = await other.ask("GET", "servers/node1/maintenance")
        assert (begun["plan"]["closed"], begun["seen"]["pointer"]) == (False, None)
        as_hosts(monkeypatch, "node1", "node2")
        await first.start()
        await other.edit("node2", "kept.example.net")
        await first.until(registration("node2", "kept.example.net"))
        async with asyncio.timeout(PATIENCE):
            while await age(other) > 3:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        for node in (first, other):
            await node.until(lambda rows: rows["node1"]["destination"] == "node2")
        await home(first)
        await two_at_once(first, other)


async def home(node: Node) -> None:
    """Asked for until the registry has heard of the server again that they return to."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await node.ask("POST", "servers/node1/maintenance/leave")
            except Refusal as refusal:
                if refusal.error_id != "maintenance.host_silent":
                    raise
                await asyncio.sleep(0.2)
            else:
                return


async def two_at_once(first: Node, other: Node) -> None:
    """Two operators, each at a console of his own, flip into each other: one does, and the other is told why not."""
    answers = await asyncio.wait_for(
        asyncio.gather(moved(first, "node1", "node2"), moved(other, "node2", "node1"), return_exceptions=True),
        PATIENCE,
    )
    [told] = [answer for answer in answers if isinstance(answer, Refusal)]
    assert told.error_id == "maintenance.cycle", told
    wanted = ["node2", ""] if answers[0] is None else ["", "node1"]
    for node in (first, other):
        await node.until(lambda rows: [row["destination"] for row in rows.values()] == wanted)


@pytest.mark.parametrize("harm", ["wiped", "restored from a backup"])
async def test_a_registry_that_lost_its_memory_is_not_believed_until_an_operator_accepts_it(
    tmp_path_factory: pytest.TempPathFactory, harm: str
) -> None:
    place = tmp_path_factory.mktemp("f")
    async with fleet(place, 2) as (first, other):
        await first.stop()
        await asyncio.to_thread(copied, first, place / "backup")
        await first.start()
        await first.edit("node2", "newer.example.net")
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
