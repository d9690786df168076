"""The kernel's side, for both drivers, each in a network of its own: one ban, packets per second with 20,000 bans, and
what a flood of forged sources leaves in connection tracking.

    python -m tests.bench.guard_kernel [--rounds 21]

All networks stand at the same time and are measured in turn, a short burst each, so that what else the machine does
meets them alike; the medians are compared. Nobody reads what arrives: the socket is full, and all are judged before.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firewall.kernel.iptables.driver import IptablesKernel
from firewall.kernel.nft.driver import NftablesKernel
from firewall.kernel.port import Kernel
from firewall.kernel.ruleset import Ruleset
from firewall.kernel.source_sets import SourceSet
from firewall.kernel.strangers import Strangers
from tests.bench.table import show
from tests.own_network import Outside, in_own_network

DRIVERS: dict[str, Callable[[], Kernel]] = {"nftables": NftablesKernel, "iptables": IptablesKernel}
PLAIN, TRACKED, NONE = "one plain rule", "one plain rule that tracks connections", "no rule"
DENYING = "default deny and one plain rule for one banned address: SIP and RTP open, not tracked"
PLAIN_RULE = """
table inet plain {
  chain input {
    type filter hook input priority 0; policy accept;
    ip saddr 192.0.2.1 drop
  }
}
"""
TRACKING_RULE = PLAIN_RULE.replace("drop", "drop; ct state invalid drop")
DENYING_RULES = """
table inet denying {
  chain early {
    type filter hook prerouting priority -300;
    ip saddr 192.0.2.1 drop
    udp dport 10000-20000 notrack accept
    udp dport 5060 notrack accept
  }
  chain input {
    type filter hook input priority 0; policy drop;
    udp dport 10000-20000 accept
    udp dport 5060 accept
    iif lo accept
    ct state established,related accept
  }
}
"""
PEERS = {PLAIN: PLAIN_RULE, TRACKED: TRACKING_RULE, DENYING: DENYING_RULES}
PACKETS, FORGED, BANS = 5_000, 20_000, 20_000
PHONE = "198.19.0.20"


def sources(count: int) -> dict[str, float]:
    return {f"100.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}": 3600.0 for i in range(count)}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=21)
    rounds = options.parse_args().rounds
    networks = {name: Network(name) for name in (NONE, *PEERS, *DRIVERS)}
    try:
        rates: dict[tuple[str, str], list[float]] = {}
        for _ in range(rounds):
            for name, network in networks.items():
                for port in ("5060", "12000"):
                    rates.setdefault((name, port), []).append(network.ask(port))
        figures = {name: network.ask("figures") for name, network in networks.items() if name in DRIVERS}
    finally:
        for network in networks.values():
            network.close()
    _show(rates, figures)


def _show(rates: dict[tuple[str, str], list[float]], figures: dict[str, Any]) -> None:
    rows: list[tuple[str, ...]] = [
        (
            "rules",
            *("SIP, packets/s", "of one plain rule", "of one that tracks", "of default deny"),
            *("RTP, packets/s", "of one plain rule", "of one that tracks", "of default deny"),
        )
    ]
    for name in (NONE, *PEERS, *DRIVERS):
        told = []
        for port in ("5060", "12000"):
            mine = rates[name, port]
            told.append(f"{statistics.median(mine):,.0f}")
            for peer in PEERS:
                ratio = statistics.median(one / other for one, other in zip(mine, rates[peer, port], strict=True))
                told.append(f"{ratio:.2f}")
        rows.append((name if name not in DRIVERS else f"{name}, {BANS:,} bans, a known phone", *told))
    show("Datagrams through a cable between two networks, on one processor", rows)
    told_of: list[tuple[str, ...]] = [("driver", "one ban", "tracked after a forged flood", "… where all is tracked")]
    for name, found in figures.items():
        told_of.append((name, f"{found['ban'] * 1e6:.0f} µs", f"{found['untracked']:,}", f"{found['tracked']:,}"))
    show(f"Drivers ({FORGED:,} forged packets)", told_of)


class Network:
    """A child in a network of its own that measures when asked."""

    def __init__(self, name: str) -> None:
        asked, self._ask = os.pipe()
        self._answer, answer = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._ask)
            os.close(self._answer)
            in_own_network(lambda: _serve(name, asked, answer))
            os._exit(0)
        os.close(asked)
        os.close(answer)
        self._answers = os.fdopen(self._answer)
        assert self._answers.readline()

    def ask(self, what: str) -> Any:
        os.write(self._ask, what.encode() + b"\n")
        return json.loads(self._answers.readline())

    def close(self) -> None:
        os.write(self._ask, b"\n")
        os.close(self._ask)
        os.waitpid(self._child, 0)


def _serve(name: str, asked: int, answer: int) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    outside = Outside()
    kernel = DRIVERS[name]() if name in DRIVERS else None
    if kernel is not None:
        kernel.apply(Ruleset(strangers=Strangers()))
        kernel.restore({SourceSet.BAN: sources(BANS), SourceSet.KNOWN: {PHONE: 3600.0}})
        kernel.watch(3600.0)
    elif name != NONE:
        subprocess.run(["nft", "-f", "-"], input=PEERS[name], text=True, check=True)
    with os.fdopen(asked) as requests, os.fdopen(answer, "w", buffering=1) as answers:
        answers.write("ready\n")
        while line := requests.readline().strip():
            told = _figures(kernel, outside) if kernel is not None and line == "figures" else _rate(outside, int(line))
            answers.write(json.dumps(told) + "\n")
    outside.close()


def _rate(outside: Outside, port: int) -> float:
    """Datagrams a second of this process's own time: what a packet costs on its way in is the sender's, on a cable."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, outside.socket(PHONE) as sender:
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        phone.bind((Outside.NODE4, port))
        sender.connect((Outside.NODE4, port))
        send, packet = sender.send, b"x" * 200
        began = time.process_time()
        for _ in range(PACKETS):
            send(packet)
        return PACKETS / (time.process_time() - began)


def _figures(kernel: Kernel, outside: Outside) -> dict[str, float]:
    began = time.perf_counter()
    for last in range(200):
        kernel.put(SourceSet.BAN, {f"192.0.2.{last}": 3600.0})
    ban = (time.perf_counter() - began) / 200
    tracked = {}
    for untracked in (True, False):
        kernel.apply(Ruleset(untracked=untracked))
        before = _tracked()
        for number in range(FORGED // 100):
            with outside.socket(f"198.19.{number >> 8}.{number & 255}") as sender:
                for port in range(100):
                    sender.sendto(b"x", (Outside.NODE4, 10_000 + port))
        tracked[untracked] = _tracked() - before
    return {"ban": ban, "untracked": tracked[True], "tracked": tracked[False]}


def _tracked() -> int:
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text())


if __name__ == "__main__":
    main()
