"""All benches, each a module of this folder, and how each is run small."""

from __future__ import annotations

LAB = "bench"
"""The name of the lab that benches on a real fleet are given."""
SMALL: dict[str, tuple[str, ...]] = {
    "calls": ("--rounds", "1"),
    "fastagi": ("--seconds", "0.5"),
    "guard_scan": ("--lines", "20000", "--fail2ban-lines", "2000"),
    "guard_memory": ("--sources", "20000"),
    "guard_kernel": ("--rounds", "1"),
    "guard_process": ("--rounds", "1", "--idle", "1"),
    "guard_latency": ("--attackers", "3"),
    "firewall_countries": ("--prefixes", "2000", "--swaps", "2"),
}
"""With these arguments a bench takes seconds; without any it measures what docs/benchmarks.md tells."""
ON_A_LAB: dict[str, tuple[str, ...]] = {"guard_on_asterisk": ("--attackers", "2")}
"""The same; the name of a lab with a node for each kernel driver comes before."""
