"""The limit for strangers as iptables' rules; ``kernel/strangers.py`` says what it is for (pure).

Here too no table is ever full, which would shut out whoever is new.
"""

from __future__ import annotations

from firewall.kernel.iptables.matches import (
    ACCEPTING,
    IP_HEADER,
    OPENING,
    PREFIX,
    begins,
    in_set,
    ipset_of,
    listed,
    over,
)
from firewall.kernel.iptables.text import Rule
from firewall.kernel.ruleset import Ruleset
from firewall.kernel.source_sets import SourceSet
from firewall.kernel.strangers import (
    CONNECTION_BYTES,
    CONNECTIONS_A_MINUTE,
    CONNECTIONS_AT_ONCE,
    FLOOD,
    HEADERS,
    KEEPALIVE_BYTES,
    MET_SECONDS,
    NARROW_A_SECOND,
    NARROW_BYTES,
    RESPONSE,
    SEGMENT_BYTES,
    SEGMENTS_A_SECOND,
    SPARED,
    TCP_WORDS,
    TURN_SECONDS,
    TURNS,
    Strangers,
)

STRANGERS, STRANGERS_TCP, STRANGERS_OUT = "ASTERISK_EXT_STR", "ASTERISK_EXT_STR_TCP", "ASTERISK_EXT_STR_OUT"
STRANGERS_SHORT, STRANGERS_DATA = "ASTERISK_EXT_STR_ACK", "ASTERISK_EXT_STR_SEG"
STRANGERS_LONG = "ASTERISK_EXT_STR_LONG"
FRIEND = {False: f"{PREFIX}friend4", True: f"{PREFIX}friend6"}
WATCHED = {False: f"{PREFIX}watched4", True: f"{PREFIX}watched6"}
MET = {False: f"{PREFIX}met4", True: f"{PREFIX}met6"}
TURN = {turn: {False: f"{PREFIX}{turn}4", True: f"{PREFIX}{turn}6"} for turn in TURNS}


def _unlimited(*, ipv6: bool) -> list[Rule]:
    return [
        {"in-interface": "lo", "target": "RETURN"},
        *({**in_set(name), "target": "RETURN"} for name in (MET[ipv6], FRIEND[ipv6])),
        {"set": {"match-set": ["!", WATCHED[ipv6], "src"]}, "target": "RETURN"},
    ]


def of_strangers(strangers: Strangers, *, ipv6: bool) -> list[Rule]:
    keepalive = f"0:{IP_HEADER[ipv6] + 8 + KEEPALIVE_BYTES}"
    limits: list[Rule] = [
        over(f"{FLOOD}/sec", str(FLOOD), "asterisk_ext_fl", ipv6=ipv6, by_source=False),
        in_set(TURN["turn_tcp"][ipv6]),
        _suspect(ipv6=ipv6),
        over("1/sec", str(strangers.failures), "asterisk_ext_st", ipv6=ipv6),
        over(f"{strangers.total}/sec", str(strangers.total), "asterisk_ext_to", ipv6=ipv6, by_source=False),
    ]
    return [
        *_unlimited(ipv6=ipv6),
        {"protocol": "tcp", "target": {"goto": STRANGERS_TCP}},
        {"protocol": "udp", "length": {"length": keepalive}, "target": "RETURN"},
        *({**limit, "target": "DROP"} for limit in limits),
        _takes_turn("turn_udp", ipv6=ipv6),
    ]


def _takes_turn(turn: str, *, ipv6: bool) -> Rule:
    told = {"add-set": [TURN[turn][ipv6], "src"], "exist": "", "timeout": str(TURN_SECONDS)}
    return {"target": {"SET": told}}


def tcp_of_strangers(*, ipv6: bool) -> list[Rule]:
    connections = over(f"{CONNECTIONS_A_MINUTE}/min", str(CONNECTIONS_AT_ONCE), "asterisk_ext_co", ipv6=ipv6)
    shortest = IP_HEADER[ipv6] + 4 * TCP_WORDS[-1]
    return [
        {**over(f"{FLOOD}/sec", str(FLOOD), "asterisk_ext_ft", ipv6=ipv6, by_source=False), "target": "DROP"},
        {**OPENING, **connections, "target": "DROP"},
        {**OPENING, "target": "RETURN"},
        {"length": {"length": f"0:{shortest}"}, "target": {"goto": STRANGERS_SHORT}},
        {"target": {"goto": STRANGERS_DATA}},
    ]


