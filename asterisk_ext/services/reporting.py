"""What a node says of itself, every two seconds, to whoever looks at the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asterisk_ext.domain.server import LATE_AFTER, Report
from asterisk_ext.ports import PhoneBook, Registry
from asterisk_ext.services.records import encode
from asterisk_ext.services.serving import Serving

PERIOD = 2.0
"""Seconds between reports."""


class Reporting:
    def __init__(self, node: str, version: str, serving: Serving, phones: PhoneBook, calls: Callable[[], int]) -> None:
        self._node = node
        self._version = version
        self._serving = serving
        self._phones = phones
        self._calls = calls

    async def run(self, registry: Registry) -> None:
        """Report for ever; raises when the registry is lost, to be called again."""
        while True:
            await registry.beat(self._node, LATE_AFTER, encode(await self._report()))
            await asyncio.sleep(PERIOD)

    async def _report(self) -> Report:
        return Report(
            map_revision=self._serving.map_revision,
            pbx=self._serving.tenants,
            registered=await self._phones.registered(),
            calls=self._calls(),
            version=self._version,
        )
