"""Which machines the lab has and their addresses: one switch, every machine on it.

The addresses are of the blocks set apart for benchmarks of networks (RFC 2544: 198.18.0.0/15; RFC 5180:
2001:2::/48), so that none of them can be a real machine's. In IPv6 each machine has a /64 of its own, as customers do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PREFIX4 = 15
PREFIX6 = 48
CONSOLE_PORT = 8480
SIP_PORT = 5060
TLS_PORT = 5061
ETCD_PORT = 2379
DNS_PORT = 5300
ZONE = "sip.lab.example"
"""Of the names that phones register by, in a lab with a DNS server."""
DNS_TTL = 5
"""Seconds; an installation has 30, and nobody wants to wait so long in a lab."""


class Kind(StrEnum):
    NODE = "node"
    PHONES = "phones"
    CARRIER = "carrier"
    ATTACKER = "attacker"
    OPERATOR = "operator"


_NETS = {Kind.NODE: 1, Kind.PHONES: 10, Kind.CARRIER: 20, Kind.ATTACKER: 66}


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of the lab: a network namespace with one interface, ``eth0``."""

    name: str
    kind: Kind
    ipv4: str
    ipv6: str


@dataclass(frozen=True, slots=True)
class Topology:
    hosts: tuple[Host, ...]

    def of(self, kind: Kind) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.kind is kind)

    @property
    def nodes(self) -> tuple[Host, ...]:
        return self.of(Kind.NODE)

    @property
    def etcd(self) -> tuple[str, ...]:
        """Where the cluster is reached that has a server on every node."""
        return tuple(f"https://{node.ipv4}:{ETCD_PORT}" for node in self.nodes)

    def host(self, name: str) -> Host:
        """Raises KeyError for a machine that the lab does not have."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def hosts_file(self) -> str:
        """For /etc/hosts: every machine by its name."""
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        lines += [f"{address} {host.name}" for host in self.hosts for address in (host.ipv4, host.ipv6)]
        return "\n".join(lines) + "\n"


def registration_name(node: str) -> str:
    """``node1.sip.lab.example``"""
    return f"{node}.{ZONE}"


def plan(nodes: int, phones: int = 1, attackers: int = 4) -> Topology:
    """The lab's machines: ``node1`` … , ``phones1`` … , ``carrier``, ``attacker1`` … and ``operator``."""
    return Topology(
        (
            Host("operator", Kind.OPERATOR, "198.18.0.10", "2001:2:0:10::1"),
            *(_numbered(Kind.NODE, number) for number in range(1, nodes + 1)),
            *(_numbered(Kind.PHONES, number) for number in range(1, phones + 1)),
            Host("carrier", Kind.CARRIER, "198.18.20.1", "2001:2:0:2001::1"),
            *(_numbered(Kind.ATTACKER, number) for number in range(1, attackers + 1)),
        )
    )


def _numbered(kind: Kind, number: int) -> Host:
    net = _NETS[kind]
    return Host(f"{kind}{number}", kind, f"198.18.{net}.{number}", f"2001:2:0:{net}{number:02}::1")
