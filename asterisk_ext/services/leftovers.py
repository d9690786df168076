"""What the registry's own server takes out of it: bans that removed servers told, and records too large for a node.

The embedded registry refuses what is too large; a cluster of etcd cannot, so there it is undone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.node_rights import EVIDENCE, is_too_large, writer_of
from asterisk_ext.ports import CONFLICT, Fleet, Item, Registry
from asterisk_ext.services import consoles
from asterisk_ext.services.records import AUDIT, SERVERS

KINDS = (SERVERS, EVIDENCE, AUDIT, "firewall/")
PAUSE = 1.0
"""Seconds between looks: an attack brings many changes."""

log = logging.getLogger(__name__)


class Leftovers:
    def __init__(self, registry: Registry, fleet: Fleet, keeps: Callable[[], bool], pause: float = PAUSE) -> None:
        """``keeps``: whether this node keeps the registry; nobody else may do this."""
        self._registry = registry
        self._fleet = fleet
        self._keeps = keeps
        self._pause = pause

    async def run(self) -> None:
        """For ever; raises when the registry is lost, to be called again."""
        await self._fleet.after(0)
        while True:
            revision = self._fleet.revision
            if self._keeps():
                await self.sweep()
            await self._fleet.after_touch(revision, *KINDS)
            await asyncio.sleep(self._pause)

    async def sweep(self) -> None:
        names = {server.name for server in self._fleet.servers()}
        kept = [item for kind in KINDS for item in self._fleet.items(kind)]
        for item, why in unwanted(kept, names, consoles.of(self._fleet)):
            try:
                await self._registry.delete(item.key, item.revision)
            except Refusal as refusal:
                if refusal.problem is not CONFLICT:
                    raise
            else:
                log.warning("%s was taken out of the registry: %s", item.key[:80], why)


def unwanted(items: Iterable[Item], servers: Collection[str], consoles: Collection[str]) -> list[tuple[Item, str]]:
    """Each with the reason. Pure."""
    found = []
    for item in items:
        writer = writer_of(item.key)
        if writer is None:
            continue
        if writer not in servers and item.key.startswith(EVIDENCE):
            found.append((item, f"{writer} is no server of the fleet"))
        elif writer not in consoles and is_too_large(item.key, len(item.value)):
            found.append((item, f"{len(item.value)} bytes of {writer}, which is no console"))
    return found
