"""The registry's own server dies, and a console is promoted from its copy; what was lost is listed when it returns."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext.domain.audio import Recording
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.engine import DATABASE
from asterisk_ext.services import records
from tests.contract.fleet_of_nodes import PATIENCE, Node, as_hosts, fleet

FLIPS_AGAIN = 60.0
"""Seconds after a promotion within which maintenance must be possible."""


def registration(server: str, wanted: str) -> Any:
    return lambda rows: rows[server]["server"]["registration"] == wanted


def states(rows: dict[str, dict[str, Any]]) -> list[str]:
    return [row["state"] for row in rows.values()]


async def moved(node: Node, source: str, destination: str) -> None:
    """A maintenance, asked for until the fleet is ready for it, has flipped and is served."""
    while True:
        try:
            await node.ask("POST", f"servers/{source}/maintenance/enter", {"destination": destination})
        except Refusal as refusal:
            if not refusal.error_id.startswith(("registry.", "maintenance.dead_end", "maintenance.already")):
                raise
            await asyncio.sleep(0.2)
        else:
            return


async def upload(node: Node, content: bytes) -> str:
    """An audio, written as the node's own service writes it; it is heard of with the next change."""
    registry = EmbeddedRegistry(node.state / DATABASE, time.time)
    name = await registry.put_blob(content)
    recording = Recording(name="closed", seconds=1.0, files={"alaw": name})
    await registry.create(records.audio_key("closed"), records.encode(recording))
    await registry.close()
    return name


async def kept(node: Node, name: str) -> bytes | None:
    registry = EmbeddedRegistry(node.state / DATABASE, time.time)
    try:
        return await registry.get_blob(name)
    finally:
        await registry.close()


async def acknowledged_by_nobody_else(node: Node, key: str) -> None:
    """A write that the registry's server had made durable in its last moment."""
    registry = EmbeddedRegistry(node.state / DATABASE, time.time)
    await registry.create(key, b"1.0")
    await registry.close()


async def refused(node: Node, force: bool = False) -> str:
    with pytest.raises(Refusal) as refusal:
        await node.ask("POST", "registry/promote", {"force": force})
    return refusal.value.error_id


async def test_a_console_takes_the_dead_servers_place_and_the_fleet_goes_on_with_it(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_hosts(monkeypatch, "node3")
    lost = records.lift_key("192.0.2.66")
    async with fleet(tmp_path_factory.mktemp("p"), 3) as (first, console, other):
        assert await refused(console) == "registry.still_there"
        assert await refused(first) == "registry.is_here"
        audio = await upload(first, b"audio")
        await first.edit("node3", "before.example.net")
        await console.until(registration("node3", "before.example.net"))
        async with asyncio.timeout(PATIENCE):
            while audio not in await asyncio.to_thread(os.listdir, console.state / "standby"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await first.stop()
        await acknowledged_by_nobody_else(first, lost)
        assert await refused(other, force=True) == "registry.not_a_console"

        made = await console.ask("POST", "registry/promote", {"force": False})
        assert (made["epoch"], made["missing"]) == (2, [])
        assert await kept(console, audio) == b"audio"
        async with asyncio.timeout(FLIPS_AGAIN):
            await moved(console, "node3", "node2")
            await console.until(lambda rows: rows["node3"]["destination"] == "node2")
        await console.edit("node3", "after.example.net")
        await other.until(registration("node3", "after.example.net"))
        for node in (console, other):
            await node.until(lambda rows: states(rows) == ["unreachable", "active", "in_maintenance"])
        assert await refused(other) == "registry.not_a_console"

        await first.start()
        await first.until(registration("node3", "after.example.net"))
        await first.until(lambda rows: states(rows) == ["active", "active", "in_maintenance"])
        assert (await first.servers())["node3"]["destination"] == "node2"
        told = await asyncio.to_thread(Path(first.state / "lost-writes.json").read_text)
        assert json.loads(told) == [lost]
        await first.edit("node3", "later.example.net")
        await other.until(registration("node3", "later.example.net"))


async def test_a_server_of_the_registry_that_is_told_while_it_runs_steps_down(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with fleet(tmp_path_factory.mktemp("p"), 2) as (first, console):
        assert (await console.ask("POST", "registry/promote", {"force": True}))["epoch"] == 2
        await console.edit("node2", "after.example.net")
        await first.until(registration("node2", "after.example.net"))
        assert await refused(console) == "registry.is_here"
        assert await refused(first) == "registry.still_there"
