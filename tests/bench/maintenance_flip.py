"""The registry's part of a flip, for 10 to 100,000 virtual PBXs; beside it, what rewriting each record would take.

python -m tests.bench.maintenance_flip
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.pbx import Mode, Pbx
from asterisk_ext.registry import embedded
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.services import records
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.maintenance import Maintenance
from asterisk_ext.services.maintenance_runner import MaintenanceRunner
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from tests.bench.table import show
from tests.contract.killed_runner import NODES, record_servers, report_nodes
from tests.unit.services.fake_calls import FakeCalls
from tests.unit.services.fake_certificates import FakeCertificates

SAMPLE = 1000
"""Records that the peer rewrites at most; more is reckoned from that."""


class Timed(EmbeddedRegistry):
    """Remembers what writing the map took."""

    took = 0.0

    async def create(self, key: str, value: bytes) -> int:
        began = time.perf_counter()
        revision = await super().create(key, value)
        self._note(key, began)
        return revision

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        began = time.perf_counter()
        written = await super().compare_and_set(key, value, revision)
        self._note(key, began)
        return written

    def _note(self, key: str, began: float) -> None:
        if key == records.MAINTENANCE:
            self.took = time.perf_counter() - began


def tenant(number: int) -> Pbx:
    return Pbx(id=number, name=f"PBX {number}", domain=f"p{number}.example.net", home="node1", mode=Mode.GATE_ONLY)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tenants", type=int, nargs="+", default=[10, 1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=10)
    wanted = parser.parse_args()
    rows: list[tuple[str, ...]] = [
        ("virtual PBXs", "the map's write, median", "whole act, median", "slowest", "every record rewritten")
    ]
    for tenants in wanted.tenants:
        with tempfile.TemporaryDirectory() as place:
            rows.append(asyncio.run(_measure(Path(place), tenants, wanted.rounds)))
    show("A flip in the registry", rows)


async def _measure(place: Path, tenants: int, rounds: int) -> tuple[str, ...]:
    registry = Timed(place / "registry.sqlite", time.time)
    copy = LocalCopy(place / "copy.sqlite", time.time)
    await record_servers(registry)
    await registry.close()
    _fill(place / "registry.sqlite", tenants)
    registry = Timed(place / "registry.sqlite", time.time)
    async with Tasks() as tasks:
        tasks.start("copy", copy.follow(registry))
        tasks.keep("nodes", lambda: report_nodes(registry, copy), pause=0.005)
        await copy.after(0)
        while set(copy.reports()) != set(NODES):  # noqa: ASYNC110 - reports are heard by another task
            await asyncio.sleep(0.01)
        audit = Audit(registry, copy, time.time)
        runner = MaintenanceRunner("node1", registry, copy, audit, FakeCalls(), time.time)
        maintenance = Maintenance(registry, copy, runner, time.time, certified=FakeCertificates())
        writes, acts = [], []
        for _ in range(rounds):
            began = time.perf_counter()
            flipped = await maintenance.enter(ROOT, *NODES)
            acts.append(time.perf_counter() - began)
            writes.append(registry.took)
            assert flipped.served
            await maintenance.leave(ROOT, "node1")
        rewritten = await _rewrite(registry, tenants)
    copy.close()
    await registry.close()
    return (f"{tenants:,}", _ms(writes), _ms(acts), f"{max(acts) * 1000:.0f} ms", f"{rewritten:.2f} s")


def _fill(path: Path, tenants: int) -> None:
    """All records in one transaction, as if they had been written one by one."""
    with closing(sqlite3.connect(path)) as database, database:
        for number in range(1, tenants + 1):
            key, value = records.tenant_key(number), records.encode(tenant(number))
            revision = database.execute("INSERT INTO change (key, value) VALUES (?, ?)", (key, value)).lastrowid
            database.execute("INSERT INTO item VALUES (?, ?, ?)", (key, value, revision))
        database.execute("DELETE FROM change WHERE revision <= ?", (tenants - embedded.LOG_LENGTH,))


async def _rewrite(registry: EmbeddedRegistry, tenants: int) -> float:
    """Seconds that giving each record another home would take."""
    count = min(tenants, SAMPLE)
    items, _ = await registry.snapshot(records.TENANTS)
    began = time.perf_counter()
    for item in items[:count]:
        await registry.compare_and_set(item.key, item.value, item.revision)
    return (time.perf_counter() - began) * tenants / count


def _ms(took: list[float]) -> str:
    return f"{sorted(took)[len(took) // 2] * 1000:.1f} ms"


if __name__ == "__main__":
    main()
