"""Blocked calls on a real Asterisk, with the whole node service beside it.

    python -m tests.bench.blocked_calls [--rounds 3] [--calls 100] [--rate 250] [--seconds 60] [--streams 40] [--hear 0]
        [--only cost|streams|flood] [--diallers 24]

What the gate costs Asterisk a call; a blocked dialler's flood, and what becomes of others' calls meanwhile; and many
callers who each hear a whole audio. Callers are SIPp's, which fails every call that does not end as it must.
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from asterisk_ext import config
from asterisk_ext.lab import sipp
from tests.bench.blocked_load import Calls, answered, answering, blocked
from tests.bench.rtp_gaps import hearing
from tests.bench.table import show
from tests.integration.one_asterisk.asterisk import CARRIER, NODE, PHONES
from tests.integration.one_asterisk.node_on_asterisk import NodeOnAsterisk, node_on_asterisk

SOUND = "/var/lib/asterisk-ext/sounds/default/pt_BR/partial_block"
HOSTER = f"""
[plain]
exten => _X.,1,Progress()
 same => n,Playback({SOUND},noanswer)
 same => n,Hangup(21)
[plain-at-once]
exten => _X.,1,Hangup(21)
"""
ACTIVE, FIRST, BLOCKED = 1, 2, 24
"""The virtual PBX that is active; the first of those that are blocked, and how many."""
OUTSIDE = "4833334444"
HEARS = 40000
"""The port of those who each hear a whole audio."""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended early"))  # so that nothing is left behind
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--calls", type=int, default=100, help="a round and way")
    options.add_argument("--rate", type=int, default=250)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--streams", type=int, default=40, help="calls a second that hear all of an audio")
    options.add_argument("--hear", type=float, default=0, help="the others hang up after so many seconds; 0: never")
    options.add_argument("--diallers", type=int, default=BLOCKED, help="virtual PBXs that the flood comes from")
    options.add_argument("--only", choices=("cost", "streams", "flood"))
    asked = options.parse_args()
    many = config.Gate(announcements_per_pbx=1000, announcements_per_node=2000)
    with tempfile.TemporaryDirectory() as place:
        if asked.only != "flood":
            with _node(Path(place) / "many", many) as node:
                if asked.only != "streams":
                    cost(node, "plain", "hear an audio", asked.calls, 20, asked)
                if asked.only != "cost":
                    whole_audios(node, asked.streams, asked.seconds / 2)
        if asked.only in (None, "cost"):
            with _node(Path(place) / "one", config.Gate(announcements_per_pbx=1)) as node:
                cost(node, "plain-at-once", "end at once", asked.calls * 2, 50, asked)
        if asked.only in (None, "flood"):
            with _node(Path(place) / "shipped", config.Gate()) as node:
                flood(node, asked.diallers, asked.rate, asked.seconds, asked.hear)


def tenants() -> dict[str, Any]:
    return {"tenants": [_tenant(number) for number in range(ACTIVE, FIRST + BLOCKED)]}


def _tenant(number: int) -> dict[str, Any]:
    status = "active" if number == ACTIVE else ("partial_block", "total_block")[number % 2]
    return {
        "id": number,
        "name": f"PBX {number}",
        "domain": f"pbx{number}.example",
        "home": "node1",
        "status": status,
        "extensions": [{"number": str(extension), "secret": "secret"} for extension in range(200, 204)],
        "trunks": [{"name": "trunk1", "host": CARRIER}],
        "emergency_trunks": ["trunk1"],
        "dids": [{"number": f"48320000{number:02}", "target": "200"}],
    }


def callers(number: str, accounts: Sequence[str]) -> list[tuple[str, ...]]:
    return [(account, sipp.answer(account, "secret"), number, NODE) for account in accounts]


def blocked_accounts(diallers: int) -> list[str]:
    return [f"{pbx}_{extension}" for extension in (200, 201) for pbx in range(FIRST, FIRST + diallers)]


def cost(node: NodeOnAsterisk, context: str, what: str, calls: int, rate: int, asked: argparse.Namespace) -> None:
    """Of Asterisk's processor, with the gate and with a dialplan that does the same without asking anybody."""
    _without_gate(node, "2_202", context)
    ways, hearing = {"gate": "2_200", "no gate": "2_202"}, context == "plain"
    took: dict[str, list[float]] = {way: [] for way in ways}
    scenario = blocked("call", asked.hear)

    def call(name: str, account: str, *pace: str) -> Calls:
        port = 5200 + 10 * (node.runs % 50)
        rows = callers(OUTSIDE, [account])
        return Calls(node.one, node.fresh_place(name), (PHONES, port), NODE, scenario, rows, *pace)

    for _ in range(asked.rounds):
        for way, account in ways.items():
            # Where calls are to end at once, somebody else hears the one announcement that may play.
            other = None if hearing else call("other", "2_201", "-m", "1")
            time.sleep(0.5)
            before = node.one.processor_time()
            done = call(way, account, "-r", str(rate), "-m", str(calls)).over()
            took[way].append((node.one.processor_time() - before) / calls * 1000)
            assert done.failed == 0, done
            if other is not None:
                other.kill()
    medians = {way: statistics.median(these) for way, these in took.items()}
    rows: list[tuple[str, ...]] = [("who decides", "Asterisk's processor time a call", "of none")]
    for way, median in medians.items():
        rows.append((way, f"{median:.2f} ms", f"{median / max(medians['no gate'], 0.01):.2f}"))
    show(f"{calls} blocked calls that {what}, median of {asked.rounds} rounds", rows)


