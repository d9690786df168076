"""Country lists: swaps of 60,000 prefixes under flood, what the event loop feels of them, and the guard's memory.

python -m tests.bench.firewall_countries
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from asterisk_ext.cli.guard import YOUNG
from asterisk_ext.config import Config
from asterisk_ext.config import Guard as Settings
from asterisk_ext.config import Node as NodeSettings
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.garbage import search_seldom
from firewall import guard
from firewall.countries.keeper import OFFERED
from firewall.countries.lists import EMBEDDED, CountryLists
from firewall.countries.pack import pack_ranges, unpack_ranges
from firewall.kernel.iptables.driver import IptablesKernel
from firewall.kernel.nft.driver import NFT, NftablesKernel
from firewall.kernel.port import Kernel
from firewall.kernel.ruleset import TABLE, Ruleset
from firewall.kernel.source_sets import SourceSet
from firewall.lists.address_lists import Lists, country_list
from firewall.lists.ranges import BITS, merged
from firewall.socket.client import GuardClient
from tests.bench.table import show
from tests.own_network import Outside, in_own_network

DRIVERS: dict[str, Callable[[], Kernel]] = {"nftables": NftablesKernel, "iptables": IptablesKernel}
TICK = 0.001
Result = TypeVar("Result")
INSIDE, OUTSIDE = "198.19.0.20", "198.19.1.20"
NAME = country_list("BR")
NFT_RULES = f"""
table inet {TABLE} {{
  counter right {{ }}
  counter wrong {{ }}
  chain probe {{
    type filter hook prerouting priority -310; policy accept;
    ip saddr {INSIDE} ip saddr @{NAME}4 counter name right drop
    ip saddr {INSIDE} counter name wrong drop
    ip saddr {OUTSIDE} ip saddr @{NAME}4 counter name wrong drop
    ip saddr {OUTSIDE} counter name right drop
  }}
}}
"""
IPTABLES_RULES = [
    ["-s", INSIDE, "-m", "set", "--match-set", f"axt_{NAME}4", "src", "-m", "comment", "--comment", "right"],
    ["-s", INSIDE, "-m", "comment", "--comment", "wrong"],
    ["-s", OUTSIDE, "-m", "set", "--match-set", f"axt_{NAME}4", "src", "-m", "comment", "--comment", "wrong"],
    ["-s", OUTSIDE, "-m", "comment", "--comment", "right"],
]


def packed(prefixes: int, shift: int) -> bytes:
    """So many prefixes that differ wholly with ``shift``, and INSIDE in each."""
    home = int(ip_address(INSIDE))
    networks = [(first << 10) + (shift << 8) for first in range(1 << 14, (1 << 14) + prefixes - 1)]
    return pack_ranges(merged([*((first, first + 256) for first in networks), (home, home + 1)]), BITS[4])


def lists(of: bytes) -> Lists:
    """Unpacked as they are needed, as the guard does."""
    return {NAME: {4: unpack_ranges(of, BITS[4])}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefixes", type=int, default=60_000)
    parser.add_argument("--swaps", type=int, default=10)
    wanted = parser.parse_args()
    results = Path(tempfile.mkdtemp()) / "results"
    rows: list[tuple[str, ...]] = [
        (
            *("who", "a swap, median", "packets judged", "wrongly", "bans meanwhile", "event loop's longest stall"),
            "of it not for want of a processor",
        )
    ]
    for driver in DRIVERS:
        in_own_network(lambda driver=driver: _write(results, _measure(driver, wanted.prefixes, wanted.swaps)))  # type: ignore[misc]
        found = _read(results)
        figures = (f"{found['swap']:.2f} s", f"{found['right']:,.0f}", f"{found['wrong']:,.0f}")
        rows.append((driver, *figures, f"{found['bans']:.0f}", _ms(found["stall"]), _ms(found["own"])))
        rows.append((f"{driver}, no swap", "", "", "", "", _ms(found["idle"]), _ms(found["idle_own"])))
    in_own_network(lambda: _write(results, {"nft": _peer(wanted.prefixes)}))
    rows.append(("`nft -f -`, flush and add as text", f"{_read(results)['nft']:.2f} s", "", "", "", "", ""))
    show(f"{wanted.swaps} swaps of {wanted.prefixes:,} prefixes under flood", rows)
    in_own_network(lambda: _write(results, _calls(wanted.prefixes)))
    found = _read(results)
    show(
        "nftables' own part: how long one call holds up others who change the firewall (processor time)",
        [
            ("list", "the change", "longest call", "whole change"),
            (f"{wanted.prefixes:,} prefixes", "all of them", _ms(found["long"]), f"{found['long_whole']:.2f} s"),
            ("the United States, the longest", "one range in 50 goes", _ms(found["us"]), f"{found['us_whole']:.2f} s"),
        ],
    )
    in_own_network(lambda: _write(results, asyncio.run(_memory())))
    found = _read(results)
    show(
        "The guard with all countries at hand",
        [
            ("figure", "value"),
            ("resident at rest", f"{found['rest']:.0f} MB"),
            ("at most, every list asked for and all of them checked and taken anew", f"{found['most']:.0f} MB"),
        ],
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _measure(driver: str, prefixes: int, swaps: int) -> dict[str, float]:
    outside = Outside()
    kernel = DRIVERS[driver]()
    try:
        kernel.apply(Ruleset())
        kernel.lists.load(lists(packed(prefixes, 0)))
        _probe(driver)
        flood = _flood(outside)
        sys.setswitchinterval(guard.SWITCH_SECONDS)
        search_seldom(YOUNG)
        # As on a machine of its own: other work than the flood comes after.
        os.nice(-10)
        try:
            return {**asyncio.run(_swaps(kernel, [packed(prefixes, 1), packed(prefixes, 0)], swaps)), **_judged(driver)}
        finally:
            os.kill(flood, signal.SIGKILL)
            os.waitpid(flood, 0)
    finally:
        kernel.close()
        outside.close()


async def _swaps(kernel: Kernel, both: list[bytes], swaps: int) -> dict[str, float]:
    """The loop ticks and bans as a guard's does, first while a thread swaps lists, then as long without."""
    took: list[float] = []
    stalls, bans = [(0.0, 0.0)], 0
    over = asyncio.Event()
    told = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)

    async def loop_life() -> None:
        nonlocal bans
        while not over.is_set():
            began, waited = time.perf_counter(), _waited(told)
            await asyncio.sleep(TICK)
            if len(stalls) % 5 == 0:
                kernel.put(SourceSet.BAN, {f"203.{bans >> 16}.{bans >> 8 & 255}.{bans & 255}": 600.0})
                bans += 1
            gone = time.perf_counter() - began - TICK
            stalls.append((gone, gone - (_waited(told) - waited)))

    life = asyncio.create_task(loop_life())
    for swap in range(swaps):
        began = time.perf_counter()
        await asyncio.to_thread(kernel.lists.load, lists(both[swap % 2]))
        took.append(time.perf_counter() - began)
    during, banned = stalls[:], bans
    stalls[:] = [(0.0, 0.0)]
    await asyncio.sleep(min(sum(took), 10.0))
    over.set()
    await life
    os.close(told)
    assert len(kernel.listed(SourceSet.BAN)) == bans, "a ban asked for meanwhile got lost"
    return {
        "swap": sorted(took)[swaps // 2],
        "bans": banned,
        "stall": max(during)[0],
        "own": max(own for _, own in during),
        "idle": max(stalls)[0],
        "idle_own": max(own for _, own in stalls),
    }


def _waited(schedstat: int) -> float:
    """Seconds for which a thread could have run and had no processor. One call of the system: after each the
    interpreter has to be waited for, which would be measured too."""
    return int(os.pread(schedstat, 64, 0).split()[1]) / 1e9


def _probe(driver: str) -> None:
    if driver == "nftables":
        subprocess.run([NFT, "-f", "-"], input=NFT_RULES, text=True, check=True)
        return
    for rule in IPTABLES_RULES:
        subprocess.run(["iptables-legacy", "-t", "mangle", "-A", "PREROUTING", *rule, "-j", "DROP"], check=True)


def _judged(driver: str) -> dict[str, float]:
    found = {"right": 0.0, "wrong": 0.0}
    if driver == "nftables":
        listed = subprocess.run([NFT, "-j", "list", "counters"], capture_output=True, check=True).stdout
        for each in json.loads(listed)["nftables"]:
            if (counter := each.get("counter", {})).get("name") in found:
                found[counter["name"]] = counter["packets"]
        return found
    command = ["iptables-legacy", "-t", "mangle", "-vnxL", "PREROUTING"]
    listed_text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for packets, word in re.findall(r"^\s*(\d+).*/\* (right|wrong) \*/", listed_text, re.MULTILINE):
        found[word] += float(packets)
    return found


def _flood(outside: Outside) -> int:
    """A process that sends from inside the list and from outside it until it is killed."""
    senders = [outside.socket(source) for source in (INSIDE, OUTSIDE)]
    process = os.fork()
    if process:
        for sender in senders:
            sender.close()
        return process
    for sender in senders:
        sender.connect((Outside.NODE4, 5060))
    while True:
        for sender in senders:
            with suppress(OSError):
                sender.send(b"x" * 200)


def _peer(prefixes: int) -> float:
    """The same swap as text, median of three."""
    names = f"{NAME}4"
    declared = f"add table inet {TABLE}\nadd set inet {TABLE} {names} {{ type ipv4_addr; flags interval; }}\n"
    took = []
    for shift in (0, 1, 0, 1):
        ranges = unpack_ranges(packed(prefixes, shift), BITS[4])
        told = ", ".join(f"{ip_address(first)}-{ip_address(end - 1)}" for first, end in ranges)
        text = f"{declared}flush set inet {TABLE} {names}\nadd element inet {TABLE} {names} {{ {told} }}\n"
        began = time.perf_counter()
        subprocess.run([NFT, "-f", "-"], input=text, text=True, check=True)
        took.append(time.perf_counter() - began)
    return sorted(took[1:])[1]


def _calls(prefixes: int) -> dict[str, float]:
    kernel = NftablesKernel()
    kernel.apply(Ruleset())
    timed = kernel.lists._socket = Timed(kernel.lists._socket)  # type: ignore[assignment]
    found: dict[str, float] = {}
    countries = CountryLists.open()
    whole = {version: countries.ranges("US", version) for version in BITS}
    thinned = {version: [one for at, one in enumerate(ranges) if at % 50] for version, ranges in whole.items()}
    for name, before, after in (
        ("long", lists(packed(prefixes, 0)), lists(packed(prefixes, 1))),
        ("us", {country_list("US"): whole}, {country_list("US"): thinned}),
    ):
        kernel.lists.load(before)
        timed.longest = 0.0
        began = time.perf_counter()
        kernel.lists.load(after)
        found |= {name: timed.longest, f"{name}_whole": time.perf_counter() - began}
    kernel.close()
    return found


class Timed:
    """A socket that remembers its longest call."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.longest = 0.0

    def send(self, data: bytes) -> int:
        return self._timed(lambda: self._inner.send(data))

    def recv(self, size: int) -> bytes:
        return self._timed(lambda: self._inner.recv(size))

    def close(self) -> None:
        self._inner.close()

    def _timed(self, call: Callable[[], Result]) -> Result:
        began = time.thread_time()
        try:
            return call()
        finally:
            self.longest = max(self.longest, time.thread_time() - began)


async def _memory() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        (place / "security").touch()
        (place / OFFERED).write_bytes(EMBEDDED.read_bytes())
        settings = Settings(socket=f"{place}/guard.sock", state=made, log=f"{place}/security")
        stop = asyncio.Event()
        running = asyncio.create_task(guard.run(Config(guard=settings, node=NodeSettings(state=made)), stop))
        client = GuardClient(Path(settings.socket))
        await answering(client)
        rest = _megabytes("VmRSS")
        for code in CountryLists.open().codes():
            await client.country(code)
        await client.take_countries()
        stop.set()
        await running
        return {"rest": rest, "most": _megabytes("VmHWM")}


async def answering(client: GuardClient) -> None:
    for _ in range(200):
        with suppress(Refusal):
            await client.countries()
            return
        await asyncio.sleep(0.05)


def _megabytes(field: str) -> float:
    found = re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


def _write(path: Path, found: dict[str, float]) -> None:
    path.write_text(json.dumps(found))


def _read(path: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads(path.read_text())
    path.unlink()
    return found


if __name__ == "__main__":
    main()
