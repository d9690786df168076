"""2,200 calls of all kinds in 147 seconds: what must hold at every moment, checked against the raw events."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ari_apps.events import decode_recorded
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.live_calls import LiveCalls

LINES = gzip.decompress((Path(__file__).parent / "mixed-load-2200-calls.jsonl.gz").read_bytes()).splitlines()
CONCERNING = [line for line in LINES if b'"type":"ChannelVarset"' not in line]
COME = {"Down": 0, "Ring": 1, "Ringing": 1, "Up": 2, "Busy": 3}


def legs(row: Row | None) -> Iterator[tuple[str, str]]:
    """The channel and state of each leg of a row."""
    if row:
        yield row["origin"]["channel"], row["origin"]["state"]
        yield from ((leg["channel"], leg["state"]) for leg in row["destinations"])


def replayed() -> Iterator[tuple[LiveCalls, dict[str, Any]]]:
    """The table after each event, and the event as JSON."""
    calls = LiveCalls("node1")
    for line in CONCERNING:
        now, event = decode_recorded(line)
        if event is not None:
            calls.apply(event, now)
        yield calls, json.loads(line)["e"]


def test_every_channel_is_in_its_call_once_from_its_creation_to_its_end() -> None:
    alive: dict[str, set[str]] = defaultdict(set)
    for calls, event in replayed():
        if event["type"] not in ("ChannelCreated", "ChannelDestroyed") or "Local/" in event["channel"]["name"]:
            continue
        linkedid = event["channel"]["channelvars"]["CHANNEL(linkedid)"]
        change = alive[linkedid].add if event["type"] == "ChannelCreated" else alive[linkedid].discard
        change(event["channel"]["name"])
        shown = list(legs(calls.row(linkedid)))
        names = [name for name, _ in shown]
        assert len(names) == len(set(names))
        assert alive[linkedid] <= set(names)
        assert {state for name, state in shown if name not in alive[linkedid]} <= {"Busy"}


def test_no_leg_ever_goes_back_to_an_earlier_state_or_comes_again_after_its_end() -> None:
    come: dict[str, int] = {}
    ended: set[str] = set()
    number = 0
    for calls, event in replayed():
        changes = calls.changes_since(number)
        assert changes
        number = changes.number
        for row in changes.rows:
            for name, state in legs(row):
                assert name not in ended or state == "Busy"
                assert COME[state] >= come.get(name, 0)
                come[name] = COME[state]
        if event["type"] == "ChannelDestroyed":
            ended.add(event["channel"]["name"])


def test_who_only_follows_the_differences_has_the_same_table() -> None:
    followed: dict[str, Row] = {}
    number = 0
    for step, (calls, _) in enumerate(replayed()):
        if step % 97 == 0:
            changes = calls.changes_since(number)
            assert changes
            number = changes.number
            followed.update({row["linkedid"]: row for row in changes.rows})
            for linkedid in changes.removed:
                followed.pop(linkedid, None)
            if step % (97 * 50) == 0:
                assert followed == {row["linkedid"]: row for row in calls.rows()}
    assert followed


@pytest.mark.parametrize("lines", [LINES, CONCERNING], ids=["all events", "without the filtered ones"])
def test_the_load_ends_with_its_190_legs_in_185_calls(lines: list[bytes]) -> None:
    calls = LiveCalls()
    for line in lines:
        now, event = decode_recorded(line)
        if event is not None:
            calls.apply(event, now)
    rows = calls.rows()
    assert len(rows) == 185
    assert len([leg for row in rows for leg in legs(row)]) == len(set(calls.living())) == 190
    assert not [name for row in rows for name, _ in legs(row) if name.startswith("Local/")]


def test_every_answered_call_says_who_answered_it() -> None:
    for calls, event in replayed():
        entered = event["type"] == "ChannelEnteredBridge" and "Local/" not in event["channel"]["name"]
        if entered and len(event["bridge"]["channels"]) == 2:
            row = calls.row(event["channel"]["channelvars"]["CHANNEL(linkedid)"])
            assert row
            assert row["answered"]
            up = [leg for leg in row["destinations"] if leg["state"] == "Up"]
            assert [leg["answerer"] for leg in up] == [up[0]["channel"][len("PJSIP/1_") :].split("-")[0]]
