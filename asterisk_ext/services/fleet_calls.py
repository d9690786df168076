"""Live calls of the whole fleet: this node's own, and the other nodes' asked from them while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Protocol

from asterisk_ext.domain.access import PEER, Act, Actor, require
from asterisk_ext.domain.call_filter import Filter
from asterisk_ext.domain.call_media import Detail
from asterisk_ext.domain.call_news import Changed, Difference, Ended, Snapshot
from asterisk_ext.domain.calls_told import Key, Told, differences_of, key_of, snapshot_of
from asterisk_ext.domain.change_log import ChangeLog
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import Report, Server
from asterisk_ext.ports import Clock, Peers
from asterisk_ext.services.live_calls import UNKNOWN, LiveCalls, scoped


class Members(Protocol):
    """The servers of the fleet, and what each last said of itself."""

    def servers(self) -> list[Server]: ...

    def reports(self) -> dict[str, Report]: ...


class FleetCalls:
    """The face of ``LiveCalls`` over all servers that host virtual PBXs and have ever reported.

    ``linger``: seconds after the last watcher for which the other nodes' streams stay open. ``patience``: seconds
    that a first answer waits for them. ``pause``: seconds between two differences to one watcher.
    """

    def __init__(
        self,
        node: str,
        own: LiveCalls,
        peers: Peers,
        fleet: Members,
        clock: Clock,
        *,
        linger: float = 10.0,
        patience: float = 1.0,
        pause: float = 0.02,
        again: float = 1.0,
    ) -> None:
        self._node = node
        self._own = own
        self._peers = peers
        self._fleet = fleet
        self._clock = clock
        self._linger, self._patience, self._pause, self._again = linger, patience, pause, again
        self._told: dict[str, Told] = {}
        self._log = ChangeLog()
        self._living: set[str] = set()
        self._epoch = 0
        self._watchers = 0
        self._following = False
        self._looked_at = asyncio.Event()
        self._news = asyncio.Event()

    def here(self, actor: Actor, wanted: Filter | None = None) -> Snapshot:
        """This node's own calls."""
        return self._own.table(actor, wanted)

    async def table(self, actor: Actor, wanted: Filter | None = None) -> Snapshot:
        """The calls that ``actor`` may see and that are ``wanted``, the newest first."""
        if actor.peer:
            return self.here(actor, wanted)
        shown = scoped(actor, wanted)
        if self._following:
            await self._answered()
        else:
            await asyncio.gather(*(self._ask(server) for server in self._others()))
        return self._snapshot(shown, self.here(PEER))

    async def watch(self, actor: Actor, wanted: Filter | None = None) -> AsyncGenerator[Difference]:
        """A snapshot, then every difference; a snapshot again when a server falls silent or answers again."""
        if actor.peer:
            async with aclosing(self._own.watch(actor, wanted)) as own:
                async for difference in own:
                    yield difference
            return
        shown = scoped(actor, wanted)
        self._watchers += 1
        self._looked_at.set()
        try:
            await self._answered()
            sent: set[Key] = set()
            number = epoch = -1
            while True:
                changes = self._log.since(number)
                number = self._log.number
                if changes is None or epoch != self._epoch:
                    epoch = self._epoch
                    snapshot = self._snapshot(shown)
                    sent = {key_of(row) for row in snapshot.calls}
                    yield snapshot
                else:
                    for difference in differences_of(changes, self._told, shown, sent):
                        yield difference
                while self._log.number == number and self._epoch == epoch:
                    await self._news.wait()
                await asyncio.sleep(self._pause)
        finally:
            self._watchers -= 1

    async def detail(self, actor: Actor, linkedid: str, server: str = "") -> Detail:
        """One call with its audio, from the server where it is."""
        here = actor.peer or any(row["linkedid"] == linkedid for row in self.here(actor).calls)
        if actor.peer or server == self._node or (here and not server):
            return await self._own.detail(actor, linkedid)
        found = [
            row["server"]
            for row in (await self.table(actor)).calls
            if row["linkedid"] == linkedid and server in ("", row["server"])
        ]
        for other in self._others():
            if other.name in found:
                return await self._peers.call(other, linkedid)
        raise UNKNOWN.refuse(linkedid=linkedid)

    async def hang_up(self, actor: Actor, linkedid: str, server: str = "") -> None:
        """End every leg of a call where it is; that server notes ``actor`` in the audit, and refuses."""
        require(actor, Act.HANG_UP)
        here = actor.peer or any(row["linkedid"] == linkedid for row in self.here(PEER).calls)
        if not server and not here:
            found = [row for row in (await self.table(actor)).calls if row["linkedid"] == linkedid]
            server = (found[0]["server"] or "") if found else ""
        if actor.peer or server == self._node or (here and not server):
            await self._own.hang_up(actor, linkedid)
            return
        for other in self._others():
            if other.name == server:
                await self._peers.hang_up(other, linkedid, actor.name)
                return
        raise UNKNOWN.refuse(linkedid=linkedid)

    async def run(self) -> None:
        """Follow every server while somebody watches, for ever."""
        while True:
            await self._looked_at.wait()
            try:
                await self._follow_all()
            finally:
                self._following = False
                for told in self._told.values():
                    told.state = "asking"

    async def _follow_all(self) -> None:
        tick = min(1.0, self._linger / 2)
        followed: dict[str, asyncio.Task[None]] = {}
        idle = 0.0
        async with asyncio.TaskGroup() as group:
            followed[self._node] = group.create_task(self._follow_own())
            self._told[self._node] = Told()
            while idle < self._linger:
                others = {server.name: server for server in self._others()}
                for name in others.keys() - followed.keys():
                    self._told.setdefault(name, Told())
                    followed[name] = group.create_task(self._follow(others[name]))
                for name in followed.keys() - others.keys() - {self._node}:
                    followed.pop(name).cancel()
                    self._told.pop(name, None)
                    self._epoch += 1
                self._following = True
                self._tell()
                await asyncio.sleep(tick)
                idle = 0.0 if self._watchers else idle + tick
            self._following = False
            self._looked_at.clear()
            for task in followed.values():
                task.cancel()

    async def _follow_own(self) -> None:
        async with aclosing(self._own.watch(PEER)) as own:
            async for difference in own:
                self._take(self._node, difference)

    async def _follow(self, server: Server) -> None:
        while True:
            with suppress(Refusal):
                async with aclosing(self._peers.call_stream(server)) as told:
                    async for difference in told:
                        self._take(server.name, difference)
            self._lost(server.name)
            await asyncio.sleep(self._again)

    async def _ask(self, server: Server) -> None:
        """Ask once, unless a stream has begun to tell meanwhile."""
        try:
            rows = await self._peers.calls(server)
        except Refusal:
            if not self._following:
                self._lost(server.name)
        else:
            if not self._following:
                self._take(server.name, Snapshot(calls=rows))

    def _take(self, server: str, difference: Difference | None) -> None:
        told = self._told.setdefault(server, Told())
        told.heard = self._clock()
        match difference:
            case Snapshot(calls=calls, sure=sure, late=late):
                self._living -= {f"{server} {linkedid}" for linkedid in told.rows}
                told.rows = {row["linkedid"]: row for row in calls}
                self._living |= {f"{server} {linkedid}" for linkedid in told.rows}
                told.state, told.sure, told.late = "live", sure, bool(late)
                self._epoch += 1
            case Changed(call):
                told.rows[call["linkedid"]] = call
                self._living.add(key := f"{server} {call['linkedid']}")
                self._log.note(key)
            case Ended(linkedid):
                told.rows.pop(linkedid, None)
                self._living.discard(key := f"{server} {linkedid}")
                self._log.note_gone(key, self._living)
        if difference is not None:
            self._tell()

    def _lost(self, server: str) -> None:
        told = self._told.setdefault(server, Told())
        if told.state != "silent":
            told.state = "silent"
            self._epoch += 1
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _answered(self) -> None:
        """Wait until every server has answered or was given up, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while not self._following or any(told.state == "asking" for told in self._told.values()):
                    await self._news.wait()

    def _others(self) -> list[Server]:
        reports = self._fleet.reports()
        return [
            server
            for server in self._fleet.servers()
            if server.technology.hosts and server.name in reports and server.name != self._node
        ]

    def _snapshot(self, shown: Filter, own: Snapshot | None = None) -> Snapshot:
        """All that is known; ``own`` where this node's calls come from elsewhere than its stream."""
        names = [*(server.name for server in self._others()), *(() if own else (self._node,))]
        return snapshot_of({name: self._told.get(name, Told()) for name in names}, shown, own)
