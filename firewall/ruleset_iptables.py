"""The same rules for iptables: a handful of static ones; everything that varies is in ipsets (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from firewall.filter_iptables import RULE_CHAINS, RULES_IN, RULES_OUT, TRIAL_IN, TRIAL_OUT, iptables_chains, to_rules
from firewall.iptables_text import Rule
from firewall.ruleset import LONGEST_SIP_DATAGRAM, Ruleset
from firewall.ruleset_strangers import (
    CONNECTIONS_AT_ONCE,
    ENTRIES,
    ENTRY_SECONDS,
    FLOOD,
    KEEPALIVE_BYTES,
    LONGEST_SEGMENT,
    MET_SECONDS,
    RESPONSE,
    SEGMENT_BYTES,
    SHORTEST_DATA,
    STREAM_BYTES,
    Strangers,
)
from firewall.source_sets import SourceSet

EARLY, EARLY_OUT = "ASTERISK_EXT_EARLY", "ASTERISK_EXT_OUT"
INBOUND, OUTBOUND = "ASTERISK_EXT", "ASTERISK_EXT_O"
STRANGERS, STRANGERS_TCP, STRANGERS_OUT = "ASTERISK_EXT_STR", "ASTERISK_EXT_STR_TCP", "ASTERISK_EXT_STR_OUT"
HOOKS = {
    ("raw", EARLY): "PREROUTING",
    ("raw", EARLY_OUT): "OUTPUT",
    ("filter", INBOUND): "INPUT",
    ("filter", OUTBOUND): "OUTPUT",
}
OWN_CHAINS = (("raw", STRANGERS_OUT), ("raw", STRANGERS_TCP), ("raw", STRANGERS), *RULE_CHAINS, *HOOKS)
PREFIX = "asterisk_ext_"
FRIEND = {False: f"{PREFIX}friend4", True: f"{PREFIX}friend6"}
WATCHED = {False: f"{PREFIX}watched4", True: f"{PREFIX}watched6"}
MET = {False: f"{PREFIX}met4", True: f"{PREFIX}met6"}
IP_HEADER = {False: 20, True: 40}
ICMP = ("destination-unreachable", "time-exceeded", "parameter-problem")
ICMPV6 = (
    *("destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"),
    "router-solicitation",
    "router-advertisement",
    "neighbour-solicitation",
    "neighbour-advertisement",
)
OPENING: Rule = {"protocol": "tcp", "tcp": {"tcp-flags": ["SYN,ACK", "SYN"]}}
ACCEPTING: Rule = {"protocol": "tcp", "tcp": {"tcp-flags": ["SYN,ACK", "SYN,ACK"]}}
MOST_PORTS = 15
"""The multiport match takes fifteen, a range counting as two."""


def ipset_of(which: SourceSet, *, ipv6: bool) -> str:
    return PREFIX + which.of(ipv6=ipv6)


def to_iptables(rules: Ruleset, *, ipv6: bool) -> dict[tuple[str, str], list[Rule]]:
    """The rules of each of our chains, by table and chain, see ``iptables_text``."""
    notrack: Rule = {"target": {"CT": {"notrack": ""}}}
    untracked = [port for port in rules.sip_udp + rules.rtp if rules.is_untracked(port)]
    signalling = [port for port in rules.sip_udp if port in untracked]
    for_all = [port for port in rules.rtp + rules.sip_udp if rules.is_for_all(port)]
    strangers = rules.strangers
    return {
        ("raw", STRANGERS_OUT): _out_to_strangers(ipv6=ipv6) if strangers else [],
        ("raw", STRANGERS_TCP): _tcp_of_strangers(ipv6=ipv6) if strangers else [],
        ("raw", STRANGERS): _strangers(strangers, ipv6=ipv6) if strangers else [],
        ("raw", EARLY): [
            {**_in_set(ipset_of(SourceSet.BAN, ipv6=ipv6)), "target": "DROP"},
            *_media_first(rules, notrack),
            *({**slow, "target": "DROP"} for slow in _slow(rules, ipv6=ipv6)),
            *(
                {**sip, "length": {"length": _too_long(ipv6=ipv6)}, "target": "DROP"}
                for sip in _ports("udp", rules.sip_udp)
            ),
            *({**sip, "target": STRANGERS} for sip in _ports("udp", rules.sip_udp) if strangers),
            *({**sip, "target": STRANGERS} for sip in _ports("tcp", rules.sip_tcp) if strangers),
            *({"in-interface": "!lo", **sip, **notrack} for sip in _ports("udp", signalling)),
        ],
        ("raw", EARLY_OUT): [
            *(_meetings(rules, ipv6=ipv6) if strangers else []),
            *({"out-interface": "!lo", **ports, **notrack} for ports in _ports("udp", untracked, direction="sports")),
        ],
        ("filter", INBOUND): [
            *({**ports, "target": "ACCEPT"} for ports in _ports("udp", for_all)),
            {"in-interface": "lo", "target": "ACCEPT"},
            {"conntrack": {"ctstate": "RELATED,ESTABLISHED"}, "target": "ACCEPT"},
            {"conntrack": {"ctstate": "INVALID"}, "target": "DROP"},
            *(_icmpv6() if ipv6 else _icmp()),
            *to_rules(TRIAL_IN, RULES_IN, ipv6=ipv6),
        ],
        ("filter", OUTBOUND): [
            {"out-interface": "lo", "target": "RETURN"},
            {"conntrack": {"ctstate": "RELATED,ESTABLISHED"}, "target": "RETURN"},
            *to_rules(TRIAL_OUT, RULES_OUT, ipv6=ipv6),
        ],
        **iptables_chains(rules.confirmed, rules.trial, ipv6=ipv6),
    }


def _media_first(rules: Ruleset, notrack: Rule) -> list[Rule]:
    """They are most of the traffic, and nothing but the bans concerns them."""
    untracked = [port for port in rules.rtp if rules.is_untracked(port)]
    return [
        *({"in-interface": "!lo", **ports, **notrack} for ports in _ports("udp", untracked)),
        *({**ports, "target": "ACCEPT"} for ports in _ports("udp", rules.rtp)),
    ]


def _slow(rules: Ruleset, *, ipv6: bool) -> list[Rule]:
    limit = _over("30/sec", "60", "asterisk_ext", ipv6=ipv6, entries=1 << 16, seconds=10)
    return [{**sip, **_in_set(ipset_of(SourceSet.SLOW, ipv6=ipv6)), **limit} for sip in _ports("udp", rules.sip_udp)]


def _strangers(strangers: Strangers, *, ipv6: bool) -> list[Rule]:
    """As ``ruleset_strangers`` says; here too no table is ever full, which would shut out whoever is new."""
    keepalive = f"0:{IP_HEADER[ipv6] + 8 + KEEPALIVE_BYTES}"
    limits = [
        _over(f"{FLOOD}/sec", str(FLOOD), "asterisk_ext_fl", ipv6=ipv6, by_source=False),
        _suspect(ipv6=ipv6),
        _over("1/sec", str(strangers.failures), "asterisk_ext_st", ipv6=ipv6),
        _over(f"{strangers.total}/sec", str(strangers.total), "asterisk_ext_to", ipv6=ipv6, by_source=False),
    ]
    return [
        {"in-interface": "lo", "target": "RETURN"},
        *(
            {**_in_set(name), "target": "RETURN"}
            for name in (ipset_of(SourceSet.KNOWN, ipv6=ipv6), MET[ipv6], FRIEND[ipv6])
        ),
        {"set": {"match-set": ["!", WATCHED[ipv6], "src"]}, "target": "RETURN"},
        {"protocol": "tcp", "target": {"goto": STRANGERS_TCP}},
        {"protocol": "udp", "length": {"length": keepalive}, "target": "RETURN"},
        *({**limit, "target": "DROP"} for limit in limits),
    ]


def _tcp_of_strangers(*, ipv6: bool) -> list[Rule]:
    data: Rule = {"protocol": "tcp", "length": {"length": f"{SHORTEST_DATA + 1}:65535"}}
    connections = _over("1/sec", str(CONNECTIONS_AT_ONCE), "asterisk_ext_co", ipv6=ipv6)
    return [
        {**_over(f"{FLOOD}/sec", str(FLOOD), "asterisk_ext_ft", ipv6=ipv6, by_source=False), "target": "DROP"},
        {**OPENING, **connections, "target": "DROP"},
        {**OPENING, "target": "RETURN"},
        {"protocol": "tcp", "length": {"length": f"{LONGEST_SEGMENT + 1}:65535"}, "target": "DROP"},
        {**data, **_suspect(ipv6=ipv6), "target": "DROP"},
        {**_over(f"{STREAM_BYTES}b/s", "", "asterisk_ext_by", ipv6=ipv6), "target": "DROP"},
    ]


def _suspect(*, ipv6: bool) -> Rule:
    """One limit for UDP and TCP: the table is shared by its name."""
    return {**_in_set(ipset_of(SourceSet.SUSPECT, ipv6=ipv6)), **_over("1/sec", "1", "asterisk_ext_su", ipv6=ipv6)}


def _out_to_strangers(*, ipv6: bool) -> list[Rule]:
    names = (ipset_of(SourceSet.KNOWN, ipv6=ipv6), MET[ipv6], FRIEND[ipv6])
    spared: list[Rule] = [{"set": {"match-set": [name, "dst"]}, "target": "RETURN"} for name in names]
    return [
        {"out-interface": "lo", "target": "RETURN"},
        *spared,
        {**ACCEPTING, "target": {"TCPMSS": {"set-mss": str(SEGMENT_BYTES)}}},
    ]


def _meetings(rules: Ruleset, *, ipv6: bool) -> list[Rule]:
    met: Rule = {"target": {"SET": {"add-set": [MET[ipv6], "dst"], "exist": "", "timeout": str(MET_SECONDS)}}}
    words = [int.from_bytes(RESPONSE[start : start + 4], "big") for start in (0, 4)]
    # Options and extension headers before UDP only make a response look like a request: nothing is lost by it.
    start = IP_HEADER[ipv6] + 8
    is_response = " && ".join(f"{start + 4 * i}={word:#x}" for i, word in enumerate(words))
    return [
        *({**sip, "u32": {"u32": ["!", is_response]}, **met} for sip in _ports("udp", rules.sip_udp, "sports")),
        *({**OPENING, **sip, **met} for sip in _ports("tcp", rules.sip_tcp)),
        *({**ACCEPTING, **sip, "target": STRANGERS_OUT} for sip in _ports("tcp", rules.sip_tcp, "sports")),
    ]


def _over(
    rate: str,
    burst: str,
    name: str,
    *,
    ipv6: bool,
    by_source: bool = True,
    entries: int = ENTRIES,
    seconds: int = ENTRY_SECONDS,
) -> Rule:
    """Matches what goes beyond a rate, each source's or everybody's."""
    limit = {
        "hashlimit-above": rate,
        **({"hashlimit-burst": burst} if burst else {}),
        **({"hashlimit-mode": "srcip", "hashlimit-srcmask": "64" if ipv6 else "32"} if by_source else {}),
        "hashlimit-name": name + ("6" if ipv6 else "4"),
        "hashlimit-htable-expire": str(seconds * 1000),
        "hashlimit-htable-max": str(entries),
    }
    return {"hashlimit": limit}


def _in_set(name: str) -> Rule:
    return {"set": {"match-set": [name, "src"]}}


def _too_long(*, ipv6: bool) -> str:
    return f"{LONGEST_SIP_DATAGRAM + IP_HEADER[ipv6] + 1}:65535"


def _icmp() -> list[Rule]:
    return [{"protocol": "icmp", "icmp": {"icmp-type": kind}, "target": "ACCEPT"} for kind in ICMP]


def _icmpv6() -> list[Rule]:
    return [{"protocol": "icmpv6", "icmp6": {"icmpv6-type": kind}, "target": "ACCEPT"} for kind in ICMPV6]


def _ports(protocol: str, ports: Iterable[str], direction: str = "dports") -> list[Rule]:
    written = [port.replace("-", ":") for port in ports]
    groups = [written[i : i + MOST_PORTS // 2] for i in range(0, len(written), MOST_PORTS // 2)]
    return [{"protocol": protocol, "multiport": {direction: ",".join(group)}} for group in groups]
