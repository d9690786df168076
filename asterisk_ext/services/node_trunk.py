"""The fleet's other servers that may hand calls to this one's Asterisk, and take them from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from asterisk_ext.ports import Fleet
from asterisk_ext.services.records import CERTIFICATES, SERVERS
from asterisk_ext.services.waiting import first

AGAIN = 3600.0
"""Seconds after which our own certificate is looked at again."""
SOON = 2.0
"""Seconds after which Asterisk is asked again."""
log = logging.getLogger(__name__)


class NodeTrunk(Protocol):
    def apply(self, others: Collection[str]) -> bool:
        """Have Asterisk take calls of the servers at these addresses, and of no others. Blocks.

        Raises OSError where Asterisk does not answer.
        """
        ...


class NodeTrunks:
    def __init__(self, node: str, fleet: Fleet, trunk: NodeTrunk, again: float = AGAIN) -> None:
        self._node = node
        self._fleet = fleet
        self._trunk = trunk
        self._again = again

    async def run(self) -> None:
        """Whenever a server is added, changed or removed, for ever; again soon where Asterisk does not answer."""
        await self._fleet.after(0)
        while True:
            revision, again = self._fleet.revision, self._again
            hosts = [server for server in self._fleet.servers() if server.technology.hosts]
            try:
                await asyncio.to_thread(self._trunk.apply, {server.ip for server in hosts if server.name != self._node})
            except OSError as error:
                log.info("the calls between servers wait for Asterisk: %s", error)
                again = SOON
            await first(self._fleet.after_touch(revision, SERVERS, CERTIFICATES), asyncio.sleep(again))
