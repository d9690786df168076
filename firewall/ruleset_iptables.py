"""The same rules for iptables: a handful of static ones; everything that varies is in ipsets (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from firewall.filter_iptables import RULE_CHAINS, RULES_IN, RULES_OUT, TRIAL_IN, TRIAL_OUT, iptables_chains, to_rules
from firewall.iptables_text import Rule
from firewall.ruleset import LONGEST_SIP_DATAGRAM, Ruleset
from firewall.ruleset_strangers import (
    CONNECTIONS_AT_ONCE,
    CONTACT_SECONDS,
    ENTRIES,
    ENTRY_SECONDS,
    FLOOD,
    KEEPALIVE_BYTES,
    LONGEST_SEGMENT,
    MET_SECONDS,
    RESPONSE,
    SEGMENT_BYTES,
    SEGMENTS_A_SECOND,
    SEGMENTS_AT_ONCE,
    SHORTEST_DATA,
    SPARED,
    STREAM_BYTES,
    SUCCESS,
    Strangers,
)
from firewall.source_sets import SourceSet

EARLY, EARLY_OUT = "ASTERISK_EXT_EARLY", "ASTERISK_EXT_OUT"
INBOUND, OUTBOUND = "ASTERISK_EXT", "ASTERISK_EXT_O"
MEDIA, SIP, SIP_TCP = "ASTERISK_EXT_RTP", "ASTERISK_EXT_SIP", "ASTERISK_EXT_SIP_TCP"
SIP_LET_IN, SIP_SLOWED = "ASTERISK_EXT_SIP_OK", "ASTERISK_EXT_SIP_SLOW"
STRANGERS, STRANGERS_TCP, STRANGERS_OUT = "ASTERISK_EXT_STR", "ASTERISK_EXT_STR_TCP", "ASTERISK_EXT_STR_OUT"
HOOKS = {
    ("raw", EARLY): "PREROUTING",
    ("raw", EARLY_OUT): "OUTPUT",
    ("filter", INBOUND): "INPUT",
    ("filter", OUTBOUND): "OUTPUT",
}
OWN_CHAINS = (
    *(
        ("raw", chain)
        for chain in (STRANGERS_OUT, STRANGERS_TCP, STRANGERS, MEDIA, SIP_LET_IN, SIP_SLOWED, SIP, SIP_TCP)
    ),
    *RULE_CHAINS,
    *HOOKS,
)
PREFIX = "asterisk_ext_"
FRIEND = {False: f"{PREFIX}friend4", True: f"{PREFIX}friend6"}
WATCHED = {False: f"{PREFIX}watched4", True: f"{PREFIX}watched6"}
MET = {False: f"{PREFIX}met4", True: f"{PREFIX}met6"}
CONTACT = {False: f"{PREFIX}contact4", True: f"{PREFIX}contact6"}
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
NOTRACK: Rule = {"target": {"CT": {"notrack": ""}}}
MOST_PORTS = 15
"""The multiport match takes fifteen, a range counting as two."""


def ipset_of(which: SourceSet, *, ipv6: bool) -> str:
    return PREFIX + which.of(ipv6=ipv6)


def to_iptables(rules: Ruleset, *, ipv6: bool) -> dict[tuple[str, str], list[Rule]]:
    """The rules of each of our chains, by table and chain, see ``iptables_text``."""
    untracked = [port for port in rules.sip_udp + rules.rtp if rules.is_untracked(port)]
    for_all = [port for port in rules.rtp + rules.sip_udp if rules.is_for_all(port)]
    strangers = rules.strangers
    return {
        ("raw", STRANGERS_OUT): _out_to_strangers(ipv6=ipv6) if strangers else [],
        ("raw", STRANGERS_TCP): _tcp_of_strangers(ipv6=ipv6) if strangers else [],
        ("raw", STRANGERS): _strangers(strangers, ipv6=ipv6) if strangers else [],
        ("raw", MEDIA): [_banned(ipv6=ipv6), *_untrack(rules, rules.rtp)],
        ("raw", SIP_LET_IN): _untrack(rules, rules.sip_udp),
        ("raw", SIP_SLOWED): _slowed(ipv6=ipv6),
        ("raw", SIP): _sip(rules, ipv6=ipv6),
        ("raw", SIP_TCP): [
            *({**_in_set(ipset_of(spared, ipv6=ipv6)), "target": "RETURN"} for spared in SPARED),
            {"target": {"goto": STRANGERS}},
        ],
        ("raw", EARLY): [
            # Media first: they are most of the traffic, and nothing but the bans concerns them.
            *({**_port(port), "target": {"goto": MEDIA}} for port in rules.rtp),
            *({**_port(port), "target": {"goto": SIP}} for port in rules.sip_udp),
            _banned(ipv6=ipv6),
            *({**sip, "target": {"goto": SIP_TCP}} for sip in _ports("tcp", rules.sip_tcp) if strangers),
        ],
        ("raw", EARLY_OUT): [
            *_contacts(rules, ipv6=ipv6),
            *(_meetings(rules, ipv6=ipv6) if strangers else []),
            *({"out-interface": "!lo", **ports, **NOTRACK} for ports in _ports("udp", untracked, direction="sports")),
        ],
        ("filter", INBOUND): [
            *({**_port(port), "target": "ACCEPT"} for port in for_all),
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


def _sip(rules: Ruleset, *, ipv6: bool) -> list[Rule]:
    """What goes to SIP's UDP ports: the known first, who are neither banned nor slowed."""
    slow = _in_set(ipset_of(SourceSet.SLOW, ipv6=ipv6))
    let_in: Rule = {"target": {"goto": SIP_LET_IN}}
    limited: list[Rule] = [{"target": STRANGERS}] if rules.strangers else []
    return [
        {"protocol": "udp", "length": {"length": _too_long(ipv6=ipv6)}, "target": "DROP"},
        {**_in_set(ipset_of(SourceSet.KNOWN, ipv6=ipv6)), **let_in},
        _banned(ipv6=ipv6),
        {**slow, "target": {"goto": SIP_SLOWED}},
        *limited,
        let_in,
    ]


