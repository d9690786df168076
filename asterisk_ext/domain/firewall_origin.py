"""Where traffic of a firewall rule comes from (or, outbound, goes to): anywhere, networks, countries, named lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from itertools import pairwise

from asterisk_ext.domain.errors import Problem, Refusal

NOT_AN_ORIGIN = Problem(
    "firewall.origin_unknown",
    422,
    "Nothing was saved: {text!r} is no address, network, range, country or list.",
    "Give 203.0.113.5, 203.0.113.0/24, 203.0.113.5-203.0.113.9, country:BR or list:name; nothing for everybody.",
)
HOST_BITS = Problem(
    "firewall.host_bits",
    422,
    "Nothing was saved: {text} names an address inside a network, not the network.",
    "Write {proposal} for the network, or {address} for the one address.",
)
REVERSED = Problem(
    "firewall.range_reversed",
    422,
    "Nothing was saved: the range {text} ends before it begins.",
    "Write {proposal}.",
)
UNKNOWN_COUNTRY = Problem(
    "firewall.country_unknown",
    422,
    "The rule was not saved: there is no country list {code!r}.",
    "Use a two-letter code of the country lists, such as BR.",
)
UNKNOWN_LIST = Problem(
    "firewall.list_unknown", 422, "The rule was not saved: there is no list {name!r}.", "Make the list first."
)
OVERLAPPING = Problem(
    "firewall.origins_overlap",
    422,
    "The rule was not saved: {text} is within {other} already.",
    "Leave one of them out.",
)
BAD_LIST = Problem(
    "firewall.list_invalid",
    422,
    "The list was not saved: {reason}.",
    "A list has a name of up to 16 small letters, digits and hyphens, and addresses, networks or ranges.",
)

COUNTRY, LIST = "country:", "list:"
MOST_IN_A_LIST = 100_000
Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
_COUNTRY = re.compile(r"(?:country:)?([A-Za-z]{2})")
_LIST_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")


@dataclass(frozen=True, slots=True)
class Known:
    """What a rule may refer to."""

    countries: Collection[str]
    lists: Collection[str] = ()


def origin_of(text: str, known: Known) -> str:
    """The one spelling of an origin; refuses what is none, with a proposal where there is one."""
    text = text.strip()
    if country := _COUNTRY.fullmatch(text):
        code = country[1].upper()
        if code not in known.countries:
            raise UNKNOWN_COUNTRY.refuse(field="origins", code=code)
        return f"{COUNTRY}{code}"
    if text.startswith(LIST):
        if text.removeprefix(LIST) not in known.lists:
            raise UNKNOWN_LIST.refuse(field="origins", name=text.removeprefix(LIST))
        return text
    return network_text(text)


def network_text(text: str) -> str:
    """The one spelling of an address, a network or a range."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    try:
        if dash:
            return _range(first, last)
        if "/" not in text:
            return str(_plain(ip_address(text)))
        network = ip_network(text, strict=False)
        address = ip_address(text.partition("/")[0])
    except ValueError:
        raise NOT_AN_ORIGIN.refuse(field="origins", text=text) from None
    if address != network.network_address:
        raise HOST_BITS.refuse(field="origins", text=text, proposal=network, address=address)
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def networks_of(text: str) -> list[Network]:
    """The networks of an address, network or range in its one spelling."""
    first, dash, last = text.partition("-")
    if not dash:
        return [ip_network(text)]
    low, high = ip_address(first), ip_address(last)
    if isinstance(low, IPv4Address) and isinstance(high, IPv4Address):
        return list(summarize_address_range(low, high))
    return list(summarize_address_range(IPv6Address(first), IPv6Address(last)))


def is_networks(origin: str) -> bool:
    return not origin.startswith((COUNTRY, LIST))


def check_no_overlap(origins: Sequence[str]) -> None:
    """Refuse origins of which one holds another."""
    if len(set(origins)) != len(origins):
        twice = next(text for text in origins if origins.count(text) > 1)
        raise OVERLAPPING.refuse(field="origins", text=twice, other=twice)
    spans = sorted((span_of(text), text) for text in origins if is_networks(text))
    for (before, text), (after, later) in pairwise(spans):
        if after[:2] <= (before[0], before[2]):
            inner, outer = (later, text) if after[2] <= before[2] else (text, later)
            raise OVERLAPPING.refuse(field="origins", text=inner, other=outer)


def checked_list(name: str, entries: Iterable[str]) -> tuple[str, ...]:
    """The entries of a hoster's own list, in their one spelling; refuses ``firewall.list_invalid``."""
    if not _LIST_NAME.fullmatch(name):
        raise BAD_LIST.refuse(field="name", reason=f"{name!r} cannot be its name")
    try:
        texts = tuple(dict.fromkeys(network_text(entry) for entry in entries if entry.strip()))
    except Refusal as refusal:
        raise refusal.problem.refuse(field="entries", **refusal.params) from None
    if not texts or len(texts) > MOST_IN_A_LIST:
        raise BAD_LIST.refuse(field="entries", reason=f"it has {len(texts)} entries")
    return texts


def span_of(text: str) -> tuple[int, int, int]:
    """IP version, first and last address, as numbers."""
    first, dash, last = text.partition("-")
    if dash:
        low, high = ip_address(first), ip_address(last)
        return low.version, int(low), int(high)
    network = ip_network(text)
    return network.version, int(network.network_address), int(network.broadcast_address)


def holds(text: str, version: int, address: int) -> bool:
    """Whether an address, network or range has this address."""
    family, low, high = span_of(text)
    return family == version and low <= address <= high


def _range(first: str, last: str) -> str:
    low, high = ip_address(first), ip_address(last)
    if low.version != high.version:
        raise ValueError(first)
    if int(low) > int(high):
        raise REVERSED.refuse(field="origins", text=f"{first}-{last}", proposal=f"{high}-{low}")
    return str(low) if low == high else f"{low}-{high}"


def _plain(address: Address) -> Address:
    """Without a zone, and IPv4 as IPv4."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address
