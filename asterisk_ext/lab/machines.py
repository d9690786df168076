"""The lab's machines as namespaces, each held open by a process that does nothing else."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import closing
from pathlib import Path

from asterisk_ext.lab import asterisk_etc, certificates, namespaces, node_settings, node_tree, private_files
from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.topology import Host, Kind
from dialplan.projection import Projection

SCRATCH = Path("/mnt")
"""Where a machine that is no node sees its own directory of the lab's memory file system."""


def node_base(plan: Plan, node: str) -> Path:
    """Where a node's private directories are kept."""
    return plan.scratch / node


def make_all(plan: Plan, install: Install) -> dict[str, int]:
    """Make every machine's namespaces and file system; returns the holders' process ids."""
    for node in plan.topology.nodes:
        _furnish(node, plan, install)
    return {host.name: _hold(host, plan, install) for host in plan.topology.hosts}


def _furnish(node: Host, plan: Plan, install: Install) -> None:
    """What an installation leaves on a node: directories, settings, Asterisk's files, an empty realtime database."""
    base = node_base(plan, node.name)
    node_tree.make_directories(base, install)
    hosts = plan.technology(node.name).hosts
    driver = plan.driver(node.name)
    ttl = plan.dns_ttl if plan.dns else 0
    config = node_settings.settings(node, plan.topology, install, driver, plan.registry, hosts, ttl)
    node_settings.write(node_tree.inside(base, "/etc/asterisk-ext"), config, plan, install)
    texts = asterisk_etc.render(node, plan, install, config)
    etc = node_tree.inside(base, "/etc/asterisk")
    private_files.write(etc, texts, install.uid, install.gid)
    certificates.make(node, etc, install.uid, install.gid)
    database = node_tree.inside(base, config.asterisk.realtime)
    private_files.write(database.parent, {}, install.uid, install.gid)
    with closing(Projection(database)) as projection:
        projection.apply(())
    for file in database.parent.iterdir():
        os.chown(file, install.uid, install.gid)


def _hold(host: Host, plan: Plan, install: Install) -> int:
    """Fork the holder and wait until its namespaces stand; what went wrong there is raised here as an OSError."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        try:
            _make(host, plan, install)
            os.write(write_end, b"ready")
        except OSError as error:
            os.write(write_end, str(error).encode())
            os._exit(1)
        os.closerange(3, write_end + 1)
        while True:
            signal.pause()
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answer:
        told = answer.read()
    if told != b"ready":
        raise OSError(f"{host.name}: {told.decode()}")
    return pid


def _make(host: Host, plan: Plan, install: Install) -> None:
    namespaces.unshare(namespaces.CLONE_NEWNET | namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS)
    socket.sethostname(host.name)
    if host.kind is Kind.NODE:
        namespaces.move_root(node_tree.mount_tree(node_base(plan, host.name), install, plan.topology.hosts_file()))
    else:
        (plan.scratch / host.name).mkdir()
        namespaces.bind(plan.scratch / host.name, SCRATCH)
        namespaces.mount("sysfs", Path("/sys"), "sysfs")
