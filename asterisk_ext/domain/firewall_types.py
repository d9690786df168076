"""The types of traffic that a firewall rule can name: protocols and the ports each uses unless a rule says others.

Ports by IANA's registry of service names, but for RTP (Asterisk's ``rtp.conf``) and WebSockets (``http.conf``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Protocol(StrEnum):
    """What is above IP; ICMP is ICMPv6 in IPv6."""

    UDP = "udp"
    TCP = "tcp"
    ICMP = "icmp"
    OTHER = "other"
    """Anything else, such as GRE: no rule but one for any traffic speaks of it."""


PortRange = tuple[int, int]
ALL_PORTS: PortRange = (1, 65535)


@dataclass(frozen=True, slots=True)
class Type:
    """``ports`` is None where the protocol has none."""

    id: str
    word: str
    protocols: tuple[Protocol, ...]
    ports: PortRange | None


TYPES: Mapping[str, Type] = {
    kind.id: kind
    for kind in (
        Type("sip_udp", "SIP UDP", (Protocol.UDP,), (5060, 5060)),
        Type("sip_tcp", "SIP TCP", (Protocol.TCP,), (5060, 5060)),
        Type("sip", "SIP UDP, TCP", (Protocol.UDP, Protocol.TCP), (5060, 5060)),
        Type("sip_tls", "SIP TLS", (Protocol.TCP,), (5061, 5061)),
        Type("ws", "WebRTC / WS", (Protocol.TCP,), (8088, 8088)),
        Type("wss", "WebRTC / WSS", (Protocol.TCP,), (8089, 8089)),
        Type("rtp", "RTP", (Protocol.UDP,), (10000, 20000)),
        Type("iax2", "IAX2", (Protocol.UDP,), (4569, 4569)),
        Type("ssh", "SSH", (Protocol.TCP,), (22, 22)),
        Type("console", "Console", (Protocol.TCP,), (8480, 8480)),
        Type("http", "HTTP", (Protocol.TCP,), (80, 80)),
        Type("https", "HTTPS", (Protocol.TCP,), (443, 443)),
        Type("dns", "DNS", (Protocol.UDP, Protocol.TCP), (53, 53)),
        Type("icmp", "ICMP", (Protocol.ICMP,), None),
        Type("any_tcp", "TCP", (Protocol.TCP,), ALL_PORTS),
        Type("any_udp", "UDP", (Protocol.UDP,), ALL_PORTS),
        Type("any", "*", tuple(Protocol), None),
    )
}


def written(ports: PortRange) -> str:
    """``"5060"``, ``"10000-20000"``."""
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
