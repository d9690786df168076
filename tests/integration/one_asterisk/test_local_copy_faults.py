"""What befalls the node service's own copy of the registry, or Asterisk while calls are up: callers notice nothing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.lines import (
    HEARD_ENOUGH,
    OUTSIDE,
    TENANTS,
    Line,
    assert_hears_and_is_refused,
    dial,
    serves_all,
)
from tests.integration.one_asterisk.node_on_asterisk import NodeOnAsterisk, node_on_asterisk


def missing(copy: Path) -> None:
    for part in copy.parent.glob(f"{copy.name}*"):
        part.unlink()


def without_a_byte(copy: Path) -> None:
    missing(copy)
    copy.write_bytes(b"")


def corrupt(copy: Path) -> None:
    missing(copy)
    copy.write_bytes(os.urandom(50_000))


def emptied(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("DELETE FROM item")


def of_an_older_schema(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("ALTER TABLE item DROP COLUMN revision")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOnAsterisk]:
    with node_on_asterisk(tmp_path_factory.mktemp("node")) as made:
        made.add_servers("node1")
        managed = [asdict(pbx) for pbx in TENANTS[:3]]
        made.ask("POST", "pbx/import", data={"tenants": managed})
        made.until_known(TENANTS[2].id)
        yield made


@pytest.fixture
async def line(node: NodeOnAsterisk) -> AsyncIterator[Line]:
    opened = Line(node.one)
    yield opened
    await opened.close()


async def obeys(node: NodeOnAsterisk, line: Line) -> None:
    """What an operator changes is in force at the next call, and nobody else's calls are touched."""
    await asyncio.to_thread(node.ask, "POST", "pbx/1/status", {"status": "total_block", "reason": "test"})
    assert_hears_and_is_refused(await dial(line, "1_200", "201"), "total_block")
    assert (await dial(line, "1_200", "190")).final == 200
    await asyncio.to_thread(node.ask, "POST", "pbx/1/status", {"status": "active"})
    assert (await dial(line, "1_200", "201")).final == 200
    assert_hears_and_is_refused(await dial(line, "2_200", OUTSIDE), "partial_block")


@pytest.mark.parametrize("damage", [missing, without_a_byte, corrupt, emptied, of_an_older_schema])
async def test_the_services_copy_is_damaged_under_it_and_once_more_before_both_are_started_again(
    node: NodeOnAsterisk, line: Line, damage: Callable[[Path], None]
) -> None:
    damage(node.one.state / "copy.sqlite3")
    await obeys(node, line)
    node.kill()
    damage(node.one.state / "copy.sqlite3")
    await asyncio.to_thread(restart, node.one)
    await serves_all(line)
    node.run()
    await asyncio.to_thread(node.until_it_answers)
    await serves_all(line)


async def test_while_the_services_copy_is_locked_it_cannot_start_and_callers_notice_nothing(
    node: NodeOnAsterisk, line: Line
) -> None:
    node.kill()
    with closing(sqlite3.connect(node.one.state / "copy.sqlite3", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM seen")
        node.run()
        await asyncio.to_thread(restart, node.one)
        await serves_all(line)
        other.execute("ROLLBACK")
    node.kill()
    node.run()
    await asyncio.to_thread(node.until_it_answers)
    with closing(sqlite3.connect(node.one.state / "copy.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await serves_all(line)
    await obeys(node, line)


async def test_asterisk_is_restarted_while_calls_are_up_and_one_hears_an_announcement(
    node: NodeOnAsterisk, line: Line
) -> None:
    await line.phone("1_201")
    await (await line.phone("1_200")).reach("201")
    blocked = await line.phone("2_200")
    hearing = asyncio.create_task(blocked.call(OUTSIDE))
    async with asyncio.timeout(30):
        while len(blocked.heard()) < HEARD_ENOUGH:  # noqa: ASYNC110 - each packet would be an event
            await asyncio.sleep(0.05)
    await asyncio.to_thread(restart, node.one)
    await serves_all(line)
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)


def restart(one: OneAsterisk) -> None:
    one.stop_asterisk()
    one.start_asterisk()
