"""From where somebody asks, as a question about the firewall: that he gets in to the console he uses."""

from __future__ import annotations

import ipaddress

from aiohttp import web

from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol


def own_session(request: web.Request) -> list[Question]:
    """Nothing for who asks over the Unix socket or from this machine itself, whom no rule can cut off."""
    local = request.transport.get_extra_info("sockname") if request.transport is not None else None
    try:
        address = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return []
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    if address.is_loopback or not isinstance(local, tuple):
        return []
    return [Question(str(address), Protocol.TCP, int(local[1]))]
