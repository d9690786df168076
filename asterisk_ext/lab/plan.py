"""What `lab up` was asked for, with the secrets of this run: the one document all of the lab's parts read."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Literal

import msgspec

from asterisk_ext.config import Guard
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.server import Technology
from asterisk_ext.lab import sample, topology

STATE = Path("/run/asterisk-ext-lab")
NO_HOST = Problem(
    "lab.no_host", 422, "The lab was not started: none of its nodes hosts virtual PBXs.", "Give more --nodes."
)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``port`` is the first node's console on the machine's loopback; the others' follow it."""

    name: str
    nodes: int
    calls: int
    port: int
    detach: bool
    accounts: tuple[sample.Account, ...]
    users: dict[str, str]
    drivers: tuple[str, ...] = ()
    registry: Literal["embedded", "etcd"] = "embedded"
    dns: bool = False
    """Whether phones register by names at a DNS server of the lab's, and follow them."""
    dns_ttl: int = topology.DNS_TTL
    """Seconds for which resolvers remember the names."""
    dns_secret: str = ""
    technologies: tuple[Technology, ...] = ()
    """Of the nodes, in order; the rest are CORE SERVERs."""
    ari_secret: str
    ari_acting_secret: str
    hep_secret: str

    @property
    def topology(self) -> topology.Topology:
        return topology.plan(self.nodes)

    def technology(self, node: str) -> Technology:
        number = [host.name for host in self.topology.nodes].index(node)
        return technology_of(self.technologies, number)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The nodes with an Asterisk."""
        return tuple(node.name for node in self.topology.nodes if self.technology(node.name).hosts)

    @property
    def place(self) -> Path:
        """The lab's directory in the machine's /run, root's alone."""
        return STATE / self.name

    @property
    def scratch(self) -> Path:
        """Where the lab's own memory file system is mounted, seen by the lab's processes only."""
        return self.place / "mnt"

    def driver(self, node: str) -> str:
        """The kernel driver of a node's guard: the drivers go by turns."""
        names = [host.name for host in self.topology.nodes]
        return self.drivers[names.index(node) % len(self.drivers)] if self.drivers else Guard().driver

    @property
    def passwords(self) -> dict[str, str]:
        return {account.name: account.password for account in self.accounts}

    @property
    def phones(self) -> tuple[sample.Account, ...]:
        """The accounts that phones of the lab hold."""
        return tuple(account for account in self.accounts if account.extension not in sample.SPARE)

    def account(self, name: str) -> sample.Account:
        """Raises KeyError for an account the sample does not have."""
        for account in self.accounts:
            if account.name == name:
                return account
        raise KeyError(name)

    def ports(self) -> dict[str, int]:
        """Each node's console port on the machine's loopback."""
        return {node.name: self.port + number for number, node in enumerate(self.topology.nodes)}


def make(
    *,
    name: str,
    nodes: int,
    calls: int,
    port: int,
    detach: bool,
    drivers: tuple[str, ...] = (),
    registry: Literal["embedded", "etcd"] = "embedded",
    technologies: tuple[Technology, ...] = (),
    dns: bool = False,
    dns_ttl: int = topology.DNS_TTL,
) -> Plan:
    """A plan with fresh secrets. Refuses ``lab.no_host``."""
    planned = enumerate(topology.plan(nodes).nodes)
    names = tuple(node.name for number, node in planned if technology_of(technologies, number).hosts)
    if not names:
        raise NO_HOST.refuse()
    return Plan(
        name=name,
        nodes=nodes,
        calls=calls,
        port=port,
        detach=detach,
        drivers=drivers,
        registry=registry,
        technologies=technologies,
        dns=dns,
        dns_ttl=dns_ttl,
        dns_secret=base64.b64encode(secrets.token_bytes(32)).decode(),
        accounts=sample.accounts(names, new_secret),
        users=sample.users(new_secret),
        ari_secret=new_secret(),
        ari_acting_secret=new_secret(),
        hep_secret=new_secret(),
    )


def technology_of(technologies: tuple[Technology, ...], number: int) -> Technology:
    return technologies[number] if number < len(technologies) else Technology.CORE_SERVER


def new_secret() -> str:
    """Letters and digits only: it stands in Asterisk's files, SIPp's fields and baresip's accounts."""
    return secrets.token_hex(12)


def read(path: Path) -> Plan:
    return msgspec.json.decode(path.read_bytes(), type=Plan)
