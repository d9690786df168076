"""The same rules for iptables: a handful of static ones; everything that varies is in ipsets (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from firewall.kernel.iptables.filter import (
    RULE_CHAINS,
    RULES_IN,
    RULES_OUT,
    TRIAL_IN,
    TRIAL_OUT,
    iptables_chains,
    short_cut,
    to_rules,
)
from firewall.kernel.iptables.matches import IP_HEADER, PREFIX, begins, in_set, ipset_of, listed, over
from firewall.kernel.iptables.strangers import (
    STRANGERS,
    STRANGERS_DATA,
    STRANGERS_LONG,
    STRANGERS_OUT,
    STRANGERS_SHORT,
    STRANGERS_TCP,
    long_connections,
    long_of_strangers,
    meetings,
    of_strangers,
    out_to_strangers,
    segments_of_strangers,
    tcp_of_strangers,
    without_data,
)
from firewall.kernel.iptables.text import Rule
from firewall.kernel.ruleset import LONGEST_SIP_DATAGRAM, Ruleset
from firewall.kernel.source_sets import SourceSet
from firewall.kernel.strangers import CONTACT_SECONDS, SPARED, SUCCESS

EARLY, EARLY_OUT = "ASTERISK_EXT_EARLY", "ASTERISK_EXT_OUT"
INBOUND, OUTBOUND = "ASTERISK_EXT", "ASTERISK_EXT_O"
MEDIA, SIP, SIP_TCP = "ASTERISK_EXT_RTP", "ASTERISK_EXT_SIP", "ASTERISK_EXT_SIP_TCP"
SIP_LET_IN, SIP_SLOWED = "ASTERISK_EXT_SIP_OK", "ASTERISK_EXT_SIP_SLOW"
HOOKS = {
    ("raw", EARLY): "PREROUTING",
    ("raw", EARLY_OUT): "OUTPUT",
    ("filter", INBOUND): "INPUT",
    ("filter", OUTBOUND): "OUTPUT",
}
OWN_CHAINS = (
    *(
        ("raw", chain)
        for chain in (
            *(STRANGERS_OUT, STRANGERS_DATA, STRANGERS_SHORT, STRANGERS_TCP, STRANGERS),
            *(MEDIA, SIP_LET_IN, SIP_SLOWED, SIP, SIP_TCP),
        )
    ),
    ("filter", STRANGERS_LONG),
    *RULE_CHAINS,
    *HOOKS,
)
CONTACT = {False: f"{PREFIX}contact4", True: f"{PREFIX}contact6"}
ICMP = ("destination-unreachable", "time-exceeded", "parameter-problem")
ICMPV6 = (
    *("destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"),
    "router-solicitation",
    "router-advertisement",
    "neighbour-solicitation",
    "neighbour-advertisement",
)
NOTRACK: Rule = {"target": {"CT": {"notrack": ""}}}


def to_iptables(rules: Ruleset, *, ipv6: bool) -> dict[tuple[str, str], list[Rule]]:
    """The rules of each of our chains, by table and chain, see ``text.py``."""
    untracked = [port for port in rules.sip_udp + rules.rtp if rules.is_untracked(port)]
    for_all = [port for port in rules.rtp + rules.sip_udp if rules.is_for_all(port)]
    strangers = rules.strangers
    return {
        ("raw", STRANGERS_OUT): out_to_strangers(ipv6=ipv6) if strangers else [],
        ("raw", STRANGERS_DATA): segments_of_strangers(ipv6=ipv6) if strangers else [],
        ("raw", STRANGERS_SHORT): without_data(ipv6=ipv6) if strangers else [],
        ("raw", STRANGERS_TCP): tcp_of_strangers(ipv6=ipv6) if strangers else [],
        ("raw", STRANGERS): of_strangers(strangers, ipv6=ipv6) if strangers else [],
        ("raw", MEDIA): [_banned(ipv6=ipv6), *_untrack(rules, rules.rtp)],
        ("raw", SIP_LET_IN): _untrack(rules, rules.sip_udp),
        ("raw", SIP_SLOWED): _slowed(ipv6=ipv6),
        ("raw", SIP): _sip(rules, ipv6=ipv6),
        ("raw", SIP_TCP): [
            *({**in_set(ipset_of(spared, ipv6=ipv6)), "target": "RETURN"} for spared in SPARED),
            {"target": {"goto": STRANGERS}},
        ],
        ("raw", EARLY): [
            # Media first: they are most of the traffic, and nothing but the bans concerns them.
            *({**_port(port), "target": {"goto": MEDIA}} for port in rules.rtp),
            *({**_port(port), "target": {"goto": SIP}} for port in rules.sip_udp),
            _banned(ipv6=ipv6),
            *({**sip, "target": {"goto": SIP_TCP}} for sip in listed("tcp", rules.sip_tcp) if strangers),
        ],
        ("raw", EARLY_OUT): [
            *_contacts(rules, ipv6=ipv6),
            # Over streams many requests may have come at once with the last that was let in.
            *(
                {**sip, "set": {"match-set": [ipset_of(SourceSet.BAN, ipv6=ipv6), "dst"]}, "target": "DROP"}
                for sip in listed("tcp", rules.sip_tcp, "sports")
            ),
            *(meetings(rules, ipv6=ipv6) if strangers else []),
            *({"out-interface": "!lo", **ports, **NOTRACK} for ports in listed("udp", untracked, direction="sports")),
        ],
        ("filter", INBOUND): [
            *({**_port(port), "target": "ACCEPT"} for port in for_all),
            *([short_cut(ipv6=ipv6)] if rules.remembers else []),
            {"in-interface": "lo", "target": "ACCEPT"},
            *(long_connections(rules) if strangers else []),
            {"conntrack": {"ctstate": "RELATED,ESTABLISHED"}, "target": "ACCEPT"},
            {"conntrack": {"ctstate": "INVALID"}, "target": "DROP"},
            *(_icmpv6() if ipv6 else _icmp()),
            *to_rules(TRIAL_IN, RULES_IN, ipv6=ipv6),
        ],
        ("filter", STRANGERS_LONG): long_of_strangers(ipv6=ipv6) if strangers else [],
        ("filter", OUTBOUND): [
            {"out-interface": "lo", "target": "RETURN"},
            {"conntrack": {"ctstate": "RELATED,ESTABLISHED"}, "target": "RETURN"},
            *to_rules(TRIAL_OUT, RULES_OUT, ipv6=ipv6),
        ],
        **iptables_chains(rules.confirmed, rules.trial, ipv6=ipv6),
    }


def _sip(rules: Ruleset, *, ipv6: bool) -> list[Rule]:
    """What goes to SIP's UDP ports: the known first, who are neither banned nor slowed."""
    slow = in_set(ipset_of(SourceSet.SLOW, ipv6=ipv6))
    let_in: Rule = {"target": {"goto": SIP_LET_IN}}
    limited: list[Rule] = [{"target": STRANGERS}] if rules.strangers else []
    return [
        {"protocol": "udp", "length": {"length": _too_long(ipv6=ipv6)}, "target": "DROP"},
        {**in_set(ipset_of(SourceSet.KNOWN, ipv6=ipv6)), **let_in},
        _banned(ipv6=ipv6),
        {**slow, "target": {"goto": SIP_SLOWED}},
        *limited,
        let_in,
    ]


