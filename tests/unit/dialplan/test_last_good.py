"""The checked copy of the realtime database, and building it anew."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dialplan.last_good import fault, keep, main, restore
from tests.unit.dialplan.damages import DAMAGES, garbled
from tests.unit.dialplan.tenants import clinic, compare, project, shop


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "realtime.sqlite3"
    project(path, [clinic(), shop()])
    return path


def test_a_sound_database_has_no_fault_and_is_left_alone(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "good.sqlite3"
    assert fault(path) == ""
    assert keep(path, copy)
    before = path.stat()
    assert restore(path, copy) == ""
    assert path.stat() == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_faulty_database_is_replaced_by_the_copy(path: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    copy = tmp_path / "good.sqlite3"
    keep(path, copy)
    damage(path)
    assert restore(path, copy) != ""
    assert compare(path, [clinic(), shop()]).empty
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_faulty_database_never_replaces_the_copy(path: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    copy = tmp_path / "good.sqlite3"
    keep(path, copy)
    damage(path)
    assert not keep(path, copy)
    assert fault(copy) == ""


def test_without_a_good_copy_nothing_is_touched(path: Path, tmp_path: Path) -> None:
    garbled(path)
    before = path.read_bytes()
    assert restore(path, tmp_path / "missing.sqlite3") != ""
    assert path.read_bytes() == before


def test_before_asterisk_starts_it_is_said_what_was_wrong_and_whether_it_is_well_now(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "good.sqlite3"
    keep(path, copy)
    assert (main([str(path), str(copy)]), capsys.readouterr().err) == (0, "")
    path.unlink()
    assert main([str(path), str(copy)]) == 0
    assert "it is missing; the copy" in capsys.readouterr().err
    path.unlink()
    copy.unlink()
    assert main([str(path), str(copy)]) == 1
    assert "no good copy" in capsys.readouterr().err


def test_the_copy_holds_what_stands_in_the_write_ahead_log(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "good.sqlite3"
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("SELECT * FROM pbx").fetchall()
        project(path, [clinic()])
        keep(path, copy)
    assert compare(copy, [clinic()]).empty
