"""A small fleet: a registry in memory, the real local copy that follows it, and the services on top."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.server import Report, Server, Technology
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.services import records
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.maintenance import Maintenance
from asterisk_ext.services.maintenance_runner import MaintenanceRunner
from asterisk_ext.services.servers import Servers
from asterisk_ext.services.users import Users
from asterisk_ext.services.virtual_pbx import VirtualPbxs
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from tests.unit.services.fake_calls import FakeCalls
from tests.unit.services.fake_certificates import FakeCertificates

NOW = 1_800_000_000.0


class World:
    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.registry = FakeRegistry(self.clock)
        self.fleet = LocalCopy(path, self.clock)
        self.audit = Audit(self.registry, self.fleet, self.clock)
        self.servers = Servers(self.registry, self.fleet, self.audit, self.clock)
        self.calls = FakeCalls()
        self.certificates = FakeCertificates()
        self.runner = MaintenanceRunner("node1", self.registry, self.fleet, self.audit, self.calls, self.clock)
        self.maintenance = Maintenance(
            self.registry, self.fleet, self.runner, self.clock, certified=self.certificates, patience=0
        )
        self.tenants = VirtualPbxs(self.registry, self.fleet, self.audit, self.clock)
        self.users = Users(self.registry, self.fleet, self.audit)

    def clock(self) -> float:
        return self.now

    async def report(
        self,
        node: str,
        registered: int = 0,
        calls: int = 0,
        audio_revision: int = 0,
        audios_missing: tuple[str, ...] = (),
        map_revision: int = 0,
        prepared: tuple[str, ...] | None = None,
        calls_known: bool = True,
    ) -> None:
        report = Report(
            calls_known=calls_known,
            registered=registered,
            calls=calls,
            audio_revision=audio_revision,
            audios_missing=audios_missing,
            map_revision=map_revision,
            prepared=prepared,
        )
        await self.registry.beat(node, 6.0, records.encode(report))
        await self.fleet.hear(self.registry)

    async def add_server(self, number: int, name: str, technology: Technology = Technology.NODE) -> None:
        await self.servers.add(ROOT, Server(id=number, name=name, technology=technology, ip=f"198.18.1.{number}"))


async def small_fleet(place: Path) -> AsyncIterator[World]:
    """Two servers that report."""
    made = World(place / "copy.sqlite")
    async with Tasks() as tasks:
        tasks.start("copy", made.fleet.follow(made.registry))
        await made.add_server(1, "node1")
        await made.add_server(2, "node2")
        await made.report("node1")
        await made.report("node2")
        yield made
    made.fleet.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async for made in small_fleet(tmp_path):
        yield made
