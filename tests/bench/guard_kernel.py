"""The kernel's side, for both drivers, in a network of its own: restoring 50,000 bans, one ban, packets per second
with 20,000 bans, and what a flood of forged sources leaves in connection tracking.

    python -m tests.bench.guard_kernel
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from firewall.iptables import IptablesKernel
from firewall.kernel import Kernel
from firewall.nftables import NftablesKernel
from firewall.ruleset import Ruleset
from firewall.source_sets import SourceSet
from tests.bench.table import show
from tests.own_network import Outside, in_own_network

DRIVERS: dict[str, Callable[[], Kernel]] = {"nftables": NftablesKernel, "iptables": IptablesKernel}
PLAIN_RULE = """
table inet plain {
  chain input {
    type filter hook input priority 0; policy accept;
    ip saddr 192.0.2.1 drop
  }
}
"""
PACKETS, FORGED = 200_000, 20_000


def sources(count: int) -> dict[str, float]:
    return {f"100.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}": 3600.0 for i in range(count)}


def main() -> None:
    results = Path(tempfile.mkdtemp()) / "results"
    rows: list[tuple[str, ...]] = [("driver", "restore 50,000 bans", "one ban", "tracked after a forged flood")]
    rates: list[tuple[str, ...]] = [("rules", "packets/s", "of one plain rule")]
    in_own_network(lambda: _write(results, {"rate": _rate_with_plain_rule()}))
    plain = _read(results)["rate"]
    rates.append(("one plain rule", f"{plain:,.0f}", "1"))
    for driver in DRIVERS:
        for untracked in (True, False):
            in_own_network(lambda driver=driver, untracked=untracked: _write(results, _measure(driver, untracked)))  # type: ignore[misc]
            found = _read(results)
            name = driver if untracked else f"{driver}, tracking"
            rows.append((name, f"{found['restore']:.2f} s", f"{found['ban'] * 1e6:.0f} µs", f"{found['tracked']:,.0f}"))
            rates.append((f"{name}, 20,000 bans", f"{found['rate']:,.0f}", f"{found['rate'] / plain:.2f}"))
    show(f"Drivers ({FORGED:,} forged sources, 2 packets each)", rows)
    show("Datagrams to SIP's port through a cable between two networks", rates)


def _measure(driver: str, untracked: bool) -> dict[str, float]:
    outside = Outside()
    kernel = DRIVERS[driver]()
    try:
        kernel.apply(Ruleset(untracked=untracked))
        began = time.perf_counter()
        kernel.restore({SourceSet.BAN: sources(50_000)})
        restore = time.perf_counter() - began
        began = time.perf_counter()
        for last in range(200):
            kernel.put(SourceSet.BAN, {f"192.0.2.{last}": 3600.0})
        ban = (time.perf_counter() - began) / 200
        kernel.restore({SourceSet.BAN: sources(20_000)})
        rate = _rate(outside)
        for number in range(FORGED // 100):
            with outside.socket(f"198.19.{number >> 8}.{number & 255}") as sender:
                for port in range(100):
                    sender.sendto(b"x", (Outside.NODE4, 10_000 + port))
        tracked = int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text())
        return {"restore": restore, "ban": ban, "rate": rate, "tracked": tracked}
    finally:
        kernel.close()
        outside.close()


def _rate_with_plain_rule() -> float:
    outside = Outside()
    subprocess.run(["nft", "-f", "-"], input=PLAIN_RULE, text=True, check=True)
    try:
        return _rate(outside)
    finally:
        outside.close()


def _rate(outside: Outside) -> float:
    """Datagrams a second, sent and judged on one processor: sending includes the receiver's rules on a cable."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, outside.socket("198.19.0.20") as sender:
        phone.bind((Outside.NODE4, 5060))
        sender.connect((Outside.NODE4, 5060))
        best = 0.0
        for _ in range(3):
            began = time.process_time()
            for _ in range(PACKETS // 4):
                sender.send(b"x" * 200)
            best = max(best, PACKETS / 4 / (time.process_time() - began))
        return best


def _write(path: Path, found: dict[str, float]) -> None:
    path.write_text(json.dumps(found))


def _read(path: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads(path.read_text())
    path.unlink()
    return found


if __name__ == "__main__":
    main()
