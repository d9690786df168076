"""Whether new country lists may take the place of those in use (pure): whole, possible, and not suspiciously different.

What comes from outside is an attack until it is shown to be none: a list too short shuts customers out, a list too long
lets strangers in.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Collection, Iterator

from asterisk_ext.domain.errors import Problem
from firewall.countries.delegated import SPECIAL
from firewall.countries.lists import Country, CountryLists
from firewall.countries.pack import DAMAGED
from firewall.lists.ranges import BITS, Range, common_addresses, count_addresses, count_prefixes

SHRUNK = Problem(
    "country.shrunken",
    409,
    "The new list of {country} lacks {percent} % of its addresses (IPv{version}); all lists stay as they are.",
    "Fetch the files again. If the registries did withdraw that much, accept this country by name.",
)
GROWN = Problem(
    "country.grown",
    409,
    "The new list of {country} has {percent} % more addresses (IPv{version}) than now; all lists stay as they are.",
    "Fetch the files again. If the registries did give out that much, accept this country by name.",
)
OLDER = Problem(
    "country.older",
    409,
    "The new lists are of {since}, older than those in use ({current}); all lists stay as they are.",
    "Fetch the files again.",
)
MOST_LOST = 0.05
MOST_NEW = {4: 0.25, 6: 1.0}
"""Share of what a country has; registries still give out much more of IPv6."""
SMALL = {4: 1 << 16, 6: 1 << 109}
"""Growth by less is no growth: a /16, a /19."""
ALL = "all countries"
_CODE = re.compile(r"[A-Z]{2}", re.ASCII)


def verify(lists: CountryLists) -> None:
    """Refuses ``country.damaged`` unless every range is possible, nobody's but one country's, and counted rightly.

    Unpacks everything, some two seconds, a country's ranges at a time.
    """
    for country in lists.countries:
        if _CODE.fullmatch(country.code) is None:
            raise DAMAGED.refuse(reason=f"{country.code!r} is no country's code")
        four, six = (lists.ranges(country.code, version) for version in BITS)
        if (country.prefixes4, country.prefixes6) != (count_prefixes(four, BITS[4]), count_prefixes(six, BITS[6])):
            raise DAMAGED.refuse(reason=f"{country.code} has not as many prefixes as it says")
        if country.addresses4 != count_addresses(four):
            raise DAMAGED.refuse(reason=f"{country.code} has not as many addresses as it says")
    for version in BITS:
        _verify_apart(lists, version)


def compare(before: CountryLists, after: CountryLists, in_use: Collection[str], accepted: Collection[str] = ()) -> None:
    """Refuses ``country.older``, ``country.shrunken`` and ``country.grown``.

    Each country ``in_use`` must keep 95 % of its very addresses, and all together 95 % of their number;
    ``accepted`` countries may change as they like, and with ``ALL`` among them all may.
    """
    if after.since < before.since:
        raise OLDER.refuse(since=after.since, current=before.since)
    if ALL in accepted:
        return
    had, has = (sum(country.addresses4 for country in lists.countries) for lists in (before, after))
    if has < had * (1 - MOST_LOST):
        raise SHRUNK.refuse(field="file", country=ALL, percent=_percent(had - has, had), version=4)
    for code in sorted(set(in_use) - set(accepted)):
        for version in BITS:
            _compare(code, version, _ranges(before, code, version), _ranges(after, code, version))


def _compare(code: str, version: int, before: list[Range], after: list[Range]) -> None:
    had, has, kept = count_addresses(before), count_addresses(after), common_addresses(before, after)
    if had - kept > had * MOST_LOST:
        raise SHRUNK.refuse(field="file", country=code, percent=_percent(had - kept, had), version=version)
    if has - kept > max(had * MOST_NEW[version], SMALL[version]):
        raise GROWN.refuse(field="file", country=code, percent=_percent(has - kept, max(had, 1)), version=version)


def _ranges(lists: CountryLists, code: str, version: int) -> list[Range]:
    return lists.ranges(code, version) if code in lists else []


def _percent(part: int, whole: int) -> int:
    return -(-100 * part // whole)


def _verify_apart(lists: CountryLists, version: int) -> None:
    streams = [_owned(lists, country, version) for country in lists.countries]
    last, owner = 0, ""
    for first, end, code in heapq.merge(*streams):
        if first < last:
            raise DAMAGED.refuse(reason=f"{owner} and {code} have the same addresses")
        if any(first < stop and end > begin for begin, stop in SPECIAL[version]):
            raise DAMAGED.refuse(reason=f"{code} has addresses that are for no country")
        last, owner = end, code


def _owned(lists: CountryLists, country: Country, version: int) -> Iterator[tuple[int, int, str]]:
    for first, end in lists.unpacked(country.code, version):
        yield first, end, country.code
