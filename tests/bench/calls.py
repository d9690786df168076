"""How fast events are decoded and applied, and what a live leg costs: ``python -m tests.bench.calls [FILE]``.

Reference: ``json.loads`` alone on the same lines. The best of several rounds is told, for the machine may be shared.
"""

from __future__ import annotations

import gc
import gzip
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from ari_apps.events import decode_recorded
from asterisk_ext.domain.live_calls import LiveCalls

RECORDING = Path(__file__).parents[1] / "scenarios/calls/mixed-load-2200-calls.jsonl.gz"
ROUNDS = 5
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


def best(lines: list[bytes], *works: Callable[[list[bytes]], object]) -> list[float]:
    """Lines a second of each work; they take turns, so that all suffer alike from what else the machine does."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, seconds, strict=True):
            gc.collect()
            began = time.perf_counter()
            work(lines)
            taken.append(time.perf_counter() - began)
    return [len(lines) / min(taken) for taken in seconds]


def bytes_per_leg(lines: list[bytes], built: bool) -> float:
    """Memory of a table of many ringing calls of one kind, its rows built as a page would have them or not."""
    template = next(line for line in lines if b'"type":"ChannelStateChange"' in line and b'"state":"Up"' in line)
    now, _ = decode_recorded(template)
    channel = json.loads(template)["e"]["channel"]
    calls = LiveCalls("node1")
    gc.collect()
    tracemalloc.start()
    for number in range(LEGS):
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
    assert len(list(calls.living())) == LEGS
    return used / LEGS


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDING
    lines = gzip.decompress(path.read_bytes()).splitlines()
    plain, ours = best(lines, parse, track)
    table = track(lines)
    began = time.perf_counter()
    rows = table.rows()
    print(f"events                 {len(lines):>12,}")
    print(f"json.loads alone       {plain:>12,.0f} /s")
    print(f"decode and apply       {ours:>12,.0f} /s  ({ours / plain:.2f} times)")
    milliseconds = 1e3 * (time.perf_counter() - began)
    print(f"rows at the end        {len(rows):>12,}  ({len(list(table.living()))} legs, {milliseconds:.1f} ms)")
    print(f"memory a leg           {bytes_per_leg(lines, built=False):>12,.0f} bytes")
    print(f"  with its row built   {bytes_per_leg(lines, built=True):>12,.0f} bytes")


if __name__ == "__main__":
    main()
