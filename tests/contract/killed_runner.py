"""A process that carries a maintenance from node1 to node2, or home, and kills itself at a write of its registry.

python -m tests.contract.killed_runner KIND WHERE PLACE enter|leave KILLED_AFTER
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance_plan import Plan, Step
from asterisk_ext.domain.server import Report, Server, Technology
from asterisk_ext.ports import Registry
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.services import records
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.maintenance import Maintenance
from asterisk_ext.services.maintenance_runner import MaintenanceRunner, has_ended
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from tests.unit.services.fake_calls import FakeCalls
from tests.unit.services.fake_certificates import FakeCertificates

NODES = ("node1", "node2")
PATIENCE = 60.0
NEVER = -1


def opened(kind: str, where: str) -> Registry:
    if kind == "etcd":
        # A tenth of a second in each process, which those of the embedded engine do without.
        from asterisk_ext.registry.etcd import EtcdRegistry
        from asterisk_ext.registry.etcd_link import Link

        return EtcdRegistry(Link([where], None, 20.0), time.time)
    return EmbeddedRegistry(Path(where), time.time)


class Killing:
    """A registry whose user is killed with SIGKILL once so many writes are done."""

    def __init__(self, registry: Registry, killed_after: int) -> None:
        self._registry = registry
        self._left = killed_after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    async def create(self, key: str, value: bytes) -> int:
        return self._count(await self._registry.create(key, value))

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        return self._count(await self._registry.compare_and_set(key, value, revision))

    def _count(self, revision: int) -> int:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return revision


async def record_servers(registry: Registry) -> None:
    for number, name in enumerate(NODES, start=1):
        server = Server(id=number, name=name, technology=Technology.NODE, ip=f"198.18.1.{number}")
        await registry.create(records.server_key(name), records.encode(server))


async def plan_in(registry: Registry) -> Plan | None:
    item = await registry.get(records.plan_key("node1"))
    return records.decode(item.value, Plan) if item else None


async def carry(registry: Registry, place: Path, act: str, killed_after: int = NEVER) -> Plan:
    """Ask for it where nobody has, and carry on to the end."""
    copy = LocalCopy(place / f"copy-{os.getpid()}-{time.monotonic_ns()}.sqlite", time.time)
    async with AsyncExitStack() as stack:
        stack.callback(copy.close)
        tasks = await stack.enter_async_context(Tasks())
        tasks.keep("copy", lambda: copy.follow(registry), pause=0.05)
        tasks.keep("nodes", lambda: report_nodes(registry, copy), pause=0.02)
        await copy.after(0)
        while set(copy.reports()) != set(NODES):  # noqa: ASYNC110 - reports are heard by another task
            await asyncio.sleep(0.01)
        killing: Any = Killing(registry, killed_after)
        audit = Audit(killing, copy, time.time)
        runner = MaintenanceRunner("node1", killing, copy, audit, FakeCalls(), time.time)
        asked = Maintenance(killing, copy, runner, time.time, certified=FakeCertificates(), patience=0)
        found = await plan_in(registry)
        if act == "enter" and found is None:
            await asked.enter(ROOT, *NODES)
        elif act == "leave":
            await asked.leave(ROOT, "node1")
        return await runner.drive("node1", lambda plan: plan.closed or has_ended(plan, Step.DONE), PATIENCE)


async def report_nodes(registry: Registry, copy: LocalCopy) -> None:
    """Both nodes take in what is coming and serve by the map at once."""
    item = await registry.get(records.MAINTENANCE)
    report = Report(map_revision=item.revision if item else 0, prepared=("node1",))
    for node in NODES:
        await registry.beat(node, 60.0, records.encode(replace(report, registered=0)))
    await copy.hear(registry)


async def main(kind: str, where: str, place: str, act: str, killed_after: str) -> None:
    registry = opened(kind, where)
    try:
        await carry(registry, Path(place), act, int(killed_after))
    except Refusal as refusal:
        sys.exit(str(refusal))
    finally:
        await registry.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
