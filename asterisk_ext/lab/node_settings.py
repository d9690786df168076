"""A node's /etc/asterisk-ext: the product's own settings, as an installation would have them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

import msgspec

from asterisk_ext import config
from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.topology import CONSOLE_PORT, DNS_PORT, ZONE, Host, Kind, Topology

SIP_TCP = ("5060", "5061", "8088", "8089")
"""TLS at 5061, WebSocket at 8088 and 8089, where nothing listens unless a test has it so."""

HEP_PORT = 9060


def settings(
    node: Host,
    topology: Topology,
    install: Install,
    driver: str = config.Guard().driver,
    engine: Literal["embedded", "etcd"] = "embedded",
    hosts: bool = True,
    dns_ttl: int = 0,
) -> config.Config:
    """The first node holds the registry and serves it to the others; the second is a console like it.

    ``dns_ttl``: seconds for which resolvers remember the servers' names, 0 where the lab has no names.
    """
    first, *others = topology.nodes
    friends = (*topology.nodes, *topology.of(Kind.CARRIER), *topology.of(Kind.OPERATOR))
    return config.Config(
        node=config.Node(name=node.name),
        registry=config.Registry(
            engine=engine,
            etcd=topology.etcd if engine == "etcd" else (),
            serve=node == first,
            consoles=tuple(other.name for other in others[:1]) if node == first else (),
        ),
        guard=config.Guard(
            driver=driver,
            capture_port=HEP_PORT if hosts else 0,
            node_service_uid=install.uid,
            fleet=tuple(other.ipv4 for other in topology.nodes if other != node) if engine == "etcd" else (),
            never_ban=tuple(address for friend in friends for address in (friend.ipv4, friend.ipv6)),
            sip_udp=config.Guard().sip_udp if hosts else (),
            sip_tcp=SIP_TCP if hosts else (),
            rtp=config.Guard().rtp if hosts else (),
        ),
        countries=config.Countries(sources=(), schedule=""),
        admin_http=config.AdminHttp(host=node.ipv4, port=CONSOLE_PORT),
        dns=_dns(topology, dns_ttl) if dns_ttl and node == first else config.Dns(),
        asterisk=config.Asterisk(here=hosts),
        fleet=config.Fleet(host=node.ipv4),
    )


def _dns(topology: Topology, ttl: int) -> config.Dns:
    server = topology.of(Kind.OPERATOR)[0].ipv4
    return config.Dns(server=server, port=DNS_PORT, zone=ZONE, ttl=ttl)


def write(place: Path, whole: config.Config, plan: Plan, install: Install) -> None:
    """Secrets are readable by root and the ``asterisk`` group only."""
    text = as_toml(whole).encode()
    for name, content, mode in (
        ("config.toml", text, 0o644),
        ("ari.secret", plan.ari_secret.encode(), 0o640),
        ("ari-act.secret", plan.ari_acting_secret.encode(), 0o640),
        ("hep.secret", plan.hep_secret.encode(), 0o640),
        *([("dns.secret", plan.dns_secret.encode(), 0o640)] if whole.dns.server else []),
    ):
        path = place / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        os.chown(path, 0, install.gid)
        path.chmod(mode)


def as_toml(whole: config.Config) -> str:
    """Strings, numbers, truth values and lists of them are written alike in TOML and in JSON."""
    lines = []
    for section, values in msgspec.to_builtins(whole).items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
    return "\n".join(lines)
