"""Asterisk's realtime database is deleted, damaged, locked or built anew: phones go on, and 190 always passes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_ext.domain.pbx import Status
from dialplan.last_good import keep, restore
from dialplan.projection import Projection
from dialplan.rebuild import rebuild
from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.lines import TENANTS, Line, assert_hears_and_is_refused, dial
from tests.unit.dialplan.damages import DAMAGES


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"))
    try:
        one.start(TENANTS)
        keep(one.database, one.state / "realtime.good.sqlite3")
        yield one
    finally:
        one.stop()


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    yield opened
    await opened.close()


async def test_an_older_versions_database_serves_calls_and_is_replaced_under_a_running_asterisk(
    asterisk: OneAsterisk, line: Line
) -> None:
    asterisk.hold(TENANTS)
    with closing(sqlite3.connect(asterisk.database)) as other, other:
        other.execute('DROP TABLE "route"')
        other.execute("PRAGMA user_version = 1")
    assert (await dial(line, "1_200", "04833334444")).final == 200
    assert (await dial(line, "3_200", "190")).final == 200
    blocked = [replace(TENANTS[0], status=Status.TOTAL_BLOCK), *TENANTS[1:]]
    asterisk.hold(blocked, confirmed=False)
    assert_hears_and_is_refused(await dial(line, "1_200", "201"), "total_block")
    assert (await dial(line, "1_200", "190")).final == 200
    asterisk.hold(TENANTS)


@pytest.mark.parametrize("damage", DAMAGES)
async def test_across_a_restart_the_checked_copy_takes_the_place_of_a_faulty_database(
    asterisk: OneAsterisk, line: Line, damage: Callable[[Path], None]
) -> None:
    await asyncio.to_thread(asterisk.stop_asterisk)
    asterisk.projection.close()
    damage(asterisk.database)
    found = restore(asterisk.database, asterisk.state / "realtime.good.sqlite3")
    assert found
    await asyncio.to_thread(asterisk.start_asterisk)
    assert (await dial(line, "3_200", "190")).final == 200
    assert (await dial(line, "1_200", "201")).final == 200
    assert_hears_and_is_refused(await dial(line, "2_200", "04833334444"), "partial_block")


async def test_while_the_database_is_locked_everything_goes_on(asterisk: OneAsterisk, line: Line) -> None:
    with closing(sqlite3.connect(asterisk.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert (await dial(line, "2_200", "190")).final == 200
        assert (await dial(line, "1_200", "201")).final == 200
        assert_hears_and_is_refused(await dial(line, "2_200", "04833334444"), "partial_block")


async def test_a_rebuilt_database_is_taken_up_without_a_restart(asterisk: OneAsterisk, line: Line) -> None:
    await line.phone("1_200")
    blocked = [replace(TENANTS[0], status=Status.TOTAL_BLOCK), *TENANTS[1:]]

    def reload() -> None:
        asterisk.owned_by_asterisk()
        assert "reloaded successfully" in asterisk.cli("module reload res_config_sqlite3.so")

    settings = asterisk.etc / "asterisk-ext.res_config_sqlite3.conf"
    fresh = await asyncio.to_thread(rebuild, settings, asterisk.state, blocked, reload)
    assert_hears_and_is_refused(await dial(line, "1_200", "201"), "total_block")
    assert (await dial(line, "1_200", "190")).final == 200
    with closing(Projection(fresh)) as projection:
        projection.apply(TENANTS)
    assert (await dial(line, "1_200", "201")).final == 200


async def test_a_database_deleted_under_a_running_asterisk_is_no_reason_why_190_fails(
    asterisk: OneAsterisk, line: Line
) -> None:
    await line.phone("3_200")
    for path in asterisk.state.glob("realtime*"):
        path.unlink()
    assert (await dial(line, "3_200", "190")).final == 200
    assert (await dial(line, "1_200", "201")).final == 200
