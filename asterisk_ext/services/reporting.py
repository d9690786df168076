"""What a node says of itself, every two seconds and after every flip, to whoever looks at the fleet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from asterisk_ext.domain.server import LATE_AFTER, Report
from asterisk_ext.ports import PhoneBook, Registry
from asterisk_ext.services.records import encode

PERIOD = 2.0
"""Seconds between reports."""


class Served(Protocol):
    """By which map this node serves how many virtual PBXs."""

    @property
    def map_revision(self) -> int: ...

    @property
    def tenants(self) -> int: ...

    async def moved_on(self, revision: int, at_most: float) -> None: ...


class Delivered(Protocol):
    """Which choice of audios is in force here, and what of it could not be brought."""

    @property
    def revision(self) -> int: ...

    @property
    def missing(self) -> tuple[str, ...]: ...


class Reporting:
    def __init__(
        self,
        node: str,
        version: str,
        serving: Served,
        audios: Delivered,
        phones: PhoneBook,
        calls: Callable[[], int],
        hosts: bool = True,
    ) -> None:
        self._hosts = hosts
        self._node = node
        self._version = version
        self._serving = serving
        self._audios = audios
        self._phones = phones
        self._calls = calls

    async def run(self, registry: Registry) -> None:
        """Report for ever, at once when a flip is served; raises when the registry is lost, to be called again."""
        while True:
            report = await self._report()
            await registry.beat(self._node, LATE_AFTER, encode(report))
            await self._serving.moved_on(report.map_revision, PERIOD)

    async def _report(self) -> Report:
        return Report(
            map_revision=self._serving.map_revision,
            pbx=self._serving.tenants,
            registered=await self._phones.registered(),
            calls=self._calls(),
            version=self._version,
            hosts=self._hosts,
            audio_revision=self._audios.revision,
            audios_missing=self._audios.missing,
        )
