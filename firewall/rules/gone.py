"""Servers that have left the fleet: their connections with this machine are ended.

What such a one holds open would last otherwise: etcd looks at who asks when a watch is opened, and never again. New
connections are for what they reach to refuse; since that may learn of the removal later than we do, it is done again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

AGAIN = 5.0
"""Seconds after which the connections made meanwhile are ended too."""
TIMES = 120
"""How often: who gives rights has ten minutes to take them away."""

log = logging.getLogger(__name__)


class Gone:
    """Which addresses were servers' and are not any more; ``end`` ends their connections, and tells how many."""

    def __init__(self, end: Callable[[Collection[str]], int], known: Iterable[str] = ()) -> None:
        """``known``: addresses that were servers' before this process began."""
        self._end = end
        self._known = set(known)
        self._left: dict[str, int] = {}
        self._new = asyncio.Event()

    def told(self, nodes: Collection[str]) -> None:
        """These are the servers' addresses now, all of them."""
        for address in nodes:
            self._left.pop(address, None)
        for address in self._known.difference(nodes):
            self._left[address] = TIMES
        self._known = set(nodes)
        if self._left:
            self._new.set()

    async def run(self, pause: float = AGAIN) -> None:
        """End connections for ever; raises OSError where the kernel does not do it."""
        while True:
            if not self._left:
                self._new.clear()
                await self._new.wait()
            self._new.clear()
            ended = await asyncio.to_thread(self._end, tuple(self._left))
            if ended:
                log.info("%d connections of servers that have left the fleet were ended", ended)
            self._left = {address: times - 1 for address, times in self._left.items() if times > 1}
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._new.wait()
