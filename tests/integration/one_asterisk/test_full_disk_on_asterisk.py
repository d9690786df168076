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

KEPT = "realtime.good.sqlite3"


def fill(one: OneAsterisk) -> str:
    """Have a small full disk in the place of the state, as Asterisk and what starts before it see it; its path."""
    place, there = str(one.root.parent / "small"), str(one.root / "var/lib/asterisk-ext")
    for words in (
        ["mkdir", place],
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place],
        ["cp", "-a", f"{one.state}/.", place],
        ["mount", "--bind", place, there],
    ):
        assert one.spawn(words).wait(30) == 0
    assert one.spawn(["fallocate", "--length", "64M", f"{there}/ballast"]).wait(30) != 0
    assert one.spawn(["dd", "if=/dev/zero", f"of={there}/ballast", "bs=4k", "status=none"]).wait(30) != 0
    return there


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
        there = fill(one)
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
