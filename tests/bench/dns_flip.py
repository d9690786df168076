"""The flip of many tenants' names: one update of their server's name, at a real BIND; beside it `nsupdate`.

python -m tests.bench.dns_flip
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TypedDict

from asterisk_ext.names.server import DnsServer
from tests.bench.table import show
from tests.dns_servers import ENVIRONMENT, HOST, KEY, NSUPDATE, PORT, SECRET, ZONE, running
from tests.own_network import in_own_network

NODE = f"node1.{ZONE}"
ADDRESSES = ("198.18.1.1", "198.18.1.2")


class Found(TypedDict):
    took: list[float]
    """Seconds of each update."""
    wrong: int
    """Names that did not lead to the last address."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    wanted = parser.parse_args()
    rows: list[tuple[str, ...]] = [("who", "the update, median", "slowest", "names that led elsewhere afterwards")]
    for kind, title in (("bind", "BIND"), ("knot", "Knot")):
        with tempfile.TemporaryDirectory() as made:
            place = Path(made)
            in_own_network(lambda kind=kind, place=place: _measure(kind, place, wanted.names, wanted.rounds))  # type: ignore[misc]
            found = json.loads((place / "found").read_text())
        rows += [(f"ours, {title}", *_told(found["ours"])), (f"`nsupdate`, {title}", *_told(found["nsupdate"]))]
    show(f"Flip of {wanted.names:,} tenant names", rows)


def _told(found: Found) -> tuple[str, str, str]:
    took = found["took"]
    return f"{sorted(took)[len(took) // 2] * 1000:.1f} ms", f"{max(took) * 1000:.1f} ms", f"{found['wrong']}"


def _measure(kind: str, place: Path, names: int, rounds: int) -> None:
    tenants = [f"p{number}.{ZONE}" for number in range(names)]
    records = f"node1 A {ADDRESSES[0]}\n" + "".join(f"p{number} CNAME node1\n" for number in range(names))
    with running(kind, place, [NODE], records):
        server = DnsServer(HOST, PORT, ZONE, KEY, SECRET, "hmac-sha256")
        found = {
            "ours": asyncio.run(_ours(server, tenants, rounds)),
            "nsupdate": _theirs(server, tenants, rounds),
        }
    (place / "found").write_text(json.dumps(found))


async def _ours(server: DnsServer, tenants: list[str], rounds: int) -> Found:
    took: list[float] = []
    for turn in range(rounds):
        began = time.perf_counter()
        await server.point({NODE: ADDRESSES[turn % 2]}, 30)
        took.append(time.perf_counter() - began)
    return {"took": took, "wrong": await _elsewhere(server, tenants, ADDRESSES[(rounds - 1) % 2])}


def _theirs(server: DnsServer, tenants: list[str], rounds: int) -> Found:
    took: list[float] = []
    for turn in range(rounds):
        text = (
            f"server {HOST} {PORT}\nzone {ZONE}\nkey hmac-sha256:{KEY} {SECRET}\nupdate delete {NODE} A\n"
            f"update delete {NODE} AAAA\nupdate add {NODE} 30 A {ADDRESSES[turn % 2]}\nsend\n"
        )
        began = time.perf_counter()
        subprocess.run([NSUPDATE, "-v"], input=text, text=True, check=True, env=ENVIRONMENT)
        took.append(time.perf_counter() - began)
    return {"took": took, "wrong": asyncio.run(_elsewhere(server, tenants, ADDRESSES[(rounds - 1) % 2]))}


async def _elsewhere(server: DnsServer, names: list[str], address: str) -> int:
    wrong = 0
    for start in range(0, len(names), 100):
        found = await server.look(names[start : start + 100])
        wrong += sum(name.addresses != {address} for name in found.values())
    return wrong


if __name__ == "__main__":
    main()
