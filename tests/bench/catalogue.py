"""All benches, each a module of this folder, and how each is run small."""

from __future__ import annotations

LAB = "bench"
"""The name of the lab that benches on a real fleet are given."""
SMALL: dict[str, tuple[str, ...]] = {
    "calls": ("--rounds", "1", "--events", "5000", "--legs", "200"),
    "calls_watched": ("--calls", "50", "--clients", "5", "--seconds", "1"),
    "calls_on_asterisk": ("--calls", "8", "--seconds", "1", "--rounds", "1", "--many", "20", "--rates", "30"),
    "fastagi": ("--seconds", "0.2"),
    "guard_scan": ("--lines", "5000", "--fail2ban-lines", "500"),
    "guard_memory": ("--sources", "2000"),
    "guard_kernel": ("--rounds", "1"),
    "guard_process": ("--bans", "500", "--rounds", "1", "--idle", "0.2"),
    "guard_latency": ("--attackers", "1"),
    "firewall_countries": ("--prefixes", "500", "--swaps", "1"),
    "registry_watch": ("--watchers", "5", "--nodes", "5", "--tenants", "100", "--writes", "2", "--seconds", "1"),
    "fleet_bans_simulated": ("--nodes", "5", "--bans", "2"),
    "maintenance_flip": ("--tenants", "20", "--rounds", "2"),
    "dns_flip": ("--names", "50", "--rounds", "2"),
    "firewall_rules": ("--questions", "10", "--rounds", "1", "--countries", "UY", "PY", "BO", "--prefixes", "2000"),
    "firewall_repair": ("--rounds", "1", "--countries", "UY", "PY", "BO"),
}
"""With these arguments a bench takes seconds; without any it measures what docs/benchmarks.md tells."""
ON_ONE_ASTERISK: dict[str, tuple[str, ...]] = {
    "projection_on_asterisk": ("--tenants", "20", "--rounds", "1", "--afterwards", "0.2"),
    "blocked_calls": (
        *("--rounds", "1", "--calls", "4", "--rate", "10", "--seconds", "1", "--streams", "2", "--hear", "0.5"),
    ),
}
"""The same; these mostly wait, for phones and audios."""
ON_A_LAB: dict[str, tuple[str, ...]] = {
    "guard_on_asterisk": ("--attackers", "1", "--bursts", "1", "--seconds", "2"),
    "fleet_bans": ("--attacks", "1"),
    "maintenance_on_asterisk": ("--tenants", "2", "--extensions", "1", "--rounds", "1"),
}
"""The same; the name of a lab with a node for each kernel driver comes before."""
ON_A_NAMED_LAB: dict[str, tuple[str, ...]] = {
    "phones_follow": ("--phones", "3", "--expiry", "30", "30", "--flips", "2", "--seconds", "40"),
}
"""The same, of a lab whose phones follow names, which are remembered for 30 s; they mostly wait, in `make soak`."""
