"""Live calls: the table of this node, its differences as they happen, and hanging up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from asterisk_ext.domain import live_calls as domain
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.call_events import Bridge, Event
from asterisk_ext.domain.call_events import Snapshot as Channel
from asterisk_ext.domain.call_filter import Counters, Filter, count
from asterisk_ext.domain.call_media import Detail, RtpStatistics, media_of
from asterisk_ext.domain.call_news import Changed, Difference, Ended, Snapshot
from asterisk_ext.domain.call_rows import Row, epoch_of
from asterisk_ext.domain.call_table import Changes
from asterisk_ext.domain.emergency import DEFAULT_NUMBERS, MARK, dialled_forms
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Pbx

UNKNOWN = Problem(
    "call.unknown", 404, "There is no call {linkedid} any more; nothing was done.", "Look at the table again."
)
EMERGENCY = Problem(
    "call.emergency",
    409,
    "The call {linkedid} is to an emergency number; it was not hung up.",
    "Let it end by itself.",
)

PAUSE = 0.05
"""Seconds between two differences to one watcher: what changes within is sent once."""
LATE, IN_TIME = 2.0, 1.0
"""Seconds that Asterisk's events come after what they tell when the table is called late, and when no longer."""


class Tenants(Protocol):
    """What is known of virtual PBXs."""

    def tenants(self) -> Sequence[Pbx]: ...


class Journal(Protocol):
    """Where acts are noted."""

    async def note(self, actor: Actor, act: Act, thing: str, undo: str = "", **facts: object) -> int: ...


class Channels(Protocol):
    """The exchange whose channels can be asked about and ended."""

    async def rtp_statistics(self, channel: str) -> RtpStatistics | None:
        """None when the channel of this unique id has ended or has no RTP."""
        ...

    async def hang_up(self, channel: str) -> None:
        """End the channel of this unique id; one that has ended already is no error."""
        ...

    async def variable(self, channel: str, name: str) -> str:
        """A channel's variable; empty where it has none, or has ended."""
        ...


