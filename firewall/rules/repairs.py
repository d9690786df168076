"""Puts rules, bans and lists back when somebody else has removed or changed them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from asterisk_ext.tasks import Tasks
from firewall.bans.engine import BanEngine
from firewall.kernel.port import Kernel
from firewall.rules.guard_firewall import GuardFirewall
from firewall.socket.api import Stream

REPAIR_PAUSE_SECONDS = 0.05
"""A foreign change comes as many messages; look once they have ended."""
LOOK_SECONDS = 0.5
"""How often to look where the kernel does not tell."""


class Repairs:
    """Listens where the kernel tells of changes, and looks twice a second where it does not."""

    def __init__(
        self, kernel: Kernel, engine: BanEngine, firewall: GuardFirewall, stream: Stream, tasks: Tasks
    ) -> None:
        self._kernel = kernel
        self._engine = engine
        self._firewall = firewall
        self._tasks = tasks
        self._stream = stream
        self._timer: asyncio.TimerHandle | None = None
        self._last = -1
        """Bans in the kernel at the last look, where it does not tell of changes."""

    def start(self) -> None:
        if self._kernel.changes() >= 0:
            self._kernel.drain_changes()
            asyncio.get_running_loop().add_reader(self._kernel.changes(), self._on_change)
        else:
            self._look_later(LOOK_SECONDS)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._kernel.changes() >= 0:
            asyncio.get_running_loop().remove_reader(self._kernel.changes())

    def _on_change(self) -> None:
        if self._kernel.drain_changes() and self._timer is None:
            self._look_later(REPAIR_PAUSE_SECONDS)

    def _look_later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        told = self._kernel.changes() >= 0
        if self._firewall.is_busy():
            self._look_later(REPAIR_PAUSE_SECONDS)
            return
        if not self._kernel.is_intact():
            self._tasks.start("repair of the firewall", self._repair())
            return
        if (told or self._has_lost_bans()) and self._engine.repair(lost=False):
            self._tell(rules=False)
        changed = self._kernel.changed_lists()
        if changed is None or changed:
            self._tasks.start("repair of address lists", self._reload(changed))
            return
        if not told:
            self._look_later(LOOK_SECONDS)

    async def _repair(self) -> None:
        """The rules, then the bans, then the lists that were changed too, up to now."""
        self._kernel.drain_changes()
        lists = self._kernel.changed_lists()
        try:
            await self._firewall.repair(lambda: self._engine.repair(lost=True), lists)
        finally:
            self._look_later(LOOK_SECONDS)
        self._tell(rules=True)

    async def _reload(self, lists: Collection[str] | None) -> None:
        """Address lists that somebody has emptied or changed, each by itself."""
        lost: Collection[str] = ()
        try:
            lost = await self._firewall.reload(lists)
        finally:
            self._look_later(LOOK_SECONDS)
        if lost:
            self._tell(rules=False, lists=lost)

    def _tell(self, *, rules: bool, lists: Collection[str] = ()) -> None:
        self._kernel.drain_changes()
        self._engine.counts.repaired += 1
        self._stream.publish("repaired", {"rules": rules, "lists": sorted(lists)} if lists else {"rules": rules})

    def _has_lost_bans(self) -> bool:
        """There are fewer than there should be. Only then are they listed: 50,000 take a tenth of a second."""
        count = self._kernel.count()
        if count == self._last:
            return False
        self._last = count
        return count < self._engine.bans_in_force()