@contextmanager
def _node(place: Path, gate: config.Gate) -> Iterator[NodeOnAsterisk]:
    with node_on_asterisk(place, gate, HOSTER) as node:
        node.add_servers("node1")
        node.ask("POST", "pbx/import", data=tenants())
        node.until_known(FIRST + BLOCKED - 1)
        yield node


def _without_gate(node: NodeOnAsterisk, account: str, context: str) -> None:
    """Once the node service has written all that it has to write; else it would repair this."""
    with closing(sqlite3.connect(node.one.database)) as database:
        while True:
            database.execute("UPDATE ps_endpoints SET context = ? WHERE id = ?", (context, account))
            database.commit()
            time.sleep(2)
            if database.execute("SELECT context FROM ps_endpoints WHERE id = ?", (account,)).fetchone() == (context,):
                return


def flood(node: NodeOnAsterisk, diallers: int, rate: int, seconds: float, hear: float) -> None:
    one, count = node.one, int(rate * seconds)
    carrier = Calls(one, node.fresh_place("carrier"), (CARRIER, 5060), "", answering(), [])
    few = ("-r", "4", "-m", str(int(4 * seconds)))
    active = callers(OUTSIDE, ["1_200", "1_201", "1_202"])
    emergency = callers("190", blocked_accounts(diallers))
    dialler = callers(OUTSIDE, blocked_accounts(diallers))
    many = ("-r", str(rate), "-m", str(count), "-l", "4000")
    before, begun = one.processor_time(), time.monotonic()
    ways = {
        "blocked": (5200, blocked("call", hear), dialler, many),
        "of an active virtual PBX": (5300, answered(1000), active, few),
        "emergency": (5400, answered(1000), emergency, few),
    }
    calls = {
        name: Calls(one, node.fresh_place(name), (PHONES, port), NODE, scenario, rows, *pace)
        for name, (port, scenario, rows, pace) in ways.items()
    }
    told: list[tuple[str, ...]] = [("calls", "ended as they must", "otherwise", "messages sent again")]
    dialled = 0
    for name, these in calls.items():
        done = these.over()
        dialled = dialled or done.ended_right
        told.append((name, f"{done.ended_right:,}", str(done.failed), str(done.sent_again)))
    used = (one.processor_time() - before) / (time.monotonic() - begun)
    done = carrier.end()
    told.append(("that reached the carrier", f"{done.ended_right:,}", str(done.failed), str(done.sent_again)))
    told.append(("listed as blocked", f"{_listed(node, dialled):,}", "", ""))
    what = f"{rate} blocked calls a second of {diallers} virtual PBXs for {seconds:.0f} s"
    show(f"{what}; Asterisk used {used:.2f} of a processor", told)


def _listed(node: NodeOnAsterisk, calls: int) -> int:
    """How many are listed as blocked, once ``calls`` are: what Asterisk notes by itself comes some seconds later."""
    until = time.monotonic() + 15
    while True:
        listed = sum(int(count["calls"]) for count in node.ask("GET", "blocked-calls/counts"))
        if listed >= calls or time.monotonic() > until:
            return listed
        time.sleep(0.5)


def whole_audios(node: NodeOnAsterisk, rate: int, seconds: float) -> None:
    count = int(rate * seconds)
    rows = [("4899990000", "", f"48320000{FIRST + 1:02}", NODE)]
    with hearing(node.one, CARRIER, HEARS) as heard:
        pace = ("-r", str(rate), "-m", str(count), "-l", "4000")
        scenario = blocked("trunk_call", media=str(HEARS))
        done = Calls(node.one, node.fresh_place("heard"), (CARRIER, 5060), NODE, scenario, rows, *pace).over()
    told = heard.told()
    show(
        f"{rate} blocked calls a second for {seconds:.0f} s, each hearing a whole audio",
        [
            ("figure", "value"),
            ("calls ended as they must; otherwise", f"{done.ended_right:,}; {done.failed}"),
            ("messages sent again", str(done.sent_again)),
            ("streams heard; packets", f"{told.streams:,}; {told.packets:,}"),
            ("audio of a stream, shortest; longest", f"{told.shortest:.2f} s; {told.longest:.2f} s"),
            ("gaps over 40 ms", str(told.gaps)),
            ("longest gap; p99.9", f"{told.longest_gap * 1000:.0f} ms; {told.usual_gap * 1000:.0f} ms"),
        ],
    )


if __name__ == "__main__":
    main()
