"""The kernel's sets that the guard fills with sources (pure). Each has one for IPv4 and one for IPv6 /64 networks."""

from __future__ import annotations

from enum import StrEnum

SUBSCRIBER_MASK = "ffff:ffff:ffff:ffff::"
ADDRESS_TYPES = {False: "ipv4_addr", True: "ipv6_addr"}
"""nftables' types, by whether they are IPv6."""


class SourceSet(StrEnum):
    BAN = "ban"
    """Shut out."""
    SLOW = "slow"
    """Protected and failing: limited to what an office of phones needs."""
    KNOWN = "known"
    """Authenticated within a day: not limited as strangers are."""
    SUSPECT = "suspect"
    """Strangers with a failure that still counts."""
    NARROW = "narrow"
    """Suspects who have just failed, or are two failures from a ban: their streams come in the shortest pieces."""

    def of(self, *, ipv6: bool) -> str:
        """Its name in the kernel for one family (the iptables driver puts its own prefix before it)."""
        return f"{self}{6 if ipv6 else 4}"


SIZES = {
    SourceSet.BAN: 1 << 20,
    SourceSet.SLOW: 1 << 20,
    SourceSet.KNOWN: 1 << 18,
    SourceSet.SUSPECT: 1 << 18,
    SourceSet.NARROW: 1 << 18,
}
"""A set that is told its size is laid out at once, and a forged flood has an end."""
