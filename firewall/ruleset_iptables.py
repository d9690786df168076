"""The same rules for iptables: a handful of static ones; everything that varies is in ipsets (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from firewall.ruleset import LONGEST_SIP_DATAGRAM, Ruleset

EARLY, EARLY_OUT, INBOUND = "ASTERISK_EXT_EARLY", "ASTERISK_EXT_OUT", "ASTERISK_EXT"
HOOKS = {("raw", EARLY): "PREROUTING", ("raw", EARLY_OUT): "OUTPUT", ("filter", INBOUND): "INPUT"}
BAN = {False: "asterisk_ext_ban4", True: "asterisk_ext_ban6"}
SLOW = {False: "asterisk_ext_slow4", True: "asterisk_ext_slow6"}
IP_HEADER = {False: 20, True: 40}
ICMP = ("echo-request", "destination-unreachable", "time-exceeded", "parameter-problem")
ICMPV6 = (
    *("echo-request", "destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"),
    "router-solicitation",
    "router-advertisement",
    "neighbour-solicitation",
    "neighbour-advertisement",
)
MOST_PORTS = 15
"""The multiport match takes fifteen, a range counting as two."""

Rule = dict[str, object]


def to_iptables(rules: Ruleset, *, ipv6: bool) -> dict[tuple[str, str], list[Rule]]:
    """The rules of each of our chains, by table and chain, as python-iptables' dictionaries."""
    notrack: Rule = {"target": {"CT": {"notrack": ""}}}
    untracked = rules.sip_udp + rules.rtp if rules.untracked else ()
    return {
        ("raw", EARLY): [
            {**_in_set(BAN[ipv6]), "target": "DROP"},
            *({**slow, "target": "DROP"} for slow in _slow(rules, ipv6=ipv6)),
            *(
                {**sip, "length": {"length": _too_long(ipv6=ipv6)}, "target": "DROP"}
                for sip in _ports("udp", rules.sip_udp)
            ),
            *({"in-interface": "!lo", **ports, **notrack} for ports in _ports("udp", untracked)),
        ],
        ("raw", EARLY_OUT): [
            {"out-interface": "!lo", **ports, **notrack} for ports in _ports("udp", untracked, direction="sports")
        ],
        ("filter", INBOUND): [
            {"in-interface": "lo", "target": "ACCEPT"},
            {"conntrack": {"ctstate": "RELATED,ESTABLISHED"}, "target": "ACCEPT"},
            {"conntrack": {"ctstate": "INVALID"}, "target": "DROP"},
            *(_icmpv6() if ipv6 else _icmp()),
            *_from_fleet(network for network in sorted(rules.fleet) if (":" in network) == ipv6),
            *({**ports, "target": "ACCEPT"} for ports in _ports("udp", rules.sip_udp)),
            *({**ports, "target": "ACCEPT"} for ports in _ports("tcp", rules.sip_tcp)),
            *({**ports, "target": "ACCEPT"} for ports in _ports("udp", rules.rtp)),
            *({**ports, "target": "ACCEPT"} for ports in _ports("tcp", rules.ssh)),
            *({**ports, "target": "ACCEPT"} for ports in _ports("tcp", rules.console)),
            {"target": "DROP"},
        ],
    }


def _slow(rules: Ruleset, *, ipv6: bool) -> list[Rule]:
    limit = {
        "hashlimit-above": "30/sec",
        "hashlimit-burst": "60",
        "hashlimit-mode": "srcip",
        "hashlimit-name": "asterisk_ext6" if ipv6 else "asterisk_ext4",
        "hashlimit-srcmask": "64" if ipv6 else "32",
        # python-iptables leaves out the match's last check, which would fill this in.
        "hashlimit-htable-expire": "10000",
        "hashlimit-htable-max": "65536",
    }
    return [{**sip, **_in_set(SLOW[ipv6]), "hashlimit": limit} for sip in _ports("udp", rules.sip_udp)]


def _from_fleet(networks: Iterable[str]) -> list[Rule]:
    return [{"src": network, "target": "ACCEPT"} for network in networks]


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
