"""The watch over the realtime database, and having Asterisk open it anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dialplan.last_good import fault, keep
from dialplan.reopen import reopen
from dialplan.watch import Watch
from tests.unit.dialplan.damages import DAMAGES, garbled
from tests.unit.dialplan.tenants import clinic, compare, project, shop

CLOSED = "closed"


class World:
    """A database, its copy, the settings that name it, and what Asterisk has read in them."""

    def __init__(self, place: Path) -> None:
        self.database, self.copy = place / "realtime.sqlite3", place / "good.sqlite3"
        self.settings = place / "asterisk-ext.res_config_sqlite3.conf"
        self.settings.write_text(f"[asterisk_ext]\ndbfile => {self.database}\nbatch = 0\n")
        self.opened: list[str] = []
        project(self.database, [clinic(), shop()])
        keep(self.database, self.copy)
        self.held = self.database.open("rb")
        """As Asterisk holds it: no other file gets its number."""
        self.watch = Watch(self.database, self.copy, self.settings, self.reload)

    def reload(self) -> None:
        named = [line for line in self.settings.read_text().splitlines() if line.startswith("dbfile")]
        self.opened.append(named[0].removeprefix("dbfile => ") if named else CLOSED)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.held.close()


def test_asterisk_is_told_at_the_beginning_and_then_left_alone(world: World) -> None:
    assert [world.watch.look() for _ in range(3)] == ["", "", ""]
    assert world.opened == [CLOSED, str(world.database)]
    project(world.database, [clinic()])
    assert world.watch.look() == ""
    assert world.opened == [CLOSED, str(world.database)], "what is written into the same file needs nothing"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_fault_that_stays_is_mended_and_asterisk_opens_the_copy(world: World, damage: Callable[[Path], None]) -> None:
    world.watch.look()
    world.opened.clear()
    damage(world.database)
    assert world.watch.look() == "", "a writer may be at it"
    assert world.watch.look()
    assert len(world.opened) == 2
    assert fault(world.database) == ""
    assert compare(world.database, [clinic(), shop()]).empty


def test_a_database_that_the_projection_made_anew_is_opened_too(world: World) -> None:
    world.watch.look()
    world.opened.clear()
    world.database.unlink()
    project(world.database, [shop()])
    assert world.watch.look() == ""
    assert len(world.opened) == 2
    assert compare(world.database, [shop()]).empty


def test_a_database_that_was_emptied_on_purpose_is_left_alone(world: World) -> None:
    project(world.database, [])
    assert [world.watch.look() for _ in range(3)] == ["", "", ""]
    assert compare(world.database, []).empty


def test_without_a_good_copy_nothing_is_touched(world: World) -> None:
    world.copy.unlink()
    garbled(world.database)
    before = world.database.read_bytes()
    assert [world.watch.look() for _ in range(3)] == ["", "", ""]
    assert world.database.read_bytes() == before


def test_a_reopening_that_broke_off_leaves_the_settings_whole_or_is_finished_by_the_next(world: World) -> None:
    whole, closed = world.settings.read_text(), ""

    def fail() -> None:
        nonlocal closed
        closed = world.settings.read_text()
        raise OSError("the console is gone")

    with pytest.raises(OSError, match="console"):
        reopen(world.settings, fail)
    assert world.settings.read_text() == whole
    world.settings.write_text(closed)
    reopen(world.settings, world.reload)
    assert world.opened == [CLOSED, str(world.database)]
    assert world.settings.read_text() == whole


def test_settings_that_name_no_database_are_refused(world: World) -> None:
    world.settings.write_text("[asterisk_ext]\nbatch = 0\n")
    with pytest.raises(LookupError, match="names no database"):
        reopen(world.settings, world.reload)