State = Literal["live", "late", "resyncing", "stale"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether the table is known to be right, and since when (epoch seconds) it is as it is.

    ``late``: it is right for some seconds ago, since more happens than Asterisk can tell of at once.
    """

    state: State
    since: float


class LiveCalls:
    def __init__(self, server: str, channels: Channels, fleet: Tenants, audit: Journal, pause: float = PAUSE) -> None:
        self._server = server
        self._calls = domain.LiveCalls(server)
        self._channels = channels
        self._fleet = fleet
        self._audit = audit
        self._pause = pause
        self._news = asyncio.Event()
        self._waiting = 0
        self.freshness = Freshness("stale", 0.0)
        self._heard = 0.0
        """When the last event came."""
        self._known = False
        """Whether Asterisk has told of its calls since this service started."""

    def table(self, actor: Actor, wanted: Filter | None = None) -> Snapshot:
        """The calls that ``actor`` may see and that are ``wanted``, the newest first."""
        shown = scoped(actor, wanted)
        rows = [row for row in self._calls.rows() if shown.matches(row)]
        state = self.freshness.state
        late = [self._server] if state == "late" else []
        return Snapshot(calls=rows[::-1], sure=state in ("live", "late"), late=late)

    def count(self) -> int:
        """Calls in progress on this server."""
        return len(self._calls.rows())

    def count_by_pbx(self) -> Counter[str] | None:
        """The same by virtual PBX; calls that belong to none are under the empty text.

        None until Asterisk has told of them: a service that has just started has seen no call, and there may be many.
        """
        if not self._known:
            return None
        return Counter(row["pbx"] or "" for row in self._calls.rows())

    def counters(self, actor: Actor, wanted: Filter | None = None) -> Counters:
        return count(self.table(actor, wanted).calls)

    async def watch(self, actor: Actor, wanted: Filter | None = None) -> AsyncGenerator[Difference]:
        """A snapshot, then every difference, for as long as it is listened to.

        Who listens slowly misses what happened in between, never how it ended; who is so slow that this is not known
        any more, and everybody when the table's freshness changes, gets a snapshot again.
        """
        shown = scoped(actor, wanted)
        sent: set[str] = set()
        freshness: Freshness | None = None
        number = 0
        while True:
            changes = self._calls.changes_since(number)
            number = self._calls.number
            if changes is None or freshness is not self.freshness:
                freshness = self.freshness
                snapshot = self.table(actor, wanted)
                sent = {row["linkedid"] for row in snapshot.calls}
                yield snapshot
            else:
                for difference in _differences(changes, shown, sent, self._server):
                    yield difference
            await self._until_other(number, freshness)
            await asyncio.sleep(self._pause)

    async def detail(self, actor: Actor, linkedid: str) -> Detail:
        """One call and how its legs' audio fares now. Refuses ``call.unknown``, also where ``actor`` may not see it."""
        row = self._calls.row(linkedid)
        if row is None or not scoped(actor, None).matches(row):
            raise UNKNOWN.refuse(linkedid=linkedid)
        legs = self._calls.living_names(linkedid)
        told = await asyncio.gather(*(self._channels.rtp_statistics(leg) for leg, _ in legs))
        return {"call": row, "media": [media_of(name, each) for (_, name), each in zip(legs, told, strict=True)]}

    async def hang_up(self, actor: Actor, linkedid: str) -> None:
        """End every leg of a call. Refuses ``call.unknown``, and ``call.emergency`` for a call to such a number."""
        require(actor, Act.HANG_UP)
        row = self._calls.row(linkedid)
        legs = self._calls.living_in(linkedid)
        if row is None or not legs:
            raise UNKNOWN.refuse(linkedid=linkedid)
        if await self._is_emergency(row, legs):
            raise EMERGENCY.refuse(linkedid=linkedid)
        await self._audit.note(actor, Act.HANG_UP, linkedid, server=row["server"], pbx=row["pbx"])
        for leg in legs:
            await self._channels.hang_up(leg)

    async def cut(self, pbx: int, spared: Collection[str]) -> int:
        """End all calls of a virtual PBX that are no emergency and not to a number ``spared``; how many there were."""
        done = 0
        for row in self._calls.rows():
            legs = self._calls.living_in(row["linkedid"])
            if row["pbx"] != str(pbx) or row["origin"]["dialled"] in spared or await self._is_emergency(row, legs):
                continue
            for leg in legs:
                await self._channels.hang_up(leg)
            done += 1
        return done

    def apply(self, event: Event, now: float) -> None:
        self._calls.apply(event, now)
        self._heard = now
        if event.at and (state := self.freshness.state) in ("live", "late"):
            behind = now - epoch_of(event.at)
            if behind > LATE and state == "live":
                self._set("late", now)
            elif behind < IN_TIME and state == "late":
                self._set("live", now)
        self._tell()

    def merge(self, channels: Iterable[Channel], bridges: Iterable[Bridge], asked: float, now: float) -> None:
        """The whole truth as Asterisk gave it between ``asked`` and ``now``; the table is right after it."""
        self._calls.merge(channels, bridges, asked, now)
        self._known = True
        if self.freshness.state != "late":
            self._set("live", now)
        self._tell()

    def none(self, now: float) -> None:
        """There is no Asterisk on this server: the table is right as it is, empty."""
        self._known = True
        self._set("live", now)

    def unsettled(self) -> list[str]:
        return self._calls.unsettled()

    def settle(self, channel: Channel, now: float) -> None:
        self._calls.settle(channel, now)
        self._tell()

    def expire(self, now: float) -> None:
        self._calls.expire(now)
        if self.freshness.state == "late" and now - self._heard > LATE:
            self._set("live", now)
        self._tell()

    def clear(self) -> None:
        """Asterisk has started anew."""
        self._calls.clear()
        self._tell()

    def lost(self, now: float) -> None:
        """Out of touch with Asterisk; the table stays as it was last known."""
        self._set("stale", now)
        self._tell()

    def found(self, now: float) -> None:
        """In touch again, and asking for the whole truth."""
        self._set("resyncing", now)
        self._tell()

    def _set(self, state: State, now: float) -> None:
        if state != self.freshness.state:
            self.freshness = Freshness(state, now)

    def _tell(self) -> None:
        if self._waiting:
            self._waiting = 0
            self._news.set()
            self._news = asyncio.Event()

    async def _until_other(self, number: int, freshness: Freshness | None) -> None:
        while self._calls.number == number and self.freshness is freshness:
            self._waiting += 1
            await self._news.wait()

    async def _is_emergency(self, row: Row, legs: Iterable[str]) -> bool:
        """Whether an emergency number was dialled, in a form that the tenant's phones may dial, or transferred to."""
        if self._dialled_emergency(row):
            return True
        return any([await self._channels.variable(leg, MARK) for leg in legs])

    def _dialled_emergency(self, row: Row) -> bool:
        pbx = next((pbx for pbx in self._fleet.tenants() if str(pbx.id) == row["pbx"]), None)
        if pbx is None:
            return row["origin"]["dialled"] in dialled_forms(DEFAULT_NUMBERS, ("0",))
        return row["origin"]["dialled"] in dialled_forms(pbx.emergency_numbers, pbx.outside_prefixes)


def scoped(actor: Actor, wanted: Filter | None) -> Filter:
    """What ``actor`` asks for within what he may see."""
    require(actor, Act.SEE_CALLS, actor.pbx)
    wanted = wanted or Filter()
    return wanted if actor.pbx is None else replace(wanted, pbx=str(actor.pbx))


def _differences(changes: Changes, shown: Filter, sent: set[str], server: str) -> list[Difference]:
    """What to send of ``changes`` to one who was sent the calls ``sent``, which is brought up to date."""
    differences: list[Difference] = []
    ended = set(changes.removed)
    for row in changes.rows:
        if shown.matches(row):
            sent.add(row["linkedid"])
            differences.append(Changed(row))
        else:
            ended.add(row["linkedid"])
    differences += [Ended(linkedid, server) for linkedid in sorted(ended & sent)]
    sent -= ended
    return differences
