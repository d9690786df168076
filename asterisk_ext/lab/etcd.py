"""The lab's etcd cluster: a server on each node, with the fleet's certificates, as the guide has it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from functools import partial
from pathlib import Path

from asterisk_ext.domain.errors import Problem
from asterisk_ext.lab import machines, node_tree, private_files, services
from asterisk_ext.lab.asterisk_install import CACHE_VARIABLE, DEFAULT_CACHE
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.supervisor import Supervisor
from asterisk_ext.lab.topology import ETCD_PORT, Host, Topology
from asterisk_ext.trust import cluster

PEERS = 2380
PLACE = "/var/lib/etcd"
READY_SECONDS = 60.0
NOT_FURNISHED = Problem(
    "lab.etcd_not_furnished",
    500,
    "The lab was not started: {node} could make no certificate for etcd: {told}",
    "Correct what it tells.",
)


def program() -> str | None:
    """The machine's own etcd, or the one that `make setup` unpacked."""
    unpacked = Path(os.environ.get(CACHE_VARIABLE, DEFAULT_CACHE)) / "peers/usr/bin/etcd"
    return shutil.which("etcd") or (str(unpacked) if unpacked.exists() else None)


async def start(plan: Plan, supervisor: Supervisor) -> None:
    """Before the guards, which know the nodes' addresses by their settings; refuses where a server does not come up."""
    first = plan.topology.nodes[0]
    for node in plan.topology.nodes:
        await _furnish(plan, supervisor, first, node)
    await asyncio.gather(*(_start(plan, supervisor, node) for node in plan.topology.nodes))


async def _furnish(plan: Plan, supervisor: Supervisor, first: Host, node: Host) -> None:
    """The first node makes the certificate, which is carried to its server."""
    made = f"/var/lib/asterisk-ext/etcd-{node.name}"
    command = ("asterisk-ext", "registry", "etcd-certificate", node.ipv4, "127.0.0.1", "--into", made)
    status, told = await supervisor.output(first.name, command)
    if status:
        raise NOT_FURNISHED.refuse(node=first.name, told=told)
    source = node_tree.inside(machines.node_base(plan, first.name), made)
    texts = {name: (source / name).read_text() for name in cluster.FILES}
    uid = node_tree.ETCD_UID
    private_files.write(node_tree.inside(machines.node_base(plan, node.name), f"{PLACE}/tls"), texts, uid, uid)
    shutil.rmtree(source)


async def _start(plan: Plan, supervisor: Supervisor, node: Host) -> None:
    base = machines.node_base(plan, node.name)
    log = node_tree.inside(base, "/var/log/asterisk-ext/etcd.log")
    command = services.as_user(node_tree.ETCD_UID, _command(plan.topology, node))
    running = await supervisor.start(node.name, "etcd", command, log)
    url = f"https://{node.ipv4}:{ETCD_PORT}"
    ask = (sys.executable, "-m", "asterisk_ext.lab.etcd_health", url, f"{PLACE}/tls")
    await supervisor.until(running, partial(supervisor.succeeds, node.name, ask), READY_SECONDS)


ROOM = 512 * 1024 * 1024
"""Bytes of the cluster's database: whoever fills it fills each server's copy too, which is in memory."""


def _command(topology: Topology, node: Host) -> tuple[str, ...]:
    members = ",".join(f"{other.name}=https://{other.ipv4}:{PEERS}" for other in topology.nodes)
    clients, peers = f"https://{node.ipv4}:{ETCD_PORT}", f"https://{node.ipv4}:{PEERS}"
    return (
        *(str(program()), "--name", node.name, "--data-dir", f"{PLACE}/data", "--log-level", "warn"),
        *("--listen-client-urls", clients, "--advertise-client-urls", clients),
        *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
        *("--initial-cluster", members, "--auto-compaction-mode=periodic", "--auto-compaction-retention=1h"),
        f"--quota-backend-bytes={ROOM}",
        *cluster.options(Path(PLACE) / "tls"),
    )
