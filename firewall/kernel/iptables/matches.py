"""The matches that iptables' rules are made of (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from firewall.kernel.iptables.text import Rule
from firewall.kernel.source_sets import SourceSet
from firewall.kernel.strangers import ENTRIES, ENTRY_SECONDS

PREFIX = "asterisk_ext_"
IP_HEADER = {False: 20, True: 40}
OPENING: Rule = {"protocol": "tcp", "tcp": {"tcp-flags": ["SYN,ACK", "SYN"]}}
ACCEPTING: Rule = {"protocol": "tcp", "tcp": {"tcp-flags": ["SYN,ACK", "SYN,ACK"]}}
MOST_PORTS = 15
"""The multiport match takes fifteen, a range counting as two."""


def ipset_of(which: SourceSet, *, ipv6: bool) -> str:
    return PREFIX + which.of(ipv6=ipv6)


def over(
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


def in_set(name: str) -> Rule:
    return {"set": {"match-set": [name, "src"]}}


def begins(text: bytes, *, ipv6: bool) -> str:
    """A datagram's data begin so (u32)."""
    # Options and extension headers before UDP only make a response look like none.
    start = IP_HEADER[ipv6] + 8
    words = [int.from_bytes(text[i : i + 4], "big") for i in range(0, len(text), 4)]
    return " && ".join(f"{start + 4 * i}={word:#x}" for i, word in enumerate(words))


def listed(protocol: str, ports: Iterable[str], direction: str = "dports") -> list[Rule]:
    written = [port.replace("-", ":") for port in ports]
    groups = [written[i : i + MOST_PORTS // 2] for i in range(0, len(written), MOST_PORTS // 2)]
    return [{"protocol": protocol, "multiport": {direction: ",".join(group)}} for group in groups]
