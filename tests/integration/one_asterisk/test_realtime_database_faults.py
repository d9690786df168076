"""Asterisk's realtime database is deleted, damaged, locked or built anew: phones go on, and 190 always passes."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_ext.domain.pbx import Status
from dialplan.last_good import fault, keep, restore
from dialplan.reopen import RELOAD, reopen
from tests.integration.one_asterisk.asterisk import SOURCE, OneAsterisk
from tests.integration.one_asterisk.lines import TENANTS, Line, assert_hears_and_is_refused, dial
from tests.integration.sip_phone import Phone
from tests.unit.dialplan.damages import DAMAGES

RELOADED = "Reloading module 'res_config_sqlite3.so'"


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


async def test_while_the_database_is_locked_asterisk_can_be_restarted(asterisk: OneAsterisk, line: Line) -> None:
    with closing(sqlite3.connect(asterisk.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await asyncio.to_thread(asterisk.stop_asterisk)
        await asyncio.to_thread(asterisk.start_asterisk)
        assert (await dial(line, "2_200", "190")).final == 200
        assert (await dial(line, "1_200", "201")).final == 200
        assert_hears_and_is_refused(await dial(line, "2_200", "04833334444"), "partial_block")


@pytest.fixture
async def watched(asterisk: OneAsterisk) -> AsyncIterator[OneAsterisk]:
    """With the process that looks after the database, and neither a node service nor a gate."""
    asterisk.hold(TENANTS)
    keep(asterisk.database, asterisk.state / "realtime.good.sqlite3")
    console = [*asterisk.chroot(), "/usr/sbin/asterisk"]
    settings = asterisk.etc / "asterisk-ext.res_config_sqlite3.conf"
    words = [str(asterisk.database), str(asterisk.state / "realtime.good.sqlite3"), str(settings), *console]
    told = asterisk.log().count(RELOADED)
    watch = asterisk.spawn([sys.executable, "-m", "dialplan.watch", *words], cwd=SOURCE)
    await reloaded(asterisk, told)
    yield asterisk
    asterisk.end(watch)


@pytest.mark.parametrize("damage", DAMAGES)
async def test_under_a_running_asterisk_the_copy_takes_the_place_of_a_faulty_database(
    watched: OneAsterisk, line: Line, damage: Callable[[Path], None]
) -> None:
    await line.phone("3_200")
    told = watched.log().count(RELOADED)
    damage(watched.database)
    await reloaded(watched, told)
    assert fault(watched.database) == ""
    assert (await dial(line, "3_200", "190")).final == 200
    assert_hears_and_is_refused(await dial(line, "2_200", "04833334444"), "partial_block")
    assert watched.projection.replaced()
    watched.hold([replace(TENANTS[0], status=Status.TOTAL_BLOCK), *TENANTS[1:]])
    assert_hears_and_is_refused(await dial(line, "1_200", "201"), "total_block")


async def test_asterisk_goes_on_while_its_database_is_opened_anew_under_traffic(
    asterisk: OneAsterisk, line: Line
) -> None:
    asterisk.hold(TENANTS)
    phones = [await line.phone(account) for account in ("1_200", "1_201", "1_202", "2_200")]
    done = asyncio.Event()

    async def register(phone: Phone) -> None:
        while not done.is_set():
            await phone.register()

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for phone in phones:
            tasks.create_task(register(phone))
        for _ in range(10):
            settings = asterisk.etc / "asterisk-ext.res_config_sqlite3.conf"
            await asyncio.to_thread(reopen, settings, lambda: asterisk.cli(RELOAD))
        done.set()
    assert (await dial(line, "1_200", "201")).final == 200
    assert (await dial(line, "3_200", "190")).final == 200


async def reloaded(asterisk: OneAsterisk, before: int) -> None:
    """Asterisk was told twice since: to let go of its database, and to open it."""
    async with asyncio.timeout(10):
        while asterisk.log().count(RELOADED) < before + 2:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.05)
    await asyncio.to_thread(asterisk.cli, "core show uptime")


async def test_a_database_deleted_under_a_running_asterisk_is_no_reason_why_190_fails(
    asterisk: OneAsterisk, line: Line
) -> None:
    asterisk.hold(TENANTS)
    await line.phone("3_200")
    for path in asterisk.state.glob("realtime*"):
        path.unlink()
    assert (await dial(line, "3_200", "190")).final == 200
    assert (await dial(line, "1_200", "201")).final == 200
