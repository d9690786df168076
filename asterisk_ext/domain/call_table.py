"""Legs grouped into calls by their linkedid, and a number for every change of what is shown. Pure.

``changes_since`` names the calls to look at again, so that a follower costs what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asterisk_ext.domain.call_legs import Call, Leg
from asterisk_ext.domain.call_rows import Row, iso_utc
from asterisk_ext.domain.change_log import ChangeLog


class Changes(NamedTuple):
    """What differs between two numbers: rows to send anew, and linkedids that have no row any more."""

    number: int
    rows: list[Row]
    removed: list[str]


class CallTable:
    """The legs of one server; each is in exactly one call."""

    def __init__(self, server: str | None = None) -> None:
        self.server = server
        self._legs: dict[str, Leg] = {}
        self._calls: dict[str, Call] = {}
        self._log = ChangeLog()

    @property
    def number(self) -> int:
        """Counts the changes of what is shown."""
        return self._log.number

    def rows(self) -> list[Row]:
        """All calls, the oldest first."""
        return sorted((row for call in self._calls.values() if (row := self._row(call))), key=_age)

    def row(self, linkedid: str) -> Row | None:
        call = self._calls.get(linkedid)
        return self._row(call) if call else None

    def living(self) -> Iterator[str]:
        """The ids of the channels that live and are shown."""
        return (leg.id for leg in self._legs.values() if not leg.hidden and not leg.ended)

    def living_names(self, linkedid: str) -> list[tuple[str, str]]:
        """Id and name of one call's living channels, the origin's first."""
        call = self._calls.get(linkedid)
        return [(leg.id, leg.name) for leg in call.shown() if not leg.ended] if call else []

    def living_in(self, linkedid: str) -> list[str]:
        """The ids of one call's channels, the origin's first."""
        return [leg for leg, _ in self.living_names(linkedid)]

    def changes_since(self, number: int) -> Changes | None:
        """What has changed since ``number``; None when that is too long ago to tell: begin from ``rows``."""
        touched = self._log.since(number)
        if touched is None:
            return None
        rows = {linkedid: self.row(linkedid) for linkedid in touched}
        removed = [linkedid for linkedid, row in rows.items() if row is None]
        return Changes(self.number, [row for row in rows.values() if row], removed)

    def _join(self, leg: Leg, linkedid: str) -> Call:
        call = self._calls.get(linkedid)
        if call is None:
            call = self._calls[linkedid] = Call(linkedid)
        leg.linkedid = linkedid
        call.add(leg)
        self._note(leg)
        return call

    def _move(self, leg: Leg, linkedid: str) -> None:
        left = self._leave(leg)
        call = self._join(leg, linkedid)
        call.answered = call.answered or left.answered

    def _leave(self, leg: Leg) -> Call:
        call = self._calls[leg.linkedid]
        del call.legs[leg.id]
        if not call.legs:
            del self._calls[leg.linkedid]
        if not leg.hidden:
            self._note_call(call)
        return call

    def _drop(self, leg: Leg) -> None:
        del self._legs[leg.id]
        self._leave(leg)

    def _note(self, leg: Leg) -> None:
        if not leg.hidden:
            self._calls[leg.linkedid].row = None
            self._log.note(leg.linkedid)

    def _note_call(self, call: Call) -> None:
        call.row = None
        if call.shown():
            self._log.note(call.linkedid)
        else:
            self._log.note_gone(call.linkedid, self._calls)

    def _row(self, call: Call) -> Row | None:
        if call.row is None:
            call.row = row_of(call, self.server)
        return call.row


def _age(row: Row) -> tuple[str, str]:
    return row["started"], row["linkedid"]


def row_of(call: Call, server: str | None) -> Row | None:
    """The call as a row, None when no leg of it is to be shown."""
    legs = call.shown()
    if not legs:
        return None
    first, *others = legs
    held = call.held()
    row: Row = {
        "linkedid": call.linkedid,
        "pbx": next((leg.pbx for leg in legs if leg.pbx), None),
        "server": server,
        "started": iso_utc(call.started),
        "answered": call.answered,
        "origin": {
            "channel": first.name,
            "state": first.state,
            "caller": first.number,
            "name": first.caller_name,
            "dialled": first.dialled,
            "codecs": list(first.codecs),
        },
        "destinations": [
            {
                "channel": leg.name,
                "state": leg.state,
                "codecs": list(leg.codecs),
                "answerer": leg.answerer(first.dialled),
                "name": leg.caller_name,
            }
            for leg in others
        ],
    }
    if held is first:
        row["origin"]["held"] = True
    elif held is not None:
        row["destinations"][others.index(held)]["held"] = True
    return row