def _slowed(*, ipv6: bool) -> list[Rule]:
    """A phone that has succeeded has a share of its own: who forges its address does not know its port."""
    limit = _over("30/sec", "60", "asterisk_ext", ipv6=ipv6, entries=1 << 16, seconds=10)
    own = _over("30/sec", "60", "asterisk_ext_pt", ipv6=ipv6, by_port=True, entries=1 << 16, seconds=10)
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
        {**sip, "u32": {"u32": _begins(SUCCESS, ipv6=ipv6)}, **known} for sip in _ports("udp", rules.sip_udp, "sports")
    ]


def _begins(text: bytes, *, ipv6: bool) -> str:
    """A datagram's data begin so (u32)."""
    # Options and extension headers before UDP only make a response look like none.
    start = IP_HEADER[ipv6] + 8
    words = [int.from_bytes(text[i : i + 4], "big") for i in range(0, len(text), 4)]
    return " && ".join(f"{start + 4 * i}={word:#x}" for i, word in enumerate(words))


def _untrack(rules: Ruleset, ports: Sequence[str]) -> list[Rule]:
    """For what goes to some of these ports and no others."""
    untracked = [port for port in ports if rules.is_untracked(port)]
    which: list[Rule] = [{"protocol": "udp"}] if len(untracked) == len(ports) else [_port(port) for port in untracked]
    return [{"in-interface": "!lo", **each, **NOTRACK} for each in which]


def _banned(*, ipv6: bool) -> Rule:
    return {**_in_set(ipset_of(SourceSet.BAN, ipv6=ipv6)), "target": "DROP"}


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
        *({**_in_set(name), "target": "RETURN"} for name in (MET[ipv6], FRIEND[ipv6])),
        {"set": {"match-set": ["!", WATCHED[ipv6], "src"]}, "target": "RETURN"},
        {"protocol": "tcp", "target": {"goto": STRANGERS_TCP}},
        {"protocol": "udp", "length": {"length": keepalive}, "target": "RETURN"},
        *({**limit, "target": "DROP"} for limit in limits),
    ]


