"""What each server of the fleet has told of its calls, and what a watcher is sent of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from asterisk_ext.domain.call_filter import Filter
from asterisk_ext.domain.call_news import Changed, Difference, Ended, Silent, Snapshot
from asterisk_ext.domain.call_rows import Row

Key = tuple[str, str]
"""Server and linkedid."""


@dataclass(slots=True)
class Told:
    """What one server has told; ``heard`` is its last sign of life, in epoch seconds."""

    state: Literal["asking", "live", "silent"] = "asking"
    sure: bool = True
    late: bool = False
    heard: float = 0.0
    rows: dict[str, Row] = field(default_factory=dict)


def key_of(row: Row) -> Key:
    return row["server"] or "", row["linkedid"]


def snapshot_of(told: Mapping[str, Told], shown: Filter, own: Snapshot | None = None) -> Snapshot:
    """All that is known; ``own`` are the calls of a server that is not among ``told``."""
    live = {name: each for name, each in told.items() if each.state == "live"}
    rows = [*(own.calls if own else ()), *(row for each in live.values() for row in each.rows.values())]
    silent = [
        Silent(server=name, since=each.heard, calls=_newest(each.rows.values(), shown))
        for name, each in told.items()
        if name not in live
    ]
    sure = all(each.sure for each in live.values()) and (own is None or own.sure)
    late = sorted([*(own.late if own else ()), *(name for name, each in live.items() if each.late)])
    return Snapshot(calls=_newest(rows, shown), sure=sure, silent=silent, late=late)


def differences_of(changes: Sequence[str], told: Mapping[str, Told], shown: Filter, sent: set[Key]) -> list[Difference]:
    """What to send to one who was sent the calls ``sent``, which is brought up to date.

    ``changes``: server and linkedid of the calls to look at, the latest first.
    """
    differences: list[Difference] = []
    for change in reversed(changes):
        server, _, linkedid = change.partition(" ")
        its = told.get(server)
        row = its.rows.get(linkedid) if its and its.state == "live" else None
        if row is not None and shown.matches(row):
            sent.add((server, linkedid))
            differences.append(Changed(row))
        elif (server, linkedid) in sent:
            sent.discard((server, linkedid))
            differences.append(Ended(linkedid, server))
    return differences


def _newest(rows: Iterable[Row], shown: Filter) -> list[Row]:
    return sorted(filter(shown.matches, rows), key=lambda row: (row["started"], row["linkedid"]), reverse=True)
