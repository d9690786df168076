"""A filter as iptables' rules (pure), with the trial of ``filter_nft``: here the set is one of all networks."""

from __future__ import annotations

from collections.abc import Iterable

from asterisk_ext.domain.firewall_types import Protocol
from firewall.filter import Filter, Match
from firewall.ipset_swap import ipset

RULES_IN, RULES_OUT = "ASTERISK_EXT_R_IN", "ASTERISK_EXT_R_OUT"
TRIAL_IN, TRIAL_OUT = "ASTERISK_EXT_T_IN", "ASTERISK_EXT_T_OUT"
TRIAL = {False: "asterisk_ext_trial4", True: "asterisk_ext_trial6"}
ICMP = {False: "icmp", True: "icmpv6"}

Rule = dict[str, object]


def iptables_chains(confirmed: Filter, trial: Filter | None, *, ipv6: bool) -> dict[tuple[str, str], list[Rule]]:
    """The rules of the four chains, by table and chain.

    Without a trial its chains are as the confirmed ones: the set that leads there is emptied after them.
    """
    tried = trial or confirmed
    return {
        ("filter", RULES_IN): [*_rules(confirmed.inbound, "src", ipv6=ipv6), {"target": "DROP"}],
        ("filter", RULES_OUT): _rules(confirmed.outbound, "dst", ipv6=ipv6),
        ("filter", TRIAL_IN): [*_rules(tried.inbound, "src", ipv6=ipv6), {"target": "DROP"}],
        ("filter", TRIAL_OUT): _rules(tried.outbound, "dst", ipv6=ipv6),
    }


def to_rules(trial: str, rules: str, *, ipv6: bool) -> list[Rule]:
    """The end of a hooked chain."""
    return [
        {"set": {"match-set": [TRIAL[ipv6], "src"]}, "target": {"goto": trial}},
        {"target": {"goto": rules}},
    ]


def _rules(matches: Iterable[Match], side: str, *, ipv6: bool) -> list[Rule]:
    version = 6 if ipv6 else 4
    return [
        {**_protocol(match, ipv6=ipv6), **origin, "target": "ACCEPT" if match.accept else "DROP"}
        for match in matches
        if match.version in (0, version)
        for origin in _origins(match, side)
    ]


def _protocol(match: Match, *, ipv6: bool) -> Rule:
    if match.protocol is None:
        return {}
    if match.protocol is Protocol.ICMP:
        return {"protocol": ICMP[ipv6]}
    if match.ports is None:
        return {"protocol": str(match.protocol)}
    first, last = match.ports
    name = str(match.protocol)
    return {"protocol": name, name: {"dport": str(first) if first == last else f"{first}:{last}"}}


def _origins(match: Match, side: str) -> list[Rule]:
    if match.list:
        return [{"set": {"match-set": [ipset(match.list, match.version), side]}}]
    return [{side: network} for network in match.networks] or [{}]
