"""The kernel's side, for both drivers, each in a network of its own: one ban, packets per second with 20,000 bans, and
what a flood of forged sources leaves in connection tracking.

    python -m tests.bench.guard_kernel [--rounds 21]
"""

from __future__ import annotations

import argparse
import statistics
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
from tests.bench.networks import PHONE, PLAIN_RULE, Answer, Network, rate, rates_in_turn, share, with_rules
from tests.bench.table import show
from tests.own_network import Outside

DRIVERS: dict[str, Callable[[], Kernel]] = {"nftables": NftablesKernel, "iptables": IptablesKernel}
PLAIN, TRACKED, NONE = "one plain rule", "one plain rule that tracks connections", "no rule"
DENYING = "default deny and one plain rule for one banned address: SIP and RTP open, not tracked"
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
PEERS = {NONE: "", PLAIN: PLAIN_RULE, TRACKED: TRACKING_RULE, DENYING: DENYING_RULES}
FORGED, BANS = 20_000, 20_000


def sources(count: int) -> dict[str, float]:
    return {f"100.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}": 3600.0 for i in range(count)}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=21)
    rounds = options.parse_args().rounds
    networks = {name: Network(with_rules(text)) for name, text in PEERS.items()}
    networks |= {name: Network(_driver(name)) for name in DRIVERS}
    try:
        rates = rates_in_turn(networks, ("5060", "12000"), rounds)
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
    for name in (*PEERS, *DRIVERS):
        told = []
        for port in ("5060", "12000"):
            mine = rates[name, port]
            told.append(f"{statistics.median(mine):,.0f}")
            told += [f"{share(mine, rates[peer, port]):.2f}" for peer in (PLAIN, TRACKED, DENYING)]
        rows.append((name if name not in DRIVERS else f"{name}, {BANS:,} bans, a known phone", *told))
    show("Datagrams through a cable between two networks, on one processor", rows)
    told_of: list[tuple[str, ...]] = [("driver", "one ban", "tracked after a forged flood", "… where all is tracked")]
    for name, found in figures.items():
        told_of.append((name, f"{found['ban'] * 1e6:.0f} µs", f"{found['untracked']:,}", f"{found['tracked']:,}"))
    show(f"Drivers ({FORGED:,} forged packets)", told_of)


def _driver(name: str) -> Callable[[Outside], Answer]:
    def prepare(outside: Outside) -> Answer:
        kernel = DRIVERS[name]()
        kernel.apply(Ruleset(strangers=Strangers()))
        kernel.restore({SourceSet.BAN: sources(BANS), SourceSet.KNOWN: {PHONE: 3600.0}})
        kernel.watch(3600.0)
        return lambda asked: _figures(kernel, outside) if asked == "figures" else rate(outside, int(asked))

    return prepare


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
