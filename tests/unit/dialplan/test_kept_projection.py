"""What Asterisk was given last is kept, and can be put back without any service of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_ext.cli.node import node
from dialplan.kept_projection import KeptProjection, copy_of
from tests.unit.dialplan.tenants import clinic


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "realtime" / "realtime.sqlite3"


@pytest.fixture
def projection(database: Path) -> Iterator[KeptProjection]:
    made = KeptProjection(database)
    yield made
    made.close()


def endpoints(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as opened:
        return [row[0] for row in opened.execute("SELECT id FROM ps_endpoints ORDER BY id")]


def restore(tmp_path: Path, database: Path) -> int:
    settings = tmp_path / "config.toml"
    settings.write_text(f'[asterisk]\nrealtime = "{database}"\n')
    return CliRunner().invoke(node, ["restore-database", "--config", str(settings)]).exit_code


def test_a_lost_database_is_put_back_from_the_copy(tmp_path: Path, database: Path, projection: KeptProjection) -> None:
    projection.apply([clinic()])
    given = endpoints(database)
    assert endpoints(copy_of(database)) == given
    projection.close()
    for part in database.parent.glob("realtime.sqlite3*"):
        if part != copy_of(database):
            part.unlink()
    assert restore(tmp_path, database) == 0
    assert endpoints(database) == given


def test_a_projection_that_emptied_the_database_does_not_empty_the_copy(
    database: Path, projection: KeptProjection
) -> None:
    projection.apply([clinic()])
    given = endpoints(copy_of(database))
    projection.apply([], elsewhere=[clinic().id])
    assert endpoints(database) == []
    assert endpoints(copy_of(database)) == given


def test_without_a_copy_it_is_said_and_nothing_is_touched(tmp_path: Path, database: Path) -> None:
    assert restore(tmp_path, database) == 1
    assert not database.exists()


def test_a_sound_database_is_left_alone(tmp_path: Path, database: Path, projection: KeptProjection) -> None:
    projection.apply([clinic()])
    before = database.stat()
    assert restore(tmp_path, database) == 0
    assert (database.stat().st_ino, database.stat().st_mtime) == (before.st_ino, before.st_mtime)
