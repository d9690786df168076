"""The disk is full, and Asterisk is started on it: phones register, calls pass, blocked tenants hear why."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest

from dialplan.last_good import keep
from tests.integration.one_asterisk.asterisk import SOURCE, OneAsterisk
from tests.integration.one_asterisk.lines import TENANTS, Line, assert_hears_and_is_refused, dial
from tests.integration.one_asterisk.small_disk import SmallDisk

KEPT = "realtime.good.sqlite3"


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    """Stopped in order, as for a restart of the machine: SQLite has removed what it keeps beside the database."""
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"))
    try:
        one.start(TENANTS)
        keep(one.database, one.state / KEPT)
        one.stop_asterisk()
        one.projection.close()
        with closing(sqlite3.connect(one.database)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        one.owned_by_asterisk()
        disk = SmallDisk(one, 8)
        disk.fill()
        there = disk.place
        restore = [sys.executable, "-m", "dialplan.last_good", f"{there}/{one.database.name}", f"{there}/{KEPT}"]
        assert one.spawn(restore, cwd=SOURCE).wait(30) == 0
        one.start_asterisk()
        yield one
    finally:
        one.stop()


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    yield opened
    await opened.close()


@pytest.mark.parametrize("service", [True, False], ids=["with our service", "without it"])
async def test_asterisk_started_on_a_full_disk_serves_everybody_as_before(
    asterisk: OneAsterisk, line: Line, service: bool
) -> None:
    if service:
        asterisk.start_agi()
    try:
        assert (await dial(line, "3_200", "190")).final == 200
        assert (await dial(line, "1_200", "201")).final == 200
        assert (await dial(line, "1_200", "04833334444")).final == 200
        assert_hears_and_is_refused(await dial(line, "2_200", "04833334444"), "partial_block")
    finally:
        asterisk.stop_agi()
