"""Sorted, disjoint ranges of addresses as integers, and the CIDR prefixes they are made of (pure).

A range is ``(first, end)`` with ``end`` outside; ``bits`` is 32 for IPv4 and 128 for IPv6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

Range = tuple[int, int]
BITS = {4: 32, 6: 128}


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same addresses as the fewest ranges, sorted; the given ones may overlap and touch."""
    found: list[Range] = []
    for first, end in sorted(ranges):
        if found and first <= found[-1][1]:
            if end > found[-1][1]:
                found[-1] = (found[-1][0], end)
        else:
            found.append((first, end))
    return found


def prefixes(ranges: Iterable[Range], bits: int) -> Iterator[tuple[int, int]]:
    """The fewest CIDR prefixes that make exactly these ranges, as first address and prefix length."""
    for first, end in ranges:
        while first < end:
            size = _prefix_size(first, end, bits)
            yield first, bits - size.bit_length() + 1
            first += size


def count_prefixes(ranges: Iterable[Range], bits: int) -> int:
    return sum(1 for _ in prefixes(ranges, bits))


def count_addresses(ranges: Iterable[Range]) -> int:
    return sum(end - first for first, end in ranges)


def common_addresses(one: Iterable[Range], other: Iterable[Range]) -> int:
    """How many addresses both have."""
    total, rest = 0, iter(other)
    last = next(rest, None)
    for first, end in one:
        while last is not None and last[0] < end:
            total += max(0, min(end, last[1]) - max(first, last[0]))
            if last[1] > end:
                break
            last = next(rest, None)
    return total


def text_of(first: int, length: int, bits: int) -> str:
    """``203.0.113.0/24``"""
    return f"{IPv4Address(first) if bits == BITS[4] else IPv6Address(first)}/{length}"


def _prefix_size(first: int, end: int, bits: int) -> int:
    """Addresses of the largest aligned prefix that begins at ``first`` and does not pass ``end``."""
    fits = 1 << (end - first).bit_length() - 1
    return min(fits, first & -first if first else 1 << bits)
