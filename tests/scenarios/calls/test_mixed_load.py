"""2,200 calls of all kinds in 147 seconds: what must hold at every moment, checked against the raw events."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ari_apps.events import decode_recorded
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.live_calls import LiveCalls

LOAD = Path(__file__).parent / "mixed-load-2200-calls.jsonl.gz"
COME = {"Down": 0, "Ring": 1, "Ringing": 1, "Up": 2, "Busy": 3}


@cache
def all_lines() -> list[bytes]:
    return gzip.decompress(LOAD.read_bytes()).splitlines()


def concerning() -> list[bytes]:
    """Those that our filter of events lets through."""
    return [line for line in all_lines() if b'"type":"ChannelVarset"' not in line]


def legs(row: Row | None) -> Iterator[tuple[str, str]]:
    """The channel and state of each leg of a row."""
    if row:
        yield row["origin"]["channel"], row["origin"]["state"]
        yield from ((leg["channel"], leg["state"]) for leg in row["destinations"])


class Watch:
    """What is looked at after each event; ``wrong`` tells the moments at which it did not hold."""

    def __init__(self) -> None:
        self.wrong: list[object] = []

    def see(self, calls: LiveCalls, event: dict[str, Any]) -> None:
        raise AssertionError("each watch sees something of its own")


class Living(Watch):
    """Every channel is in its call, once, from its creation to its end; what has ended stays only as Busy."""

    def __init__(self) -> None:
        super().__init__()
        self._alive: dict[str, set[str]] = defaultdict(set)

    def see(self, calls: LiveCalls, event: dict[str, Any]) -> None:
        if event["type"] not in ("ChannelCreated", "ChannelDestroyed") or "Local/" in event["channel"]["name"]:
            return
        linkedid = event["channel"]["channelvars"]["CHANNEL(linkedid)"]
        alive = self._alive[linkedid]
        change = alive.add if event["type"] == "ChannelCreated" else alive.discard
        change(event["channel"]["name"])
        shown = list(legs(calls.row(linkedid)))
        names = [name for name, _ in shown]
        ended = {state for name, state in shown if name not in alive}
        if len(names) != len(set(names)) or not alive <= set(names) or not ended <= {"Busy"}:
            self.wrong.append((linkedid, shown, sorted(alive)))


class Forward(Watch):
    """No leg ever goes back to an earlier state or comes again after its end."""

    def __init__(self) -> None:
        super().__init__()
        self._come: dict[str, int] = {}
        self._ended: set[str] = set()
        self._number = 0

    def see(self, calls: LiveCalls, event: dict[str, Any]) -> None:
        changes = calls.changes_since(self._number)
        assert changes
        self._number = changes.number
        for name, state in (leg for row in changes.rows for leg in legs(row)):
            if (name in self._ended and state != "Busy") or COME[state] < self._come.get(name, 0):
                self.wrong.append((name, state))
            self._come[name] = COME[state]
        if event["type"] == "ChannelDestroyed":
            self._ended.add(event["channel"]["name"])


class Differences(Watch):
    """Who only follows the differences, now and then, has the same table."""

    def __init__(self) -> None:
        super().__init__()
        self.followed: dict[str, Row] = {}
        self._number = self._step = 0

    def see(self, calls: LiveCalls, event: dict[str, Any]) -> None:
        self._step += 1
        if self._step % 97:
            return
        changes = calls.changes_since(self._number)
        assert changes
        self._number = changes.number
        self.followed.update({row["linkedid"]: row for row in changes.rows})
        for linkedid in changes.removed:
            self.followed.pop(linkedid, None)
        if self._step % (97 * 50) == 0 and self.followed != {row["linkedid"]: row for row in calls.rows()}:
            self.wrong.append(self._step)


class Answerers(Watch):
    """Every answered call says who answered it."""

    def see(self, calls: LiveCalls, event: dict[str, Any]) -> None:
        entered = event["type"] == "ChannelEnteredBridge" and "Local/" not in event["channel"]["name"]
        if not entered or len(event["bridge"]["channels"]) != 2:
            return
        row = calls.row(event["channel"]["channelvars"]["CHANNEL(linkedid)"])
        up = [leg for leg in row["destinations"] if leg["state"] == "Up"] if row else []
        wanted = [up[0]["channel"][len("PJSIP/1_") :].split("-")[0]] if up else ["nobody"]
        if not row or not row["answered"] or [leg["answerer"] for leg in up] != wanted:
            self.wrong.append(row)


@pytest.fixture(scope="module")
def watched() -> dict[str, Watch]:
    """The load replayed once, with all of them looking on."""
    watches: list[Watch] = [Living(), Forward(), Differences(), Answerers()]
    calls = LiveCalls("node1")
    for line in concerning():
        now, event = decode_recorded(line)
        if event is not None:
            calls.apply(event, now)
        told = json.loads(line)["e"]
        for watch in watches:
            watch.see(calls, told)
    return {type(watch).__name__: watch for watch in watches}


@pytest.mark.parametrize("watch", ["Living", "Forward", "Differences", "Answerers"])
def test_at_every_moment_of_the_load_the_table_holds(watched: dict[str, Watch], watch: str) -> None:
    assert watched[watch].wrong == []


def test_who_followed_the_differences_has_seen_calls(watched: dict[str, Watch]) -> None:
    differences = watched["Differences"]
    assert isinstance(differences, Differences)
    assert differences.followed


@pytest.mark.parametrize("lines", [all_lines, concerning], ids=["all events", "without the filtered ones"])
def test_the_load_ends_with_its_190_legs_in_185_calls(lines: Callable[[], list[bytes]]) -> None:
    calls = LiveCalls()
    for line in lines():
        now, event = decode_recorded(line)
        if event is not None:
            calls.apply(event, now)
    rows = calls.rows()
    assert len(rows) == 185
    assert len([leg for row in rows for leg in legs(row)]) == len(set(calls.living())) == 190
    assert not [name for row in rows for name, _ in legs(row) if name.startswith("Local/")]
