"""Addresses as the guard counts them, and lists of networks to look them up in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

from asterisk_ext.domain.errors import Problem

NOT_AN_ADDRESS = Problem(
    "address.invalid",
    422,
    "{text!r} is not an IP address.",
    "Give one IPv4 or IPv6 address, such as 203.0.113.5.",
)
NOT_A_NETWORK = Problem(
    "address.not_a_network",
    422,
    "{text!r} is neither an IP address nor a network.",
    "Give an address or a network in CIDR form, such as 203.0.113.0/24.",
)

Network = IPv4Network | IPv6Network
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
SUBSCRIBER_PREFIX = 64
"""An IPv6 subscriber gets a /64 at least (RFC 6177) and may use any address in it."""


def source_of(address: str) -> str:
    """Who is counted and banned for an address: itself in IPv4, its /64 in IPv6 (``2001:db8:1:2::/64``).

    Refuses ``address.invalid``. An IPv4 address mapped into IPv6 is the IPv4 address; a zone (``%eth0``) is dropped.
    """
    if _IPV4.fullmatch(address) is not None:
        return address
    try:
        found = ip_address(address.partition("%")[0].removesuffix(f"/{SUBSCRIBER_PREFIX}"))
    except ValueError as error:
        raise NOT_AN_ADDRESS.refuse(field="address", text=address) from error
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, SUBSCRIBER_PREFIX), strict=False))


def network_of(text: str) -> Network:
    """The network a text names; a single address is a network of one. Refuses ``address.not_a_network``."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise NOT_A_NETWORK.refuse(field="network", text=text) from error


class AddressList:
    """A set of networks that answers "is this source among them?" in the time of a few look-ups, whatever its size."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: dict[str, Network] = {}
        self._by_prefix: dict[tuple[int, int], set[int]] = {}
        for text in networks:
            self.add(text)

    def add(self, text: str) -> Network:
        network = network_of(text)
        self._networks[str(network)] = network
        key = (network.version, network.prefixlen)
        self._by_prefix.setdefault(key, set()).add(int(network.network_address))
        return network

    def remove(self, text: str) -> bool:
        """Take a network out; false when it was not listed as such."""
        network = self._networks.pop(str(network_of(text)), None)
        if network is None:
            return False
        self._by_prefix[network.version, network.prefixlen].discard(int(network.network_address))
        return True

    def covering(self, source: str) -> str | None:
        """The listed network that holds a source or, for an IPv6 /64, any part of it; ``None`` if there is none."""
        whole = network_of(source)
        value = int(whole.network_address)
        for (version, prefix), starts in self._by_prefix.items():
            if version != whole.version:
                continue
            start = value >> (whole.max_prefixlen - prefix) << (whole.max_prefixlen - prefix)
            if prefix <= whole.prefixlen:
                if start in starts:
                    return str(ip_network((start, prefix)))
            else:
                within = [low for low in starts if value <= low <= int(whole.broadcast_address)]
                if within:
                    return str(ip_network((within[0], prefix)))
        return None

    def networks(self) -> list[Network]:
        return list(self._networks.values())

    def __contains__(self, source: str) -> bool:
        return self.covering(source) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._networks)

    def __len__(self) -> int:
        return len(self._networks)
