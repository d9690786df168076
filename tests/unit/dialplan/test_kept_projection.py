"""What Asterisk was given last is kept, and can be put back without any service of ours."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_ext.cli.node import node
from asterisk_ext.domain.pbx import Status
from asterisk_ext.tasks import Tasks
from dialplan import last_good
from dialplan.difference import Difference
from dialplan.kept_projection import KeptProjection, copy_of
from dialplan.last_good import keep
from dialplan.memory import stale
from tests.unit.dialplan.tenants import clinic, shop


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
    projection.keep()
    given = endpoints(database)
    assert endpoints(copy_of(database)) == given
    projection.close()
    for part in database.parent.glob("realtime.sqlite3*"):
        if part != copy_of(database):
            part.unlink()
    assert restore(tmp_path, database) == 0
    assert endpoints(database) == given


def test_asterisk_forgets_what_it_remembers_of_accounts_that_change_or_vanish_and_of_no_others(database: Path) -> None:
    told: list[str] = []

    def command(words: str) -> str:
        told.append(words)
        raise OSError("Asterisk does not answer")

    projection, blocked = KeptProjection(database, command=command), replace(clinic(), status=Status.TOTAL_BLOCK)
    for tenants in ([clinic()], [clinic(), shop()], [blocked, shop()]):
        projection.apply(tenants)
    assert told == ["sorcery memory cache expire res_pjsip/identify"] * 2, (
        "a tenant is new, with its carriers and numbers"
    )
    told.clear()
    projection.apply([replace(blocked, emergency_numbers=("190",)), shop()])
    assert told == ["sorcery memory cache expire res_pjsip/endpoint"]
    projection.close()


def test_a_change_and_a_removal_of_passwords_are_forgotten_with_their_phones() -> None:
    both = {"ps_endpoints": ["1_200"], "ps_auths": ["1_200"]}
    changes = Difference(both, {}, {}), Difference({}, both, {}), Difference({}, {}, both)
    assert [list(stale(found)) for found in changes] == [
        [],
        ["res_pjsip/endpoint", "res_pjsip/auth"],
        ["res_pjsip/endpoint", "res_pjsip/auth"],
    ]


def test_a_projection_that_emptied_the_database_does_not_empty_the_copy(
    database: Path, projection: KeptProjection
) -> None:
    projection.apply([clinic()])
    projection.keep()
    given = endpoints(copy_of(database))
    projection.apply([], elsewhere=[clinic().id])
    projection.keep()
    assert endpoints(database) == []
    assert endpoints(copy_of(database)) == given


def test_the_copy_is_made_by_itself_and_again_after_every_change(database: Path, projection: KeptProjection) -> None:
    async def copied(given: list[str]) -> None:
        while not copy_of(database).exists() or endpoints(copy_of(database)) != given:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)

    async def change_twice() -> None:
        async with Tasks() as tasks, asyncio.timeout(60):
            tasks.keep("copy", projection.run)
            for tenants in ([clinic()], [clinic(), shop()]):
                await asyncio.to_thread(projection.apply, tenants)
                await copied(endpoints(database))

    asyncio.run(change_twice())


def test_a_change_does_not_wait_for_the_copy_of_the_one_before(
    database: Path, projection: KeptProjection, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying, go_on = threading.Event(), threading.Event()

    def slow(path: Path, copy: Path) -> bool:
        copying.set()
        return go_on.wait(60) and keep(path, copy)

    monkeypatch.setattr(last_good, "keep", slow)
    projection.apply([clinic()])
    with ThreadPoolExecutor(1) as threads:
        copied = threads.submit(projection.keep)
        assert copying.wait(60)
        projection.apply([clinic(), shop()])
        assert "2_200" in endpoints(database)
        go_on.set()
        copied.result(60)
    projection.keep()
    assert endpoints(copy_of(database)) == endpoints(database)


def test_a_copy_that_was_prevented_is_made_when_the_service_is_back(database: Path, projection: KeptProjection) -> None:
    projection.apply([clinic()])
    projection.close()
    again = KeptProjection(database)
    again.apply([clinic()])
    again.keep()
    again.close()
    assert endpoints(copy_of(database)) == endpoints(database)


def test_without_a_copy_it_is_said_and_nothing_is_touched(tmp_path: Path, database: Path) -> None:
    assert restore(tmp_path, database) == 1
    assert not database.exists()


def test_a_sound_database_is_left_alone(tmp_path: Path, database: Path, projection: KeptProjection) -> None:
    projection.apply([clinic()])
    projection.keep()
    before = database.stat()
    assert restore(tmp_path, database) == 0
    assert (database.stat().st_ino, database.stat().st_mtime) == (before.st_ino, before.st_mtime)