def without_data(*, ipv6: bool) -> list[Rule]:
    """Acknowledgements go in; the length of TCP's header is read where it is when nothing else comes before it."""
    words = "4>>8&0xFF=6 && 52>>28" if ipv6 else "0>>22&0x3C@12>>28"
    empty: list[Rule] = [
        {
            "length": {"length": str(IP_HEADER[ipv6] + 4 * count)},
            "u32": {"u32": f"{words}={count:#x}"},
            "target": "RETURN",
        }
        for count in TCP_WORDS
    ]
    return [*empty, {"target": {"goto": STRANGERS_DATA}}]


def segments_of_strangers(*, ipv6: bool) -> list[Rule]:
    narrow = in_set(ipset_of(SourceSet.NARROW, ipv6=ipv6))
    limits: list[Rule] = [
        {"length": {"length": f"{HEADERS[ipv6] + SEGMENT_BYTES + 1}:65535"}},
        {**narrow, "length": {"length": f"{HEADERS[ipv6] + NARROW_BYTES + 1}:65535"}},
        in_set(TURN["turn_udp"][ipv6]),
        {**narrow, **over(f"{NARROW_A_SECOND}/sec", "1", "asterisk_ext_na", ipv6=ipv6)},
        over(f"{SEGMENTS_A_SECOND}/sec", "1", "asterisk_ext_se", ipv6=ipv6),
    ]
    return [*({**limit, "target": "DROP"} for limit in limits), _takes_turn("turn_tcp", ipv6=ipv6)]


def long_connections(rules: Ruleset) -> list[Rule]:
    carried = {
        "connbytes": f"{CONNECTION_BYTES + 1}:",
        "connbytes-dir": "original",
        "connbytes-mode": "bytes",
    }
    return [{**sip, "connbytes": carried, "target": STRANGERS_LONG} for sip in listed("tcp", rules.sip_tcp)]


def long_of_strangers(*, ipv6: bool) -> list[Rule]:
    return [
        *({**in_set(ipset_of(spared, ipv6=ipv6)), "target": "RETURN"} for spared in SPARED),
        *_unlimited(ipv6=ipv6),
        {"target": "DROP"},
    ]


def _suspect(*, ipv6: bool) -> Rule:
    return {**in_set(ipset_of(SourceSet.SUSPECT, ipv6=ipv6)), **over("1/sec", "1", "asterisk_ext_su", ipv6=ipv6)}


def out_to_strangers(*, ipv6: bool) -> list[Rule]:
    names = (*(ipset_of(spared, ipv6=ipv6) for spared in SPARED), MET[ipv6], FRIEND[ipv6])
    spared: list[Rule] = [{"set": {"match-set": [name, "dst"]}, "target": "RETURN"} for name in names]
    return [
        {"out-interface": "lo", "target": "RETURN"},
        *spared,
        {
            "set": {"match-set": [ipset_of(SourceSet.NARROW, ipv6=ipv6), "dst"]},
            **ACCEPTING,
            "target": {"TCPMSS": {"set-mss": str(NARROW_BYTES)}},
        },
        # It raises none.
        {**ACCEPTING, "target": {"TCPMSS": {"set-mss": str(SEGMENT_BYTES)}}},
    ]


def meetings(rules: Ruleset, *, ipv6: bool) -> list[Rule]:
    met: Rule = {"target": {"SET": {"add-set": [MET[ipv6], "dst"], "exist": "", "timeout": str(MET_SECONDS)}}}
    return [
        *(
            {**sip, "u32": {"u32": ["!", begins(RESPONSE, ipv6=ipv6)]}, **met}
            for sip in listed("udp", rules.sip_udp, "sports")
        ),
        *({**OPENING, **sip, **met} for sip in listed("tcp", rules.sip_tcp)),
        *({**ACCEPTING, **sip, "target": STRANGERS_OUT} for sip in listed("tcp", rules.sip_tcp, "sports")),
    ]