def _tcp_of_strangers(*, ipv6: bool) -> list[Rule]:
    data: Rule = {"protocol": "tcp", "length": {"length": f"{SHORTEST_DATA + 1}:65535"}}
    segments = _over(f"{SEGMENTS_A_SECOND}/sec", str(SEGMENTS_AT_ONCE), "asterisk_ext_se", ipv6=ipv6)
    connections = _over("1/sec", str(CONNECTIONS_AT_ONCE), "asterisk_ext_co", ipv6=ipv6)
    return [
        {**_over(f"{FLOOD}/sec", str(FLOOD), "asterisk_ext_ft", ipv6=ipv6, by_source=False), "target": "DROP"},
        {**OPENING, **connections, "target": "DROP"},
        {**OPENING, "target": "RETURN"},
        {"protocol": "tcp", "length": {"length": f"{LONGEST_SEGMENT + 1}:65535"}, "target": "DROP"},
        {**data, **_suspect(ipv6=ipv6), "target": "DROP"},
        {**data, **segments, "target": "DROP"},
        {**_over(f"{STREAM_BYTES}b/s", "", "asterisk_ext_by", ipv6=ipv6), "target": "DROP"},
    ]


def _suspect(*, ipv6: bool) -> Rule:
    """One limit for UDP and TCP: the table is shared by its name."""
    return {**_in_set(ipset_of(SourceSet.SUSPECT, ipv6=ipv6)), **_over("1/sec", "1", "asterisk_ext_su", ipv6=ipv6)}


def _out_to_strangers(*, ipv6: bool) -> list[Rule]:
    names = (*(ipset_of(spared, ipv6=ipv6) for spared in SPARED), MET[ipv6], FRIEND[ipv6])
    spared: list[Rule] = [{"set": {"match-set": [name, "dst"]}, "target": "RETURN"} for name in names]
    return [
        {"out-interface": "lo", "target": "RETURN"},
        *spared,
        {**ACCEPTING, "target": {"TCPMSS": {"set-mss": str(SEGMENT_BYTES)}}},
    ]


def _meetings(rules: Ruleset, *, ipv6: bool) -> list[Rule]:
    met: Rule = {"target": {"SET": {"add-set": [MET[ipv6], "dst"], "exist": "", "timeout": str(MET_SECONDS)}}}
    return [
        *(
            {**sip, "u32": {"u32": ["!", _begins(RESPONSE, ipv6=ipv6)]}, **met}
            for sip in _ports("udp", rules.sip_udp, "sports")
        ),
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
    by_port: bool = False,
    entries: int = ENTRIES,
    seconds: int = ENTRY_SECONDS,
) -> Rule:
    """Matches what goes beyond a rate: each source's, that of each address and port, or everybody's."""
    source = {"hashlimit-mode": "srcip", "hashlimit-srcmask": "64" if ipv6 else "32"}
    if by_port:
        source = {"hashlimit-mode": "srcip,srcport", "hashlimit-srcmask": "128" if ipv6 else "32"}
    limit = {
        "hashlimit-above": rate,
        **({"hashlimit-burst": burst} if burst else {}),
        **(source if by_source else {}),
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


def _port(port: str) -> Rule:
    """One port or range of UDP, which takes less time than a multiport match."""
    return {"protocol": "udp", "udp": {"dport": port.replace("-", ":")}}


def _ports(protocol: str, ports: Iterable[str], direction: str = "dports") -> list[Rule]:
    written = [port.replace("-", ":") for port in ports]
    groups = [written[i : i + MOST_PORTS // 2] for i in range(0, len(written), MOST_PORTS // 2)]
    return [{"protocol": protocol, "multiport": {direction: ",".join(group)}} for group in groups]
