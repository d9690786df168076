"""Address lists in the kernel that rules may name: each country in use, each list of the hoster's.

Drivers: ``kernel/nft/intervals.py``, ``kernel/iptables/ipset_swap.py``. A list is two sets, one an IP version;
``set_name`` says how they are called, the same for both drivers (ipsets have ``axt_`` before it).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from firewall.lists.ranges import BITS, Range

Lists = Mapping[str, Mapping[int, Iterable[Range]]]
"""Ranges by list and IP version; sorted, disjoint, not touching."""
PREFIXES = ("country_", "list_")
"""Names of countries' lists and of the hoster's; an ipset's whole name has 31 characters at most."""


class AddressLists(Protocol):
    """Both methods raise ``kernel.refused``; they may take a second and belong outside the event loop."""

    def load(self, lists: Lists) -> None:
        """Give these lists these addresses; other lists stay. In the meantime an address that a list had and will have
        is on it, one that it neither had nor will have is not, and any other goes over at some moment.

        Call it before rules that name them are applied, and again after somebody flushed the tables.
        """

    def keep_only(self, names: Collection[str]) -> None:
        """Remove all other lists; those that rules still name stay."""

    def close(self) -> None: ...


def country_list(code: str) -> str:
    """What the list of a country is called here: ``country_br``."""
    return f"country_{code.lower()}"


def own_list(name: str) -> str:
    """What a list of the hoster's is called here; ``name`` has 16 characters at most."""
    return f"list_{name}"


def set_name(name: str, version: int) -> str:
    """What rules name: ``country_br4``."""
    return f"{name}{version}"


def list_of(name: str) -> str:
    """The list that such a set belongs to."""
    return name[:-1]


def nft_set(name: str, version: int) -> str:
    """The set as ``nft`` declares it after ``add set inet TABLE``; declaring it again changes nothing."""
    kind = {4: "ipv4_addr", 6: "ipv6_addr"}[version]
    return f"{set_name(name, version)} {{ type {kind}; flags interval; }}"


def by_set(lists: Lists) -> dict[tuple[str, int], Iterable[Range]]:
    """Ranges by list and version, both versions of every list."""
    return {(name, version): ranges.get(version, ()) for name, ranges in lists.items() for version in BITS}
