"""Whom the rules have let in lately over UDP: judged once, his next packets meet one look-up (pure).

A rule sees of a packet where it comes from, its protocol and its port, and nothing else; so whoever was let in to a
port is let in there until the rules or their lists change, and then the drivers empty these sets. They are looked at
only while no candidate is on trial: a trial ends in the kernel, where nobody could empty them. What the kernel cannot
put in, in a flood of forged addresses, is judged again by the rules: the sets save time and decide nothing.
"""

from __future__ import annotations

from firewall.kernel.filter import Filter

SETS = {False: "passed4", True: "passed6"}
"""By whether they are IPv6."""
MOST = 1 << 14
SECONDS = 60
LET_IN = "let_in"
IN_FLIGHT_SECONDS = 0.02
"""A packet that was being judged when the rules changed is through by then, and emptying once more forgets it."""
MANY = 16

KEYS = {"passed4": "ip saddr . udp dport", "passed6": "ip6 saddr . udp dport"}
TYPES = {"passed4": "ipv4_addr . inet_service", "passed6": "ipv6_addr . inet_service"}


def is_worth_it(filter: Filter) -> bool:
    """Whether its rules for UDP take longer than one look-up: some list, or many rules."""
    udp = [match for match in filter.inbound if match.protocol in (None, "udp")]
    return len(udp) > MANY or any(match.list for match in udp)


def nft_sets() -> list[str]:
    """Declarations without ``add set inet TABLE``."""
    return [
        f"{name} {{ type {kind}; size {MOST}; flags dynamic,timeout; timeout {SECONDS}s; }}"
        for name, kind in TYPES.items()
    ]


def nft_short_cut() -> list[str]:
    return [f"{key} @{name} accept" for name, key in KEYS.items()]


def nft_let_in() -> list[str]:
    """The chain that lets in: a full set ends its rule, not the chain."""
    return [*(f"add @{name} {{ {key} }}" for name, key in KEYS.items()), "accept"]
