"""A maintenance whose runner is killed with SIGKILL at a write is finished, or undone, by another process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk_ext.domain.maintenance_plan import Plan, Step
from asterisk_ext.services import records
from tests.contract.killed_runner import carry, opened, record_servers
from tests.etcd_servers import Cluster, cluster

WRITES = 5
"""Of a whole way at least: the plan, its first steps, the map, the audit, the steps that follow."""
POINTS = [("embedded", number) for number in range(1, WRITES + 1)] + [("etcd", number) for number in (1, 3, 5)]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("etcd"), 1) as made:
        yield made


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.getfixturevalue("kind") == "embedded":
        return str(tmp_path / "registry.sqlite")
    made: Cluster = request.getfixturevalue("servers")
    made.wipe()
    return made.endpoints[0]


async def prepared(kind: str, where: str) -> None:
    registry = opened(kind, where)
    await record_servers(registry)
    await registry.close()


def killed(kind: str, where: str, place: Path, act: str, after: int) -> None:
    line = [sys.executable, "-m", "tests.contract.killed_runner", kind, where, str(place), act, str(after)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


async def ends(kind: str, where: str, place: Path, act: str) -> tuple[Plan, str]:
    """What another process makes of it, and who serves node1's virtual PBXs then."""
    registry = opened(kind, where)
    plan = await carry(registry, place, act)
    item = await registry.get(records.MAINTENANCE)
    await registry.close()
    return plan, records.decode_map(item.value if item else None).follow("node1")


@pytest.mark.parametrize(("kind", "after"), POINTS)
def test_killed_at_any_write_it_is_finished_by_another(kind: str, where: str, tmp_path: Path, after: int) -> None:
    asyncio.run(prepared(kind, where))
    killed(kind, where, tmp_path, "enter", after)
    plan, serves = asyncio.run(ends(kind, where, tmp_path, "enter"))
    assert serves == "node2"
    assert [stage.step for stage in plan.journal if stage.ended] == list(Step)


@pytest.mark.parametrize(("kind", "after"), [("embedded", 2), ("embedded", 4), ("etcd", 3)])
def test_killed_at_a_write_it_is_undone_by_another(kind: str, where: str, tmp_path: Path, after: int) -> None:
    asyncio.run(prepared(kind, where))
    killed(kind, where, tmp_path, "enter", after)
    plan, serves = asyncio.run(ends(kind, where, tmp_path, "leave"))
    assert (serves, plan.closed) == ("node1", True)
