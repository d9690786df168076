"""What the address lists that a firewall names must hold in the kernel, and whether an address is on one (pure)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cache

from asterisk_ext.domain.firewall import Address, Firewall
from asterisk_ext.domain.firewall_origin import COUNTRY, is_networks, span_of
from firewall.countries.lists import CountryLists
from firewall.kernel.filter import kernel_list
from firewall.lists.ranges import Range, merged

Contents = dict[str, dict[int, list[Range]]]


def contents(firewall: Firewall, countries: CountryLists) -> Contents:
    """By the kernel's name of each list. Refuses ``country.unknown``."""
    texts = {text for rule in firewall.rules if rule.enabled for text in rule.origins if not is_networks(text)}
    found: Contents = {}
    for text in sorted(texts):
        if text.startswith(COUNTRY):
            code = text.removeprefix(COUNTRY)
            ranges = {version: countries.ranges(code, version) for version in (4, 6)}
        else:
            ranges = _own(firewall, text.partition(":")[2])
        found[kernel_list(text, firewall.lists)] = ranges
    return found


def in_countries(countries: CountryLists) -> Callable[[str, Address], bool]:
    """Remembers a country's ranges between questions: for as long as one plan or explanation takes."""

    @cache
    def ranges(code: str, version: int) -> tuple[list[int], list[int]]:
        listed = countries.ranges(code, version)
        return [first for first, _ in listed], [end for _, end in listed]

    def is_in(code: str, address: Address) -> bool:

        firsts, ends = ranges(code, address.version)
        place = bisect_right(firsts, int(address)) - 1
        return place >= 0 and int(address) < ends[place]

    return is_in


def _own(firewall: Firewall, name: str) -> dict[int, list[Range]]:
    ranges: dict[int, list[Range]] = {4: [], 6: []}
    for version, low, high in map(span_of, firewall.lists.get(name, ())):
        ranges[version].append((low, high + 1))
    return {version: merged(listed) for version, listed in ranges.items()}
