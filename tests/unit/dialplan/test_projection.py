"""The realtime database on disk: what is applied, what is refused, what a crash leaves behind."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Pbx, Status
from dialplan import projection as module
from dialplan.projection import Projection
from tests.unit.dialplan.tenants import clinic, shop


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "realtime.sqlite3"


@pytest.fixture
def asterisk(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process with the file open, as Asterisk has it."""
    Projection(path).apply([])
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def many(count: int) -> list[Pbx]:
    return [replace(shop(), id=number, dids=()) for number in range(1, count + 1)]


def test_applying_makes_the_file_and_applying_again_changes_nothing(path: Path) -> None:
    assert not Projection(path).apply([clinic(), shop()]).empty
    assert Projection(path).apply([clinic(), shop()]).empty
    assert Projection(path).compare([shop(), clinic()]).empty


def test_the_file_is_its_owners_alone(path: Path) -> None:
    Projection(path).apply([clinic()])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_asterisk_sees_a_changed_status_at_once_and_only_that_row_is_written(
    path: Path, asterisk: sqlite3.Connection
) -> None:
    Projection(path).apply([clinic(), shop()])
    found = Projection(path).apply([replace(clinic(), status=Status.TOTAL_BLOCK), shop()])
    assert (found.added, found.changed, found.removed) == ({}, {"pbx": ["1"]}, {})
    assert asterisk.execute("SELECT status FROM pbx WHERE id = '1'").fetchall() == [("total_block",)]


def test_a_foreign_change_is_seen_and_repaired(path: Path, asterisk: sqlite3.Connection) -> None:
    Projection(path).apply([clinic()])
    with asterisk:
        asterisk.execute("DELETE FROM ps_auths WHERE id = '1_200'")
        asterisk.execute("UPDATE did SET pbx = '2'")
    found = Projection(path).compare([clinic()])
    assert (found.added, found.changed, found.removed) == ({"ps_auths": ["1_200"]}, {"did": ["4831210114"]}, {})
    Projection(path).apply([clinic()])
    assert Projection(path).compare([clinic()]).empty


def test_losing_more_than_one_in_twenty_tenants_is_refused_unless_confirmed(path: Path) -> None:
    Projection(path).apply(many(200))
    with pytest.raises(Refusal) as refusal:
        Projection(path).apply(many(189))
    assert refusal.value.error_id == "projection.removes_too_much"
    assert refusal.value.params == {"removed": 11, "present": 200}
    assert Projection(path).compare(many(200)).empty
    assert len(Projection(path).apply(many(189), confirmed=True).removed["pbx"]) == 11


def test_a_handful_of_tenants_may_go_without_a_question(path: Path) -> None:
    Projection(path).apply(many(5))
    assert Projection(path).apply([]).removed["pbx"] == ["1", "2", "3", "4", "5"]


def test_an_interrupted_apply_leaves_what_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Projection(path).apply([clinic()])

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(module, "_write", fails)
    with pytest.raises(sqlite3.OperationalError):
        Projection(path).apply([shop()])
    assert Projection(path).compare([clinic()]).empty


def test_a_locked_file_is_an_error_after_the_time_out_and_changes_nothing(
    path: Path, asterisk: sqlite3.Connection
) -> None:
    asterisk.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Projection(path, timeout=0.05).apply([clinic()])
    asterisk.rollback()
    Projection(path).apply([clinic()])


def test_a_file_of_another_schema_is_refused_not_overwritten(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE ps_endpoints (id)")
    with pytest.raises(Refusal) as refusal:
        Projection(path).apply([clinic()])
    assert refusal.value.error_id == "projection.foreign_schema"


def test_a_damaged_file_is_an_error(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Projection(path).apply([clinic()])
