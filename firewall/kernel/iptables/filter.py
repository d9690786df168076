"""A filter as iptables' rules (pure), with the trial of ``nft/filter.py``: here the set is one of all networks."""

from __future__ import annotations

from collections.abc import Iterable

from asterisk_ext.domain.firewall_types import Protocol
from firewall.kernel import passed
from firewall.kernel.filter import Filter, Match, simplified
from firewall.kernel.iptables.ipset_swap import ipset
from firewall.kernel.iptables.matches import PREFIX
from firewall.kernel.nft.filter import ALL, REST, TCP, UDP

RULES_IN, RULES_OUT = "ASTERISK_EXT_R_IN", "ASTERISK_EXT_R_OUT"
TRIAL_IN, TRIAL_OUT = "ASTERISK_EXT_T_IN", "ASTERISK_EXT_T_OUT"
LET_IN = "ASTERISK_EXT_LET_IN"
RULE_CHAINS = (
    ("filter", LET_IN),
    *(("filter", f"{name}{part}") for name in (RULES_IN, TRIAL_IN) for part in ("_UDP", "_TCP", "")),
    ("filter", RULES_OUT),
    ("filter", TRIAL_OUT),
)
TRIAL = {False: "asterisk_ext_trial4", True: "asterisk_ext_trial6"}
PASSED = {ipv6: f"{PREFIX}{name}" for ipv6, name in passed.SETS.items()}
ICMP = {False: "icmp", True: "icmpv6"}

Rule = dict[str, object]


def iptables_chains(confirmed: Filter, trial: Filter | None, *, ipv6: bool) -> dict[tuple[str, str], list[Rule]]:
    """The rules of our chains, by table and chain, those that are led to first.

    Without a trial its chains are as the confirmed ones: the set that leads there is emptied after them.
    """
    tried = trial or confirmed
    return {
        ("filter", LET_IN): _let_in(ipv6=ipv6),
        **_inbound(RULES_IN, confirmed, ipv6=ipv6),
        ("filter", RULES_OUT): _rules(simplified(confirmed.outbound, ALL), "dst", ipv6=ipv6),
        **_inbound(TRIAL_IN, tried, ipv6=ipv6),
        ("filter", TRIAL_OUT): _rules(simplified(tried.outbound, ALL), "dst", ipv6=ipv6),
    }


def _inbound(name: str, filter: Filter, *, ipv6: bool) -> dict[tuple[str, str], list[Rule]]:
    remembered: object = {"goto": LET_IN} if passed.is_worth_it(filter) else "ACCEPT"
    parts = ((f"{name}_UDP", UDP, remembered), (f"{name}_TCP", TCP, "ACCEPT"), (name, REST, "ACCEPT"))
    told: dict[tuple[str, str], list[Rule]] = {
        ("filter", each): [*_rules(simplified(filter.inbound, which), "src", accept, ipv6=ipv6), {"target": "DROP"}]
        for each, which, accept in parts
    }
    told["filter", name][:0] = [
        {"protocol": protocol, "target": {"goto": f"{name}_{protocol.upper()}"}} for protocol in ("udp", "tcp")
    ]
    return told


def short_cut(*, ipv6: bool) -> Rule:
    """Lets in whom the rules have let in to that port."""
    return {"protocol": "udp", "set": {"match-set": [PASSED[ipv6], "src,dst"]}, "target": "ACCEPT"}


def _let_in(*, ipv6: bool) -> list[Rule]:
    """Whom no set takes any more is let in all the same."""
    remember = {"add-set": [PASSED[ipv6], "src,dst"], "exist": "", "timeout": str(passed.SECONDS)}
    return [{"protocol": "udp", "target": {"SET": remember}}, {"target": "ACCEPT"}]


def to_rules(trial: str, rules: str, *, ipv6: bool) -> list[Rule]:
    """The end of a hooked chain."""
    return [
        {"set": {"match-set": [TRIAL[ipv6], "src"]}, "target": {"goto": trial}},
        {"target": {"goto": rules}},
    ]


def _rules(matches: Iterable[Match], side: str, accept: object = "ACCEPT", *, ipv6: bool) -> list[Rule]:
    version = 6 if ipv6 else 4
    return [
        {**_protocol(match, ipv6=ipv6), **origin, "target": accept if match.accept else "DROP"}
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
