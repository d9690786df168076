"""A candidate with what the guard's own settings add to it, checked: a whole firewall, and its name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Protocol

import msgspec

from asterisk_ext.config import Guard as Settings
from asterisk_ext.domain.address_list import network_of
from asterisk_ext.domain.firewall import Firewall, Needs
from asterisk_ext.domain.firewall_default import default_rules
from asterisk_ext.domain.firewall_origin import Known, checked_list, network_text
from asterisk_ext.domain.firewall_rule import check_all
from asterisk_ext.domain.firewall_trial import Candidate
from firewall.countries.lists import CountryLists
from firewall.socket.api import TOO_WIDE

WIDEST_NEED = {4: 24, 6: 48}


class Countries(Protocol):
    """Who keeps the country lists: he must know which are in use, since newer ones are checked against those."""

    in_use: Collection[str]

    @property
    def lists(self) -> CountryLists: ...


class Composer:
    def __init__(self, settings: Settings, console: str, countries: Countries) -> None:
        self._settings = settings
        self._console = console
        self._countries = countries

    def usual(self) -> Firewall:
        """The settings' own: what holds until somebody has applied rules."""
        guard = self._settings
        rules = default_rules(
            sip_udp=guard.sip_udp, sip_tcp=guard.sip_tcp, rtp=guard.rtp, ssh=guard.ssh, console=(self._console,)
        )
        return Firewall(rules=rules, needs=self.needs((), ()))

    def needs(self, nodes: Sequence[str], trunks: Sequence[str]) -> Needs:
        """What the registry tells, with what the settings name; refuses ``guard.network_too_wide``."""
        guard = self._settings
        return Needs(
            nodes=tuple(sorted({*map(_need, nodes), *guard.fleet})),
            trunks=tuple(sorted(set(map(_need, trunks)))),
            administrators=tuple(sorted(guard.administrators)),
            sip=tuple(dict.fromkeys((*guard.sip_udp, *guard.sip_tcp))),
            media=guard.rtp,
            ssh=guard.ssh,
            console=(self._console,),
        )

    def composed(self, candidate: Candidate) -> Firewall:
        """The whole firewall of a candidate; refuses what is wrong about it, with its field."""
        lists = {name: checked_list(name, entries) for name, entries in candidate.lists.items()}
        known = Known(countries=self._countries.lists.codes(), lists=lists)
        return Firewall(
            rules=check_all(candidate.rules, known),
            lists=lists,
            needs=self.needs(candidate.nodes, candidate.trunks),
        )


def digest_of(firewall: Firewall) -> str:
    """Names a firewall: twelve hexadecimal digits of its content."""
    return blake2b(msgspec.json.encode(firewall, order="deterministic"), digest_size=6).hexdigest()


def _need(text: str) -> str:
    network = network_of(network_text(text))
    if network.prefixlen < WIDEST_NEED[network.version]:
        raise TOO_WIDE.refuse(field="nodes", network=network)
    return network_text(text)
