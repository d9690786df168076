"""How fast events are decoded and applied, and what a live leg costs.

python -m tests.bench.calls [--file FILE] [--rounds 5]

Reference: ``json.loads`` alone on the same lines. The best of several rounds is told, for the machine may be shared.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from ari_apps.events import decode_recorded
from asterisk_ext.domain.live_calls import LiveCalls
from tests.bench.table import show

RECORDING = Path(__file__).parents[1] / "scenarios/calls/mixed-load-2200-calls.jsonl.gz"
LEGS = 20_000


def parse(lines: list[bytes]) -> None:
    for line in lines:
        json.loads(line)


def track(lines: list[bytes]) -> LiveCalls:
    calls = LiveCalls("node1")
    for line in lines:
        now, event = decode_recorded(line)
        if event is not None:
            calls.apply(event, now)
    return calls


def best(lines: list[bytes], rounds: int, *works: Callable[[list[bytes]], object]) -> list[float]:
    """Lines a second of each work; they take turns, so that all suffer alike from what else the machine does."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, seconds, strict=True):
            gc.collect()
            began = time.perf_counter()
            work(lines)
            taken.append(time.perf_counter() - began)
    return [len(lines) / min(taken) for taken in seconds]


def bytes_per_leg(lines: list[bytes], legs: int, built: bool) -> float:
    """Memory of a table of many ringing calls of one kind, its rows built as a page would have them or not."""
    template = next(line for line in lines if b'"type":"ChannelStateChange"' in line and b'"state":"Up"' in line)
    now, _ = decode_recorded(template)
    channel = json.loads(template)["e"]["channel"]
    calls = LiveCalls("node1")
    gc.collect()
    tracemalloc.start()
    for number in range(legs):
        linkedid = f"1795375767.{number - number % 2}"
        channel |= {"id": f"1795375767.{number}", "name": f"PJSIP/1_{number}-{number:08x}"}
        channel["caller"] = {"name": f"Ramal {number}", "number": str(number)}
        channel["channelvars"]["CHANNEL(linkedid)"] = linkedid
        line = json.dumps({"t": now, "e": {"type": "ChannelStateChange", "timestamp": "", "channel": channel}})
        _, event = decode_recorded(line.encode())
        assert event is not None
        calls.apply(event, now)
    if built:
        calls.rows()
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(list(calls.living())) == legs
    return used / legs


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--file", type=Path, default=RECORDING)
    options.add_argument("--events", type=int, default=None, help="only so many of the file's")
    options.add_argument("--legs", type=int, default=LEGS, help="of the table whose memory is measured")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    lines = gzip.decompress(given.file.read_bytes()).splitlines()[: given.events]
    plain, ours = best(lines, given.rounds, parse, track)
    table = track(lines)
    began = time.perf_counter()
    rows = table.rows()
    milliseconds = 1e3 * (time.perf_counter() - began)
    show(
        f"{len(lines):,} recorded events",
        [
            ("figure", "value", "to the peer"),
            ("`json.loads` alone", f"{plain:,.0f} events/s", "1"),
            ("decode and apply", f"{ours:,.0f} events/s", f"{ours / plain:.2f} ×"),
            (f"all rows at the end ({len(rows):,} calls)", f"{milliseconds:.1f} ms", ""),
            ("memory of a leg", f"{bytes_per_leg(lines, given.legs, built=False):,.0f} bytes", ""),
            ("with its row built", f"{bytes_per_leg(lines, given.legs, built=True):,.0f} bytes", ""),
        ],
    )


if __name__ == "__main__":
    main()
