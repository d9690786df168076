"""A server's firewall as what a kernel matches: flat, in order, the first match decides (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from itertools import groupby

from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_origin import COUNTRY, LIST, Network, is_networks, networks_of
from asterisk_ext.domain.firewall_rule import Rule, Verdict
from asterisk_ext.domain.firewall_types import ALL_PORTS, PortRange, Protocol
from firewall.lists.address_lists import country_list, own_list


@dataclass(frozen=True, slots=True)
class Match:
    """``protocol`` None: any; ``ports`` None: any; ``version`` 0: both; ``list`` is one of ``address_lists``' names."""

    accept: bool
    protocol: Protocol | None = None
    ports: PortRange | None = None
    version: int = 0
    networks: tuple[str, ...] = ()
    list: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """What none of ``inbound`` accepts is dropped; what none of ``outbound`` drops goes."""

    inbound: tuple[Match, ...] = ()
    outbound: tuple[Match, ...] = ()

    @property
    def lists(self) -> frozenset[str]:
        """The address lists that it names."""
        return frozenset(match.list for match in (*self.inbound, *self.outbound) if match.list)

    def open_to_all(self, protocol: Protocol, ports: PortRange) -> bool:
        """Whether some match lets everybody in to all of these ports."""
        return any(
            match.accept
            and not (match.networks or match.list or match.version)
            and match.protocol in (None, protocol)
            and (match.ports is None or (match.ports[0] <= ports[0] and ports[1] <= match.ports[1]))
            for match in self.inbound
        )

    def denies_none(self, protocol: Protocol, ports: PortRange) -> bool:
        """Whether everybody gets in to all of these ports, whatever the other rules are."""
        for match in self.inbound:
            if match.protocol not in (None, protocol):
                continue
            if match.ports is not None and (match.ports[1] < ports[0] or ports[1] < match.ports[0]):
                continue
            if not match.accept:
                return False
            if replace(self, inbound=(match,)).open_to_all(protocol, ports):
                return True
        return False


def filter_of(firewall: Firewall) -> Filter:
    """The kernel's view of a firewall."""
    return Filter(
        tuple(match for rule in firewall.inbound() for match in _matches(rule, firewall.lists)),
        tuple(match for rule in firewall.outbound() for match in _matches(rule, firewall.lists)),
    )


def kernel_list(origin: str, lists: Mapping[str, Iterable[str]]) -> str:
    """The address list of a country or of a list of the hoster's.

    The latter are named by their content: a list and what becomes of it in a candidate stand side by side.
    """
    if origin.startswith(COUNTRY):
        return country_list(origin.removeprefix(COUNTRY))
    content = "\n".join(lists.get(origin.removeprefix(LIST), ()))
    return own_list(blake2b(content.encode(), digest_size=8).hexdigest())


def _matches(rule: Rule, lists: Mapping[str, Iterable[str]]) -> Iterable[Match]:
    accept, ports = rule.verdict is Verdict.ALLOW, rule.port_range
    ports = None if ports == ALL_PORTS else ports
    protocols = (None,) if Protocol.OTHER in rule.kind.protocols else rule.kind.protocols
    for protocol in protocols:
        if not rule.origins:
            yield Match(accept, protocol, ports)
        for version, networks in by_version(rule.origins).items():
            if networks:
                yield Match(accept, protocol, ports, version, tuple(map(str, networks)))
        for origin in rule.origins:
            if not is_networks(origin):
                name = kernel_list(origin, lists)
                yield from (Match(accept, protocol, ports, version, (), name) for version in (4, 6))


def simplified(matches: Iterable[Match], protocols: Collection[Protocol | None]) -> list[Match]:
    """The matches that concern some protocols, fewer of them: among neighbours of one verdict the order is nothing.

    Of such the cheapest look-up comes first: everybody, then networks, all in one set; then lists.
    """
    found: list[Match] = []
    for accept, run in groupby((match for match in matches if match.protocol in protocols), lambda one: one.accept):
        kept = list(dict.fromkeys(run))
        networks: dict[tuple[Protocol | None, PortRange | None, int], list[str]] = {}
        for match in kept:
            if match.networks:
                networks.setdefault((match.protocol, match.ports, match.version), []).extend(match.networks)
        found += [match for match in kept if not match.networks and not match.list]
        found += [Match(accept, *key, tuple(_collapsed(texts))) for key, texts in networks.items()]
        found += [match for match in kept if match.list]
    return found


def _collapsed(texts: Iterable[str]) -> list[str]:
    networks = [ip_network(text) for text in texts]
    four = [network for network in networks if isinstance(network, IPv4Network)]
    six = [network for network in networks if isinstance(network, IPv6Network)]
    return [*map(str, collapse_addresses(four)), *map(str, collapse_addresses(six))]


def by_version(origins: Iterable[str]) -> dict[int, list[Network]]:
    """The networks among origins, by IP version."""
    found: dict[int, list[Network]] = {4: [], 6: []}
    for origin in origins:
        if is_networks(origin):
            for network in networks_of(origin):
                found[network.version].append(network)
    return found