def _slowed(*, ipv6: bool) -> list[Rule]:
    """A phone that has succeeded has a share of its own: who forges its address does not know its port."""
    limit = over("30/sec", "60", "asterisk_ext", ipv6=ipv6, entries=1 << 16, seconds=10)
    own = over("30/sec", "60", "asterisk_ext_pt", ipv6=ipv6, by_port=True, entries=1 << 16, seconds=10)
    let_in: Rule = {"target": {"goto": SIP_LET_IN}}
    contact: Rule = {"set": {"match-set": [CONTACT[ipv6], "src,src"]}}
    return [
        {"protocol": "udp", **contact, **own, "target": "DROP"},
        {"protocol": "udp", **contact, **let_in},
        {**limit, "target": "DROP"},
        let_in,
    ]


def _contacts(rules: Ruleset, *, ipv6: bool) -> list[Rule]:
    known: Rule = {
        "target": {"SET": {"add-set": [CONTACT[ipv6], "dst,dst"], "exist": "", "timeout": str(CONTACT_SECONDS)}}
    }
    return [
        {**sip, "u32": {"u32": begins(SUCCESS, ipv6=ipv6)}, **known} for sip in listed("udp", rules.sip_udp, "sports")
    ]


def _untrack(rules: Ruleset, ports: Sequence[str]) -> list[Rule]:
    """For what goes to some of these ports and no others."""
    untracked = [port for port in ports if rules.is_untracked(port)]
    which: list[Rule] = [{"protocol": "udp"}] if len(untracked) == len(ports) else [_port(port) for port in untracked]
    return [{"in-interface": "!lo", **each, **NOTRACK} for each in which]


def _banned(*, ipv6: bool) -> Rule:
    return {**in_set(ipset_of(SourceSet.BAN, ipv6=ipv6)), "target": "DROP"}


def _too_long(*, ipv6: bool) -> str:
    return f"{LONGEST_SIP_DATAGRAM + IP_HEADER[ipv6] + 1}:65535"


def _icmp() -> list[Rule]:
    return [{"protocol": "icmp", "icmp": {"icmp-type": kind}, "target": "ACCEPT"} for kind in ICMP]


def _icmpv6() -> list[Rule]:
    return [{"protocol": "icmpv6", "icmp6": {"icmpv6-type": kind}, "target": "ACCEPT"} for kind in ICMPV6]


def _port(port: str) -> Rule:
    """One port or range of UDP, which takes less time than a multiport match."""
    return {"protocol": "udp", "udp": {"dport": port.replace("-", ":")}}
