"""The fleet's template until the hoster writes his own: what a node of virtual PBXs has open (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from asterisk_ext.domain.firewall_rule import Rule

DEFAULT = "default"
"""Name of the template that every server follows unless told otherwise."""


def default_rules(
    *,
    sip_udp: Sequence[str] = ("5060",),
    sip_tcp: Sequence[str] = ("5060", "5061"),
    rtp: Sequence[str] = ("10000-20000",),
    ssh: Sequence[str] = ("22",),
    console: Sequence[str] = ("8480",),
) -> tuple[Rule, ...]:
    """SIP, media, SSH, the console and ping, for everybody who is not banned."""
    open_to_all = (
        *(("sip_udp", port) for port in sip_udp),
        *(("sip_tcp", port) for port in sip_tcp),
        *(("rtp", port) for port in rtp),
        *(("ssh", port) for port in ssh),
        *(("console", port) for port in console),
        ("icmp", ""),
    )
    return tuple(
        Rule(id=f"default-{place}", type=kind, ports=port) for place, (kind, port) in enumerate(open_to_all, 1)
    )
