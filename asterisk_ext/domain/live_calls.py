"""The live calls table: events in, rows out. Pure: the time is passed in, nothing is awaited or logged.

What it holds to, whatever the order and age of what it is told:

- a channel that has ended is not shown again (its id is remembered for ``REMEMBER`` seconds) unless it is created anew,
  and every channel heard of that has not ended is in exactly one call;
- a state never goes backwards: snapshots inside Dial events are older than the last change of state at times;
- a leg that was busy ends within a millisecond, so it stays in its row as Busy for ``KEEP_BUSY`` seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from asterisk_ext.domain.call_events import Bridge, Changed, Created, Dialled, Event, Held, Snapshot
from asterisk_ext.domain.call_legs import UP, Leg, dialled_by, is_hidden, is_local_caller, rank
from asterisk_ext.domain.call_rows import iso_utc
from asterisk_ext.domain.call_table import CallTable

KEEP_BUSY = 5.0
REMEMBER = 120.0
_USER_BUSY = 17  # Q.850


class LiveCalls(CallTable):
    """The calls of one server. ``now`` is in epoch seconds everywhere and must not run backwards."""

    def __init__(self, server: str | None = None) -> None:
        super().__init__(server)
        self._ended: dict[str, float] = {}
        self._busy: deque[tuple[float, Leg]] = deque()

    def unsettled(self) -> list[str]:
        """The ids of legs that are up and of which something is worth asking for, once."""
        return [leg.id for leg in self._legs.values() if not leg.hidden and leg.unsettled]

    def apply(self, event: Event, now: float) -> None:
        """Take one event in."""
        if self._busy and self._busy[0][0] <= now:
            self.expire(now)
        if isinstance(event, Changed):
            self._change(event.channel, now, event.at)
        elif isinstance(event, Dialled):
            self._dial(event, now)
        elif isinstance(event, Held):
            self._hold(event, now)
        elif isinstance(event, Created):
            self._create(event.channel, now)
        else:
            self._end(event.id, event.cause, now)

    def expire(self, now: float) -> None:
        """Drop the busy legs whose time is over; to be called every second or so when no event comes."""
        while self._busy and self._busy[0][0] <= now:
            leg = self._busy.popleft()[1]
            if self._legs.get(leg.id) is leg:
                self._drop(leg)

    def merge(self, channels: Iterable[Snapshot], bridges: Iterable[Bridge], asked: float, now: float) -> None:
        """Take in the list of all channels that was asked for at ``asked`` and has arrived ``now``.

        A leg that was known before the question and is not in the answer has ended; one heard of since is newer
        than the answer and stays as it is.
        """
        listed: set[str] = set()
        for channel in channels:
            listed.add(channel.id)
            leg = self._legs.get(channel.id)
            if leg is None or leg.seen < asked:
                self._change(channel, now, "")
        for leg in [leg for leg in self._legs.values() if leg.id not in listed and leg.seen < asked and not leg.ended]:
            self._end(leg.id, 0, now)
        for bridge in bridges:
            self._bridged(bridge)

    def settle(self, channel: Snapshot, now: float) -> None:
        """Take in what was asked about one leg; whatever it shows now is what it settled on."""
        leg = self._change(channel, now, "")
        if leg:
            leg.settled = True

    def clear(self) -> None:
        """Asterisk has started anew: nothing that was known lives."""
        gone = [linkedid for linkedid, call in self._calls.items() if call.shown()]
        self._legs.clear()
        self._calls.clear()
        self._busy.clear()
        self._ended.clear()
        for linkedid in gone:
            self._log.note_gone(linkedid, self._calls)

    def _create(self, channel: Snapshot, now: float) -> None:
        if self._ended.pop(channel.id, None) is not None and (former := self._legs.get(channel.id)):
            self._drop(former)  # whoever originates a call may choose its id, and choose it again
        leg = self._change(channel, now, "")
        if leg and channel.linkedid and channel.linkedid != channel.id and not leg.called:
            leg.called = True  # its linkedid was handed down by the one who calls it
            self._note(leg)

    def _change(self, channel: Snapshot, now: float, at: str) -> Leg | None:
        """Bring a leg up to what ``channel`` says; None when it has ended."""
        leg = self._legs.get(channel.id)
        if leg is None:
            return self._add(channel, channel.linkedid or channel.id, now)
        if leg.ended:
            return None
        leg.seen = now
        if channel.linkedid and channel.linkedid != leg.linkedid:
            self._move(leg, channel.linkedid)
        changed = channel.state != leg.state and self._advance(leg, channel.state, at)
        if channel.formats != leg.formats:
            changed |= leg.take_formats(channel.formats)
        if not leg.is_of(channel):
            leg.take_parties(channel)
            changed = True
        if not leg.called and (not leg.dialled or channel.dnid != leg.dialled):
            changed |= leg.take_dialled(channel)
        if channel.name != leg.name:
            self._rename(leg, channel.name)
        if changed:
            self._note(leg)
        return leg

    def _hold(self, event: Held, now: float) -> None:
        leg = self._change(event.channel, now, event.at)
        if leg and leg.holds != event.holds:
            leg.holds = event.holds
            self._note(leg)

    def _dial(self, event: Dialled, now: float) -> None:
        caller = self._glimpse(event.caller, "", now) if event.caller else None
        peer = self._glimpse(event.peer, caller.linkedid if caller else "", now)
        if caller is None or peer is None:
            return
        if not caller.dialled and caller.take_number(dialled_by(event.dialstring)):
            self._note(caller)
        if not peer.called:
            peer.called = True
            self._note(peer)
        if event.status == "ANSWER" and not peer.answered:
            peer.answered = True
            self._note(peer)
            if not is_local_caller(caller.name):
                self._answer(peer.linkedid, event.at)

    def _glimpse(self, channel: Snapshot, linkedid: str, now: float) -> Leg | None:
        """The leg of a snapshot that may be old: it adds what is not known yet and overrides nothing."""
        leg = self._legs.get(channel.id)
        if leg is None:
            return self._add(channel, channel.linkedid or linkedid or channel.id, now)
        if leg.ended:
            return None
        leg.seen = now
        changed = rank(channel.state) > leg.rank and self._advance(leg, channel.state, "")
        if channel.formats != leg.formats and leg.rank < UP:
            changed |= leg.take_formats(channel.formats)
        if not leg.dialled or channel.dnid != leg.dialled:
            changed |= leg.take_dialled(channel)
        if changed:
            self._note(leg)
        return leg

    def _end(self, id: str, cause: int, now: float) -> None:
        self._forget(now)
        self._ended[id] = now
        leg = self._legs.get(id)
        if leg is None or leg.ended:
            return
        if leg.hidden:
            self._drop(leg)
            return
        others = [other for other in self._calls[leg.linkedid].shown() if other is not leg]
        last = all(other.ended for other in others)
        if leg.rank < UP and (cause == _USER_BUSY or (last and others)):
            leg.state, leg.rank, leg.ended = "Busy", UP, True
            self._busy.append((now + KEEP_BUSY, leg))
            self._note(leg)
            return
        for ended in [leg, *others] if last else [leg]:
            self._drop(ended)

    def _add(self, channel: Snapshot, linkedid: str, now: float) -> Leg | None:
        if channel.id in self._ended:
            return None
        leg = self._legs[channel.id] = Leg(channel, now)
        self._join(leg, linkedid)
        return leg

    def _rename(self, leg: Leg, name: str) -> None:
        """A masquerade gives one channel the other's name, and the other an end as a zombie."""
        leg.name, leg.hidden = name, is_hidden(name)
        self._note_call(self._calls[leg.linkedid])

    def _advance(self, leg: Leg, state: str, at: str) -> bool:
        """Whether the leg took this state."""
        reached = rank(state)
        if reached < leg.rank:
            return False
        if state == "Up" and leg.state == "Ring" and at and not leg.hidden:
            self._answer(leg.linkedid, at)  # who rang in was answered: by a phone, a queue or an application
        leg.state, leg.rank = state, reached
        return True

    def _answer(self, linkedid: str, at: str) -> None:
        call = self._calls[linkedid]
        if call.answered is None:
            call.answered = iso_utc(at)
            self._note_call(call)

    def _bridged(self, bridge: Bridge) -> None:
        """Who is in a bridge with another has answered; its creation is the best time for what nobody watched."""
        members = [leg for member in bridge.members if (leg := self._legs.get(member)) and not leg.ended]
        legs = [leg for leg in members if leg.rank == UP]
        for leg in legs if len(legs) > 1 else ():
            if leg.called and not leg.answered:
                leg.answered = True
                self._note(leg)
            self._answer(leg.linkedid, bridge.created)

    def _forget(self, now: float) -> None:
        while self._ended and self._ended[oldest := next(iter(self._ended))] < now - REMEMBER:
            del self._ended[oldest]
