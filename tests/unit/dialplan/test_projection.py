"""The realtime database on disk: what is applied, what is refused, what a crash leaves behind."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Pbx, Status
from dialplan import projection as module
from dialplan.last_good import fault
from dialplan.projection import Projection
from tests.unit.dialplan.tenants import clinic, compare, project, shop


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "realtime.sqlite3"


@pytest.fixture
def asterisk(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process with the file open, as Asterisk has it."""
    project(path, [])
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def many(count: int) -> list[Pbx]:
    return [replace(shop(), id=number, dids=()) for number in range(1, count + 1)]


def test_applying_makes_the_file_and_applying_again_changes_nothing(path: Path) -> None:
    assert not project(path, [clinic(), shop()]).empty
    assert project(path, [clinic(), shop()]).empty
    assert compare(path, [shop(), clinic()]).empty


def test_the_file_is_its_owners_alone(path: Path) -> None:
    project(path, [clinic()])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_asterisk_sees_a_changed_status_at_once_and_only_that_row_is_written(
    path: Path, asterisk: sqlite3.Connection
) -> None:
    project(path, [clinic(), shop()])
    found = project(path, [replace(clinic(), status=Status.TOTAL_BLOCK), shop()])
    assert (found.added, found.changed, found.removed) == ({}, {"pbx": ["1"]}, {})
    assert asterisk.execute("SELECT status FROM pbx WHERE id = '1'").fetchall() == [("total_block",)]


def test_a_foreign_change_is_seen_and_repaired(path: Path, asterisk: sqlite3.Connection) -> None:
    project(path, [clinic()])
    with asterisk:
        asterisk.execute("DELETE FROM ps_auths WHERE id = '1_200'")
        asterisk.execute("UPDATE did SET pbx = '2'")
    found = compare(path, [clinic()])
    assert (found.added, found.changed, found.removed) == ({"ps_auths": ["1_200"]}, {"did": ["4831210114"]}, {})
    project(path, [clinic()])
    assert compare(path, [clinic()]).empty


def test_losing_more_than_one_in_twenty_tenants_is_refused_unless_confirmed(path: Path) -> None:
    project(path, many(200))
    with pytest.raises(Refusal) as refusal:
        project(path, many(189))
    assert refusal.value.error_id == "projection.removes_too_much"
    assert refusal.value.params == {"removed": 11, "present": 200}
    assert compare(path, many(200)).empty
    assert len(project(path, many(189), confirmed=True).removed["pbx"]) == 11


def test_a_handful_of_tenants_may_go_without_a_question(path: Path) -> None:
    project(path, many(5))
    assert project(path, []).removed["pbx"] == ["1", "2", "3", "4", "5"]


def test_an_interrupted_apply_leaves_what_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(path, [clinic()])

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(module, "_write", fails)
    with pytest.raises(sqlite3.OperationalError):
        project(path, [shop()])
    assert compare(path, [clinic()]).empty


def test_a_locked_file_is_an_error_after_the_time_out_and_changes_nothing(
    path: Path, asterisk: sqlite3.Connection
) -> None:
    asterisk.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Projection(path, timeout=0.05).apply([clinic()])
    asterisk.rollback()
    project(path, [clinic()])


def test_a_file_of_another_schema_is_refused_not_overwritten(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE ps_endpoints (id)")
    with pytest.raises(Refusal) as refusal:
        project(path, [clinic()])
    assert refusal.value.error_id == "projection.foreign_schema"


def as_an_older_version(path: Path, tenants: list[Pbx]) -> None:
    """The file as version 1 wrote it: one table less, and one column."""
    project(path, tenants)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute('DROP TABLE "route"')
        other.execute('ALTER TABLE "number" DROP COLUMN "kind"')
        other.execute("PRAGMA user_version = 1")


def test_an_older_versions_file_is_replaced_in_one_step_that_asterisk_reads_on(path: Path) -> None:
    as_an_older_version(path, [clinic(), shop()])
    with closing(sqlite3.connect(path)) as asterisk:
        assert asterisk.execute("SELECT ring FROM number WHERE id = '1_200'").fetchall() == [("1_200",)]
        project(path, [clinic(), shop()])
        assert asterisk.execute("SELECT kind FROM number WHERE id = '1_200'").fetchall() == [("extension",)]
    assert compare(path, [clinic(), shop()]).empty


def test_an_older_versions_tenants_do_not_vanish_either(path: Path) -> None:
    as_an_older_version(path, many(200))
    with pytest.raises(Refusal) as refusal:
        project(path, many(100))
    assert refusal.value.error_id == "projection.removes_too_much"
    with closing(sqlite3.connect(path)) as asterisk:
        assert asterisk.execute("SELECT count(*) FROM pbx").fetchone() == (200,)
    project(path, many(100), confirmed=True)
    assert compare(path, many(100)).empty


def test_a_damaged_file_is_an_error(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        project(path, [clinic()])


def test_what_another_process_has_changed_since_the_last_apply_is_repaired(
    path: Path, asterisk: sqlite3.Connection
) -> None:
    projection = Projection(path)
    projection.apply([clinic()])
    with asterisk:
        asterisk.execute("DELETE FROM ps_auths WHERE id = '1_200'")
    assert projection.apply([clinic()]).added == {"ps_auths": ["1_200"]}
    projection.close()


def test_a_file_that_was_removed_or_replaced_is_written_anew(path: Path) -> None:
    projection = Projection(path)
    projection.apply([clinic()])
    path.unlink()
    assert not projection.apply([clinic()]).empty
    assert compare(path, [clinic()]).empty
    projection.close()


def test_after_a_failure_the_next_apply_looks_at_the_file_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    projection = Projection(path)
    projection.apply([clinic()])
    write = module._write

    def fails(*arguments: Any) -> None:
        write(*arguments)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(module, "_write", fails)
    with pytest.raises(sqlite3.OperationalError):
        projection.apply([shop()])
    monkeypatch.undo()
    assert "1" in projection.apply([shop()], confirmed=True).removed["pbx"]
    assert compare(path, [shop()]).empty
    projection.close()


def test_however_tenants_change_one_after_the_other_the_file_holds_what_it_would_from_nothing(path: Path) -> None:
    number = clinic().dids[0]
    steps = [
        [clinic()],
        [clinic(), shop()],
        [replace(clinic(), status=Status.TOTAL_BLOCK), shop()],
        [replace(clinic(), extensions=clinic().extensions[:1], ring_groups=()), replace(shop(), language="pt_BR")],
        [replace(clinic(), dids=()), replace(shop(), dids=(number,))],
        [replace(clinic(), dids=(number,)), replace(shop(), dids=(number,))],
        [replace(clinic(), dids=()), replace(shop(), dids=(number,))],
        [replace(shop(), trunks=(replace(shop().trunks[0], host="198.18.20.9"),))],
        [clinic(), shop()],
    ]
    with closing(Projection(path)) as projection:
        for tenants in steps:
            projection.apply(tenants)
            assert compare(path, tenants).empty
            assert fault(path) == "", "the file says how many endpoints it was given"
            assert projection.apply(tenants).empty
